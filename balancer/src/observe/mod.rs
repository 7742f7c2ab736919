//! What the balancer says about itself: counters, metrics, the access log, telemetry.
//!
//! | module | owns |
//! | --- | --- |
//! | [`metrics`] | the counters of the process, and their form for Prometheus |
//! | [`access_log`] | a line for each session |
//! | [`telemetry_figures`] | what telemetry is told once a second |
//! | [`process_view`] | what the two above are made of |
//! | [`endings`] | how sessions ended, in words |
//! | [`units`] | figures as people read them |
//!
//! Workers write into this, so it imports neither them nor anything that acts: what it renders is handed to it.

pub(crate) mod access_log;
pub(crate) mod endings;
pub mod metrics;
pub(crate) mod process_view;
pub(crate) mod telemetry_figures;
pub(crate) mod units;
