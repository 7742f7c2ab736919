//! A partition in memory.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use netsocket_telemetry::KafkaError;
use netsocket_telemetry::collector::{Decoded, Fetched, LogEntry, PartitionLog};
use tokio::time::sleep;

/// Entries from `first` on; some may be out of order for a reader.
#[derive(Debug)]
pub(crate) struct MemoryLog {
    first: i64,
    values: Mutex<Vec<String>>,
    /// Entries given at once.
    at_once: usize,
    /// The offset whose first fetch fails.
    fails_at: Mutex<Option<i64>>,
    /// From here on an open transaction holds everything back.
    open_from: Mutex<Option<i64>>,
    /// Where the entries of the leader before end, if there was one.
    cut_at: Option<i64>,
    fetches: AtomicUsize,
    empty: AtomicUsize,
}

impl MemoryLog {
    /// The value `?` stands for something that cannot be decoded, `-` for a mark of Kafka's own, and `x` for an entry of an
    /// aborted transaction.
    pub(crate) fn new(first: i64, at_once: usize, values: Vec<String>) -> Self {
        Self {
            first,
            values: Mutex::new(values),
            at_once,
            fails_at: Mutex::new(None),
            open_from: Mutex::new(None),
            cut_at: None,
            fetches: AtomicUsize::new(0),
            empty: AtomicUsize::new(0),
        }
    }

    pub(crate) fn failing_at(self, offset: i64) -> Self {
        Self {
            fails_at: Mutex::new(Some(offset)),
            ..self
        }
    }

    /// A transaction begins at an offset.
    pub(crate) fn open_from(self, offset: i64) -> Self {
        Self {
            open_from: Mutex::new(Some(offset)),
            ..self
        }
    }

    /// The leader before had this much of it when the next one began.
    pub(crate) fn cut_at(self, offset: i64) -> Self {
        Self {
            cut_at: Some(offset),
            ..self
        }
    }

    /// The transaction ends.
    pub(crate) fn commit(&self) {
        *self.open_from.lock().unwrap() = None;
    }

    /// Fetches that found something.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// Fetches that found nothing.
    pub(crate) fn empty_fetches(&self) -> usize {
        self.empty.load(Ordering::SeqCst)
    }
}

impl PartitionLog for &MemoryLog {
    async fn earliest(&self) -> Result<i64, KafkaError> {
        Ok(self.first)
    }

    async fn end_of_epoch(&self, epoch: i32) -> Result<Option<i64>, KafkaError> {
        assert_eq!(epoch, EPOCH);
        Ok(self.cut_at)
    }

    async fn fetch(&self, offset: i64) -> Result<Fetched, KafkaError> {
        if self
            .fails_at
            .lock()
            .unwrap()
            .take_if(|fails_at| *fails_at == offset)
            .is_some()
        {
            return Err(KafkaError::Panic { step: "fetch" });
        }
        let Ok(skip) = usize::try_from(offset - self.first) else {
            return Ok(Fetched::OutOfRange);
        };
        let values = self.values.lock().unwrap().clone();
        if skip > values.len() {
            return Ok(Fetched::OutOfRange);
        }
        let end = self.first + i64::try_from(values.len()).unwrap();
        let stable = self.open_from.lock().unwrap().unwrap_or(end);
        let readable = (offset..stable).zip(values.into_iter().skip(skip));
        let mut decoded = Decoded {
            next: offset,
            ..Decoded::default()
        };
        for (offset, value) in readable.take(self.at_once) {
            match value.as_str() {
                "-" => {}
                "x" => decoded.aborted += 1,
                "?" => {
                    decoded.undecodable += 1;
                    let reason = (offset, "as the test wants it".to_owned());
                    decoded.first_undecodable.get_or_insert(reason);
                }
                _ => decoded.entries.push(LogEntry {
                    offset,
                    value: Some(value.into()),
                    time: time(),
                }),
            }
            decoded.next = offset + 1;
            decoded.epoch = Some(EPOCH);
        }
        if decoded.next == offset {
            self.empty.fetch_add(1, Ordering::SeqCst);
            // As a broker does when nothing comes.
            sleep(Duration::from_millis(5)).await;
        } else {
            self.fetches.fetch_add(1, Ordering::SeqCst);
        }
        Ok(Fetched::Records {
            decoded,
            end,
            stable,
        })
    }
}

/// The leader of every entry.
const EPOCH: i32 = 3;

/// The time that the log keeps with every entry.
fn time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}
