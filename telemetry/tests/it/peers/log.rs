//! A partition in memory.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use netsocket_telemetry::KafkaError;
use netsocket_telemetry::collector::{Fetched, LogEntry, PartitionLog};
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
    fetches: AtomicUsize,
}

impl MemoryLog {
    /// The value `?` stands for something that cannot be decoded, and `-` for a mark of Kafka's own.
    pub(crate) fn new(first: i64, at_once: usize, values: Vec<String>) -> Self {
        Self {
            first,
            values: Mutex::new(values),
            at_once,
            fails_at: Mutex::new(None),
            fetches: AtomicUsize::new(0),
        }
    }

    pub(crate) fn failing_at(self, offset: i64) -> Self {
        Self {
            fails_at: Mutex::new(Some(offset)),
            ..self
        }
    }

    /// Fetches that found something.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl PartitionLog for &MemoryLog {
    async fn earliest(&self) -> Result<i64, KafkaError> {
        Ok(self.first)
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
        let end = self.first + i64::try_from(values.len()).unwrap();
        if values.get(skip).is_some_and(|value| value == "?") {
            return Ok(Fetched::Undecodable("as the test wants it".into()));
        }
        let found = values
            .into_iter()
            .skip(skip)
            .take(self.at_once)
            .take_while(|value| value != "?" && value != "-");
        let entries: Vec<LogEntry> = (offset..)
            .zip(found)
            .map(|(offset, value)| LogEntry {
                offset,
                value: Some(value.into_bytes()),
                time: time(),
            })
            .collect();
        if entries.is_empty() {
            // As a broker does when nothing comes.
            sleep(Duration::from_millis(5)).await;
        } else {
            self.fetches.fetch_add(1, Ordering::SeqCst);
        }
        Ok(Fetched::Entries { entries, end })
    }
}

/// The time that the log keeps with every entry.
fn time() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}
