//! Records from Kafka to InfluxDB 2: the program `netsocket-collector`.
//!
//! The collector starts at the earliest offset of every partition each time. That loses nothing and doubles nothing: a
//! point carries the time of its record and the tags `host`, `role`, `instance` (and `backend`), so a record that is
//! read again overwrites its own points. Within one run it keeps its place through every lost connection.
//!
//! A batch is read, written until InfluxDB has accepted it, and only then the next one is read. While InfluxDB is down
//! nothing more is taken from Kafka, which keeps it; memory stays at one batch a partition.

mod config;
mod influx;
mod log;
mod pipeline;
mod points;
mod received;

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub use config::{Config, InfluxUrl, KEYS, Token};
pub use influx::{Influx, InfluxError};
pub use log::{Fetched, LogEntry, PartitionLog};
pub use pipeline::{Positions, Totals, collect};
pub use points::{MAX_TAG_CHARS, points};
pub use received::{BadRecord, Received};

use crate::backoff::{Backoff, chance};
use crate::kafka::{self, KafkaError};
use log::KafkaPartition;

/// For a TCP connect and Kafka's first exchange of versions and metadata.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For every other question to a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait after the first failure of a row.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// The largest answer of a broker: a fetch of one large record batch.
const MAX_ANSWER: usize = 64 << 20;

/// Reads and writes until `shutdown`, through every failure of either side, and says what it did.
///
/// # Errors
/// Only that no client for InfluxDB can be made of the settings.
pub async fn run(
    config: &Config,
    token: Token,
    shutdown: CancellationToken,
) -> Result<Totals, InfluxError> {
    let influx = Influx::new(&config.influx_url, &config.org, &config.bucket, token)?;
    let positions = Positions::default();
    let totals = Totals::default();
    let mut backoff = Backoff::new(BACKOFF_FIRST, BACKOFF_MAX);
    let mut failing = false;
    while !shutdown.is_cancelled() {
        let error = match shutdown.run_until_cancelled(open(config)).await {
            None => break,
            Some(Ok(logs)) => {
                tracing::info!(
                    topic = config.topic,
                    partitions = logs.len(),
                    "reading from Kafka"
                );
                let began = Instant::now();
                let Err(error) = collect(logs, &influx, &positions, &totals, &shutdown).await
                else {
                    break;
                };
                if began.elapsed() > BACKOFF_MAX {
                    backoff.reset();
                    failing = false;
                }
                error
            }
            Some(Err(error)) => error,
        };
        if !failing {
            tracing::warn!(%error, "Kafka cannot be read; trying again");
        }
        failing = true;
        shutdown
            .run_until_cancelled(sleep(backoff.after_failure(chance())))
            .await;
    }
    Ok(totals)
}

/// Every partition of the topic, each with its leader found.
async fn open(config: &Config) -> Result<Vec<(i32, KafkaPartition)>, KafkaError> {
    let client = kafka::connect(&config.kafka, MAX_ANSWER, CONNECT_TIMEOUT).await?;
    let indexes = kafka::partitions(&client, &config.topic, REQUEST_TIMEOUT).await?;
    if indexes.is_empty() {
        return Err(KafkaError::NoTopic {
            topic: config.topic.clone(),
        });
    }
    let mut logs = Vec::new();
    for index in indexes {
        let partition = kafka::partition(&client, &config.topic, index, REQUEST_TIMEOUT).await?;
        logs.push((index, KafkaPartition::new(partition, REQUEST_TIMEOUT)));
    }
    Ok(logs)
}
