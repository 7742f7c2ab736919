//! Another program on the topic, on a thread of its own: a transaction that it leaves open every 20 seconds, a record with a
//! null header every 10.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chrono::Utc;
use e2e::kafka::Kafka;
use e2e::kafka::neighbour::Neighbour;

use crate::shared_kafka::record;

/// What its instances begin with.
pub(super) const INSTANCE: &str = "neighbour-";
/// Of records that must be stored.
pub(super) const HEADERS: &str = "neighbour-headers";
/// Of records that must not: their transactions are never committed.
pub(super) const LEFT: &str = "neighbour-left";

/// Kafka looks for transactions to abort more often than every ten seconds, and for records to delete.
pub(super) const SETTINGS: &str = "transaction.abort.timed.out.transaction.cleanup.interval.ms=2000
log.retention.check.interval.ms=5000
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=2
transaction.state.log.min.isr=1";

/// After so long Kafka aborts what was left.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Between two records with a null header; a transaction comes with every other one.
const EVERY: Duration = Duration::from_secs(10);

/// The running one.
pub(super) struct Others {
    stop: Sender<()>,
    thread: JoinHandle<Done>,
}

/// What it has done: only what Kafka has acknowledged.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Done {
    pub(super) headers: usize,
    pub(super) left: usize,
    /// Begun, whatever Kafka said.
    pub(super) transactions: u64,
}

impl Others {
    pub(super) fn start(kafka: &Kafka) -> Self {
        let mut neighbour = Neighbour::with_timeout(kafka, TIMEOUT);
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut done = Done::default();
            for round in 0.. {
                if round % 2 == 0 {
                    let name = format!("left-{round}");
                    done.transactions += 1;
                    let left = neighbour.begin(&name).and_then(|()| {
                        (0..2).try_for_each(|number| {
                            neighbour.send(&name, round % 3, &record(LEFT, Utc::now(), number))
                        })
                    });
                    match left {
                        Ok(()) => done.left += 2,
                        Err(error) => println!("a transaction failed: {error}"),
                    }
                }
                // One that fails may be stored or not: it must not happen, as Java's producer tries for two minutes.
                let text = record(HEADERS, Utc::now(), round);
                neighbour
                    .send_null_header(round % 3, &text)
                    .expect("a record");
                done.headers += 1;
                match stopped.recv_timeout(EVERY) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => break,
                }
            }
            done
        });
        Self { stop, thread }
    }

    /// Ends it.
    pub(super) fn finish(self) -> Done {
        drop(self.stop);
        self.thread.join().expect("it has not failed")
    }
}
