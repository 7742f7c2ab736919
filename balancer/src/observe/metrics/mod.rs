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

pub(crate) mod counters;
pub mod names;
mod prometheus;

pub use counters::Counters;
pub(crate) use prometheus::{ChangeKey, SettingsState, render};
