//! What NetSocket's processes tell about themselves, and how it reaches Kafka, the embedded history and InfluxDB.
//!
//! The way of a figure: [`heartbeat()`] asks the [`Sampler`] and its process once a second, makes a [`Record`] and hands
//! it to the [`History`] and, if there is one, to the [`Producer`], which never waits. The [`collector`] reads the
//! records from Kafka and stores them in InfluxDB 2 as points.
//!
//! Owns every name that leaves a process ([`names`]). Does not own what a process counts, nor how it is shown.

mod backoff;
mod brokers;
#[cfg(feature = "collector")]
pub mod collector;
mod heartbeat;
mod history;
mod kafka;
pub mod names;
mod producer;
mod record;
mod sampler;
mod wall_clock;

pub use brokers::{BrokersError, parse_brokers};
pub use heartbeat::{Sinks, heartbeat};
pub use history::History;
pub use kafka::KafkaError;
pub use producer::{Producer, ProducerConfig, ProducerStats, QueueLimits};
pub use record::{BackendRecord, Figures, Identity, Record, Role};
pub use sampler::{HostSample, MIN_SAMPLE_INTERVAL, Sampler};
