//! One partition of the topic as the pipeline sees it: entries from an offset on. Backed by Kafka, or by a test.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rskafka::client::partition::{OffsetAt, PartitionClient};

use crate::kafka::{KafkaError, within};

/// Bytes asked for at once.
const FETCH_BYTES: i32 = 1 << 20;
/// The broker answers with nothing after this long.
const FETCH_WAIT: Duration = Duration::from_millis(500);

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the partition.
    pub offset: i64,
    /// Its body; None for a deletion on a compacted topic.
    pub value: Option<Vec<u8>>,
    /// The time that Kafka keeps with it.
    pub time: DateTime<Utc>,
}

/// What a fetch found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// Entries in ascending order; none where nothing new came in time.
    Entries {
        /// The entries.
        entries: Vec<LogEntry>,
        /// The offset that the next entry of the partition will get.
        end: i64,
    },
    /// The offset is no longer in the log, or not yet: retention deleted it, or the topic was recreated.
    OutOfRange,
    /// The entry at the offset cannot be decoded, for example because of an unsupported compression.
    Undecodable(String),
}

/// A partition of a log that can be read from any offset.
pub trait PartitionLog {
    /// The offset of the oldest entry.
    ///
    /// # Errors
    /// [`KafkaError`] if the broker does not answer; the log must be reopened.
    fn earliest(&self) -> impl Future<Output = Result<i64, KafkaError>> + Send;

    /// Waits a while for entries at and after `offset`.
    ///
    /// # Errors
    /// [`KafkaError`] if the broker does not answer; the log must be reopened.
    fn fetch(&self, offset: i64) -> impl Future<Output = Result<Fetched, KafkaError>> + Send;
}

/// A partition in Kafka.
#[derive(Debug)]
pub(super) struct KafkaPartition {
    client: PartitionClient,
    limit: Duration,
}

impl KafkaPartition {
    pub(super) fn new(client: PartitionClient, limit: Duration) -> Self {
        Self { client, limit }
    }

    /// The offset that the next entry will get.
    pub(super) async fn end(&self) -> Result<i64, KafkaError> {
        within(
            "latest offset",
            self.limit,
            self.client.get_offset(OffsetAt::Latest),
        )
        .await
    }
}

impl PartitionLog for KafkaPartition {
    async fn earliest(&self) -> Result<i64, KafkaError> {
        within(
            "earliest offset",
            self.limit,
            self.client.get_offset(OffsetAt::Earliest),
        )
        .await
    }

    async fn fetch(&self, offset: i64) -> Result<Fetched, KafkaError> {
        let wait_ms = i32::try_from(FETCH_WAIT.as_millis()).unwrap_or(i32::MAX);
        let call = self.client.fetch_records(offset, 1..FETCH_BYTES, wait_ms);
        match within("fetch", FETCH_WAIT + self.limit, call).await {
            Ok((records, end)) => Ok(Fetched::Entries {
                entries: records
                    .into_iter()
                    .map(|found| LogEntry {
                        offset: found.offset,
                        value: found.record.value,
                        time: found.record.timestamp,
                    })
                    .collect(),
                end,
            }),
            Err(error) if error.is_out_of_range() => Ok(Fetched::OutOfRange),
            // At the end of the log there is nothing that could be undecodable.
            Err(error) if error.is_undecodable() && offset < self.end().await? => {
                Ok(Fetched::Undecodable(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }
}
