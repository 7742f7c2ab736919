//! What a producer sends to, and its limits and deadlines.

use std::time::Duration;

use super::queue::QueueLimits;
use crate::kafka::{NewTopic, Security};
use crate::names::TOPIC;

/// Records queued while Kafka is unavailable: ten minutes of them.
const QUEUE_RECORDS: usize = 600;
/// Bytes that may be queued; reached before the number only by records with very many backends.
const QUEUE_BYTES: usize = 8 << 20;
/// Records per batch.
const BATCH_RECORDS: usize = 200;
/// Bytes per batch, well below the 1 MiB that brokers accept by default.
const BATCH_BYTES: usize = 512 << 10;
/// How long the first record after a pause waits for others to go with it.
const LINGER: Duration = Duration::from_millis(20);
/// For a TCP connect and Kafka's first exchange of versions and metadata.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For every other request to a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait after the first failure.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// The compression of batches, in transit and in Kafka.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::Compression;
///
/// assert_eq!(Compression::parse("zstd"), Some(Compression::Zstd));
/// assert_eq!(Compression::parse("gzip"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// No compression.
    None,
    /// LZ4: a quarter of the size for almost no CPU.
    #[default]
    Lz4,
    /// Zstandard: smaller, for more CPU.
    Zstd,
}

impl Compression {
    /// Reads `none`, `lz4` or `zstd`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "none" => Some(Self::None),
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// What a producer sends to, and its limits and timeouts.
#[derive(Debug, Clone)]
pub struct ProducerConfig {
    /// `HOST:PORT` of the bootstrap brokers; see [`crate::parse_brokers`].
    pub brokers: Vec<String>,
    /// The topic.
    pub topic: String,
    /// Whether and how a missing topic is created.
    pub new_topic: NewTopic,
    /// TLS and SASL.
    pub security: Security,
    /// How batches are compressed.
    pub compression: Compression,
    /// How long the first record after a pause waits for others.
    pub linger: Duration,
    /// The bounds of the queue.
    pub limits: QueueLimits,
    /// For a connect, including the broker's metadata.
    pub connect_timeout: Duration,
    /// For every other request to a broker.
    pub request_timeout: Duration,
    /// The wait after the first failure in a row; each further one doubles it.
    pub backoff_first: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
}

impl ProducerConfig {
    /// The defaults, with these brokers.
    #[must_use]
    pub fn new(brokers: Vec<String>) -> Self {
        Self {
            brokers,
            topic: TOPIC.to_owned(),
            new_topic: NewTopic::default(),
            security: Security::default(),
            compression: Compression::default(),
            linger: LINGER,
            limits: QueueLimits {
                records: QUEUE_RECORDS,
                bytes: QUEUE_BYTES,
                batch_records: BATCH_RECORDS,
                batch_bytes: BATCH_BYTES,
            },
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
            backoff_first: BACKOFF_FIRST,
            backoff_max: BACKOFF_MAX,
        }
    }
}
