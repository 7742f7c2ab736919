//! What the server tells about itself: Prometheus metrics, admin HTTP, telemetry records.
//!
//! Belongs here: names and help of metrics, and reading the counters. It only reads. Does not belong here: counting
//! (`service::counters`), the access log (`service::access_log`).

pub(crate) mod admin;
mod metric_names;
mod prometheus;
pub(crate) mod telemetry;
