//! The running process as metrics and telemetry see it: what they render, without the way there.

use std::time::Duration;

use super::access_log::Figures as AccessLogFigures;
use super::metrics::counters::Counters;
use crate::core::admission::Refusal;
use crate::core::pool::Pool;

/// One process at one moment.
pub(crate) struct ProcessView<'a> {
    pub(crate) uptime: Duration,
    pub(crate) draining: bool,
    /// Of each long-lived task.
    pub(crate) task_panics: Vec<(&'static str, u64)>,
    pub(crate) counters: &'a Counters,
    pub(crate) pool: &'a Pool,
    /// Sessions that settings and descriptors allow.
    pub(crate) session_limit: u64,
    /// Open sessions of each worker.
    pub(crate) worker_sessions: Vec<usize>,
    /// In the order of [`Refusal::ALL`].
    pub(crate) refused: [u64; Refusal::ALL.len()],
    pub(crate) queued: usize,
    pub(crate) queue_limit: usize,
    pub(crate) access_log: AccessLogFigures,
}
