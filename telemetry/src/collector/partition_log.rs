//! One partition of the topic as the pipeline sees it: entries from an offset on. Backed by Kafka, or by a test.

use std::time::Duration;

use tokio::sync::Mutex;

use crate::kafka::KafkaError;
pub use crate::kafka::consumer::{Decoded, Fetched, LogEntry};
use crate::kafka::consumer::{Limits, PartitionReader};

/// Bytes asked for at once: with what they unpack to, they are most of what a reader needs of memory.
const FETCH_BYTES: i32 = 256 << 10;
/// The broker answers with nothing after this long.
const FETCH_WAIT: Duration = Duration::from_millis(500);

/// A partition of a log that can be read from any offset.
pub trait PartitionLog {
    /// The offset of the oldest entry.
    ///
    /// # Errors
    /// [`KafkaError`] if the broker does not answer; the log must be reopened.
    fn earliest(&self) -> impl Future<Output = Result<i64, KafkaError>> + Send;

    /// Where the entries of a leader end, and those of leaders before it; None if that is not known.
    ///
    /// # Errors
    /// [`KafkaError`] if the broker does not answer; the log must be reopened.
    fn end_of_epoch(
        &self,
        epoch: i32,
    ) -> impl Future<Output = Result<Option<i64>, KafkaError>> + Send;

    /// Waits a while for entries at and after `offset`.
    ///
    /// # Errors
    /// [`KafkaError`] if the broker does not answer; the log must be reopened.
    fn fetch(&self, offset: i64) -> impl Future<Output = Result<Fetched, KafkaError>> + Send;
}

/// A partition in Kafka. One call at a time: whoever gives up a call must reopen it.
#[derive(Debug)]
pub(super) struct KafkaPartition(Mutex<PartitionReader>);

impl KafkaPartition {
    pub(super) fn new(reader: PartitionReader) -> Self {
        Self(Mutex::new(reader))
    }

    /// The offset that the next entry will get, as far as it may be read.
    pub(super) async fn latest(&self) -> Result<i64, KafkaError> {
        self.0.lock().await.latest().await
    }
}

impl PartitionLog for KafkaPartition {
    async fn earliest(&self) -> Result<i64, KafkaError> {
        self.0.lock().await.earliest().await
    }

    async fn end_of_epoch(&self, epoch: i32) -> Result<Option<i64>, KafkaError> {
        self.0.lock().await.end_of_epoch(epoch).await
    }

    async fn fetch(&self, offset: i64) -> Result<Fetched, KafkaError> {
        let limits = Limits {
            bytes: FETCH_BYTES,
            wait: FETCH_WAIT,
        };
        self.0.lock().await.fetch(offset, limits).await
    }
}
