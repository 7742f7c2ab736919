//! What NetSocket's processes report about themselves, and how it reaches Kafka, the embedded history and InfluxDB.
//!
//! The path of a figure: once a second [`heartbeat()`] asks the [`Sampler`] and its process, builds a [`Record`] and passes
//! it to the [`Sinks`]: the [`History`] and, if there is one, the [`Producer`], neither of which waits. Anything else that
//! happens takes the same path as an [`Event`], through [`Events`]. The [`collector`] reads both from Kafka and stores them
//! in InfluxDB 2 as points.
//!
//! Owns every name that leaves a process ([`names`], [`schema`]). Does not own what a process counts or how it is shown.
//!
//! # Examples
//!
//! Ten seconds of a process (on tokio's paused clock):
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use netsocket_telemetry::{
//!     EventKind, Figures, History, Identity, Role, Sinks, Supervisor, heartbeat,
//! };
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), tokio::task::JoinError> {
//! let history = Arc::new(History::new(Duration::from_secs(300)));
//! let sinks = Sinks { history: Some(Arc::clone(&history)), producer: None };
//! let identity = Identity::new(Role::Fileserver, "mirror1");
//! let figures = || Figures { active_clients: 2, ..Figures::default() };
//! let shutdown = CancellationToken::new();
//! let beats = heartbeat(identity, figures, sinks, Supervisor::default(), shutdown.clone());
//! let beats = tokio::spawn(beats);
//!
//! tokio::time::sleep(Duration::from_secs(10)).await;
//! shutdown.cancel();
//! beats.await?;
//!
//! assert!(history.records().len() >= 9);
//! assert!(history.latest().is_some_and(|record| record.active_clients == 2));
//! let events = history.events();
//! assert_eq!([events[0].event, events[1].event], [EventKind::Start, EventKind::Stop]);
//! # Ok(())
//! # }
//! ```

mod backoff;
#[cfg(feature = "collector")]
pub mod collector;
mod heartbeat;
mod history;
mod kafka;
mod messages;
pub mod names;
mod producer;
mod sampler;
pub mod schema;
pub mod settings;
mod sinks;

pub use heartbeat::heartbeat;
pub use history::History;
pub use kafka::{
    BrokersError, KafkaError, NewTopic, Sasl, SaslMechanism, Security, SecurityError, parse_brokers,
};
pub use messages::{
    BackendRecord, BalancerFigures, CommandRecord, Delivered, Event, EventKind, Figures,
    FileserverFigures, Identity, Record, Role, ServiceRecord, Tick,
};
pub use netsocket_settings::Supervisor;
pub use producer::{Compression, Drops, Producer, ProducerConfig, ProducerStats, QueueLimits};
pub use sampler::{HostSample, MIN_SAMPLE_INTERVAL, Sampler};
pub use sinks::{Events, Sinks};

/// The tasks of telemetry, as [`Supervisor::panics`] names them: a process does its work without them.
pub const TASKS: [&str; 2] = [heartbeat::TASK, producer::TASK];
