//! What NetSocket's processes tell about themselves, and how it reaches Kafka, the embedded history and InfluxDB.
//!
//! The way of a figure: [`heartbeat()`] asks the [`Sampler`] and its process once a second, makes a [`Record`] and hands
//! it to the [`Sinks`]: the [`History`] and, if there is one, the [`Producer`], which never waits. What happens besides
//! goes the same way as an [`Event`], through [`Events`]. The [`collector`] reads both from Kafka and stores them in
//! InfluxDB 2 as points.
//!
//! Owns every name that leaves a process ([`names`], [`schema`]). Does not own what a process counts, nor how it is shown.

mod backoff;
mod brokers;
#[cfg(feature = "collector")]
pub mod collector;
mod event;
mod figures;
mod heartbeat;
mod history;
mod kafka;
pub mod names;
mod producer;
mod record;
mod sampler;
pub mod schema;
pub mod settings;
mod sinks;
mod wall_clock;

pub use brokers::{BrokersError, parse_brokers};
pub use event::{Event, EventKind};
pub use figures::{BackendRecord, BalancerFigures, CommandRecord, Figures, FileserverFigures};
pub use heartbeat::heartbeat;
pub use history::History;
pub use kafka::{KafkaError, NewTopic, Sasl, SaslMechanism, Security, SecurityError};
pub use producer::{Compression, Drops, Producer, ProducerConfig, ProducerStats, QueueLimits};
pub use record::{Identity, Record, Role, Tick};
pub use sampler::{HostSample, MIN_SAMPLE_INTERVAL, Sampler};
pub use sinks::{Events, Sinks};
