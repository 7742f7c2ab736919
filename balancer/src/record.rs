//! What is known of a session when it is over. The access log and every counter come from this and from nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::info;

use crate::backend::Backend;
use crate::connect::ConnectFailure;
use crate::relay::Traffic;
use crate::termination::Termination;

/// The target of the access log's lines, for log filters.
pub const ACCESS_LOG: &str = "netsocket_balancer::access";

/// One session, told at its end.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    /// Where the client connected from.
    pub client: SocketAddr,
    /// The backend that took the session, if one did.
    pub backend: Option<Arc<Backend>>,
    /// When it was accepted.
    pub started: SystemTime,
    /// From the accept to the first pick of a backend.
    pub queue: Duration,
    /// From the first pick until a backend was connected, failed attempts included; `None` where none was.
    pub connect: Option<Duration>,
    /// The attempt that succeeded, alone.
    pub handshake: Duration,
    /// From the accept to the end.
    pub total: Duration,
    /// Bytes relayed.
    pub traffic: Traffic,
    /// Attempts that failed, in order.
    pub failures: Vec<(Arc<Backend>, ConnectFailure)>,
    /// How it ended.
    pub termination: Termination,
}

impl SessionRecord {
    /// A session that has just been accepted. Until it says otherwise it counts as killed.
    pub(crate) fn new(client: SocketAddr) -> Self {
        Self {
            client,
            backend: None,
            started: SystemTime::now(),
            queue: Duration::ZERO,
            connect: None,
            handshake: Duration::ZERO,
            total: Duration::ZERO,
            traffic: Traffic::default(),
            failures: Vec::new(),
            termination: Termination::KilledConnect,
        }
    }

    /// How often another backend was tried after a failure.
    #[must_use]
    pub fn retries(&self) -> usize {
        match self.backend {
            Some(_) => self.failures.len(),
            None => self.failures.len().saturating_sub(1),
        }
    }

    /// The line of the access log.
    pub(crate) fn log(&self) {
        info!(
            target: ACCESS_LOG,
            client = %self.client,
            backend = self.backend.as_ref().map_or("-", |backend| backend.name()),
            termination = self.termination.code(),
            queue_ms = millis(self.queue),
            connect_ms = self.connect.map(millis),
            total_ms = millis(self.total),
            bytes_up = self.traffic.up,
            bytes_down = self.traffic.down,
            retries = self.retries(),
            failed = self.failed(),
            "session"
        );
    }

    /// `mirror1:refused,mirror2:timeout`, or nothing.
    fn failed(&self) -> Option<String> {
        if self.failures.is_empty() {
            return None;
        }
        let each = |(backend, failure): &(Arc<Backend>, ConnectFailure)| {
            format!("{}:{}", backend.name(), failure.label())
        };
        Some(self.failures.iter().map(each).collect::<Vec<_>>().join(","))
    }
}

/// Milliseconds with microseconds behind the point.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
