//! Sends records to Kafka without ever blocking the code that produces them.
//!
//! [`Producer::record`] puts a reference to a record into a bounded queue and returns; a background task serialises it as
//! JSON. That task retries the connection forever, sends in batches, and reconnects after any error. While Kafka is
//! unavailable the oldest records are dropped and counted. If an acknowledgement is lost after Kafka stored a batch, the
//! batch is stored twice; readers identify records by time and identity, so duplicates do no harm.

mod config;
mod entry;
mod link;
mod queue;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::Supervisor;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::task_tracker::TaskTrackerToken;

pub use config::{Compression, ProducerConfig};
pub use queue::{Drops, QueueLimits};
pub use shared::ProducerStats;

use crate::messages::{Event, Record};
use entry::Entry;
use queue::Queue;
use shared::Shared;

/// The name of the background task, for [`Supervisor::panics`].
pub(crate) const TASK: &str = "producer";

/// A handle to the one background task that talks with Kafka. Clones share it; when the last one is gone the task ends.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use netsocket_telemetry::{
///     Figures, HostSample, Identity, Producer, ProducerConfig, Record, Role, Supervisor,
///     parse_brokers,
/// };
/// use tokio::net::TcpListener;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A broker that never answers.
/// let silent = TcpListener::bind("127.0.0.1:0").await?;
/// let brokers = parse_brokers(&silent.local_addr()?.to_string())?;
/// let identity = Identity::new(Role::Balancer, "lb");
/// let config = ProducerConfig::new(brokers);
/// let producer = Producer::start(config, identity.key(), &Supervisor::default());
///
/// let ts = "2026-08-04T12:00:02Z".parse()?;
/// let record = Record::new(&identity, ts, HostSample::default(), Figures::default());
/// producer.record(&Arc::new(record));
/// assert_eq!(producer.stats().queued, 1);
///
/// producer.shutdown(Duration::from_millis(10)).await;
/// assert_eq!((producer.stats().sent, producer.stats().drops.shutdown), (0, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Producer {
    shared: Arc<Shared>,
    abort: CancellationToken,
    _last_handle: Arc<DropGuard>,
}

impl Producer {
    /// Starts the background task and returns at once, whether or not Kafka is available. `instance_key` identifies this
    /// process ([`crate::Identity::key`]) and chooses the partition. `supervisor` starts the task again if it panics.
    ///
    /// # Panics
    /// Outside a tokio runtime with time and I/O enabled.
    #[must_use]
    pub fn start(config: ProducerConfig, instance_key: String, supervisor: &Supervisor) -> Self {
        let shared = Arc::new(Shared::new(Queue::new(config.limits)));
        let abort = CancellationToken::new();
        tokio::spawn({
            let (shared, abort) = (Arc::clone(&shared), abort.clone());
            let supervisor = supervisor.clone();
            async move {
                let _ended = shared.ended.clone().drop_guard();
                let link = supervisor.run(TASK, || link::run(&config, &instance_key, &shared));
                abort.run_until_cancelled(link).await;
                shared.link().connected = false;
                shared.queue().abandon();
            }
        });
        let last_handle = Arc::new(abort.clone().drop_guard());
        Self {
            shared,
            abort,
            _last_handle: last_handle,
        }
    }

    /// Queues a record. Never waits for Kafka: if the queue is full, the oldest record is dropped.
    pub fn record(&self, record: &Arc<Record>) {
        self.push(Entry::Record(Arc::clone(record)));
    }

    /// Queues an event, in the same order and under the same bounds as records.
    pub fn event(&self, event: &Arc<Event>) {
        self.push(Entry::Event(Arc::clone(event)));
    }

    fn push(&self, entry: Entry) {
        self.shared.queue().push(entry);
        self.shared.wake.notify_one();
    }

    /// The current state and counters.
    #[must_use]
    pub fn stats(&self) -> ProducerStats {
        self.shared.stats()
    }

    /// While this is held, a shutdown waits a while for the holder's last record or event.
    pub(crate) fn expect_final_event(&self) -> TaskTrackerToken {
        self.shared.final_events.token()
    }

    /// Sends what is queued, for at most `deadline`, then ends the background task. What is still queued then, and what is
    /// recorded later, counts as dropped. A heartbeat that was told to end gets a quarter of the time for its last event.
    /// Further calls, from any handle, only wait for the end.
    pub async fn shutdown(&self, deadline: Duration) {
        let end = async {
            self.shared.final_events.close();
            // A task that does not end in time loses its last event.
            let _ = timeout(deadline / 4, self.shared.final_events.wait()).await;
            self.shared.closing.cancel();
            self.shared.ended.cancelled().await;
        };
        // Late or not, the task is told to end now.
        let _ = timeout(deadline, end).await;
        self.shared.closing.cancel();
        self.abort.cancel();
        self.shared.ended.cancelled().await;
    }
}
