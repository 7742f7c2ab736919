//! What is known of a session when it is over. The access log and every counter come from this and from nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::core::backend::Backend;
use crate::core::connect_failure::ConnectFailure;
use crate::core::pool::DEFAULT_POOL;
use crate::core::termination::Termination;
use crate::data_path::relay::Traffic;
use crate::observe::access_log::{Failure, Lane, Line, OpenConnections};

/// One session, told at its end.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    /// Where the client connected from.
    pub client: SocketAddr,
    /// The backend that took the session, if one did.
    pub backend: Option<Arc<Backend>>,
    /// Where the client connected to, if a PROXY header told it.
    pub destination: Option<SocketAddr>,
    /// When it was accepted.
    pub started: SystemTime,
    /// From the accept to the first pick of a backend; `None` where it did not come to that.
    pub queue: Option<Duration>,
    /// How many were before it in the queue when it came there.
    pub queued_behind: u32,
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
    /// Whether a backend that is down or ejected was tried, because no usable one could be had.
    pub last_resort: bool,
    /// How it ended.
    pub termination: Termination,
}

impl SessionRecord {
    /// A session that has just been accepted. Until it says otherwise it counts as killed.
    pub(crate) fn new(client: SocketAddr) -> Self {
        Self {
            client,
            backend: None,
            destination: None,
            started: SystemTime::now(),
            queue: None,
            queued_behind: 0,
            connect: None,
            handshake: Duration::ZERO,
            total: Duration::ZERO,
            traffic: Traffic::default(),
            failures: Vec::new(),
            last_resort: false,
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

    /// The line of the access log, into `lane`.
    pub(crate) fn log(&self, lane: &mut Lane, frontend: &str, open: OpenConnections) {
        let failures: Vec<Failure<'_>> = self
            .failures
            .iter()
            .map(|(backend, failure)| Failure {
                backend: backend.name(),
                reason: failure.label(),
            })
            .collect();
        let tried = self.failures.last().map(|(backend, _)| backend);
        let backend = self.backend.as_ref().or(tried);
        lane.record(&Line {
            client: self.client,
            accepted: self.started,
            frontend,
            pool: DEFAULT_POOL,
            backend: backend.map(|backend| (backend.name(), backend.address())),
            queue: self.queue,
            connect: self.connect,
            total: self.total,
            bytes_up: self.traffic.up,
            bytes_down: self.traffic.down,
            termination: self.termination,
            retries: u32::try_from(self.retries()).unwrap_or(u32::MAX),
            failures: &failures,
            open: OpenConnections {
                backend: backend.map_or(0, |backend| narrow(backend.figures().active)),
                ..open
            },
            queued_behind: self.queued_behind,
        });
    }
}

/// A count of connections, for a line.
pub(crate) fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Milliseconds with microseconds behind the point.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
