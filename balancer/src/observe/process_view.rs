//! The running process as metrics and telemetry see it: what they render, without the way there.

use std::sync::Arc;
use std::time::Duration;

use super::access_log::Figures as AccessLogFigures;
use super::metrics::counters::Counters;
use crate::core::admission::Refusal;
use crate::core::pool::{DEFAULT_POOL, Pool};
use crate::core::shortage::Resource;
use crate::core::tls::{CertificateExpiry, HANDSHAKE_REASONS};

/// One process at one moment.
pub(crate) struct ProcessView<'a> {
    pub(crate) uptime: Duration,
    pub(crate) draining: bool,
    /// Of each long-lived task.
    pub(crate) task_panics: Vec<(&'static str, u64)>,
    pub(crate) counters: &'a Counters,
    pub(crate) pools: Vec<Arc<Pool>>,
    pub(crate) services: Vec<ServiceView>,
    pub(crate) shortages: [(Resource, u64); Resource::ALL.len()],
    /// Sessions that settings and descriptors allow.
    pub(crate) session_limit: u64,
    /// Open sessions of each worker.
    pub(crate) worker_sessions: Vec<usize>,
    /// In the order of [`Refusal::ALL`].
    pub(crate) refused: [u64; Refusal::ALL.len()],
    pub(crate) queued: usize,
    pub(crate) queue_limit: usize,
    pub(crate) access_log: AccessLogFigures,
    /// Those of the admin address.
    pub(crate) admin_certificates: Vec<CertificateExpiry>,
}

/// One service at one moment.
pub(crate) struct ServiceView {
    pub(crate) name: Arc<str>,
    /// The pool that serves it; empty where only its rules have pools.
    pub(crate) pool: String,
    /// Clients by the rule that was about them.
    pub(crate) routes: Vec<(String, u64)>,
    /// Open sessions.
    pub(crate) active: u64,
    /// Backends of its pools that are healthy and take sessions.
    pub(crate) backends_up: usize,
    /// How many may be open; `None`: as many as the process may have.
    pub(crate) limit: Option<u64>,
    /// Clients that were not let in, in the order of [`Refusal::ALL`].
    pub(crate) refused: [u64; Refusal::ALL.len()],
    /// Finished sessions by their end.
    pub(crate) finished: Vec<(&'static str, u64)>,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    /// `None`: it does not end TLS.
    pub(crate) tls: Option<TlsView>,
}

/// The TLS of a service at one moment.
pub(crate) struct TlsView {
    /// Complete handshakes by kind.
    pub(crate) done: [(&'static str, u64); 2],
    /// Failed ones, in the order of [`HANDSHAKE_REASONS`].
    pub(crate) failed: [u64; HANDSHAKE_REASONS.len()],
    pub(crate) certificates: Vec<CertificateExpiry>,
}

impl ServiceView {
    /// Sessions since the start, the open ones included.
    pub(crate) fn total(&self) -> u64 {
        let finished: u64 = self.finished.iter().map(|(_, count)| count).sum();
        self.active + finished
    }
}

impl ProcessView<'_> {
    /// Whether there is anything but the default service, so that services are told apart.
    pub(crate) fn has_services(&self) -> bool {
        let is_default = |service: &ServiceView| *service.name == *DEFAULT_POOL;
        !matches!(self.services.as_slice(), [only] if is_default(only))
    }
}
