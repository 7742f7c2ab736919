//! The counters of the process, and their output for Prometheus.
//!
//! Owns the totals; each backend has its own counters. Everything about sessions is counted from their records.
//!
//! # Examples
//!
//! Names follow the conventions of Prometheus:
//!
//! ```
//! use netsocket_balancer::metrics::names::{ALL, Kind};
//!
//! let counters = ALL.iter().filter(|family| family.kind == Kind::Counter);
//! assert!(counters.clone().all(|family| family.name.ends_with("_total")));
//! assert!(counters.count() > 10);
//! ```

mod backend_metrics;
pub(crate) mod counters;
mod exposition;
pub mod names;
mod pieces;
mod process_metrics;

pub use counters::Counters;
pub(crate) use pieces::Pieces;
pub(crate) use process_metrics::{ChangeKey, SettingsState};
