//! What is known of a session when it is over. The access log and every counter come from this and from nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::core::backend::Backend;
use crate::core::connect_failure::ConnectFailure;
use crate::core::health::SessionSignal;
use crate::core::termination::Termination;
use crate::core::traffic::Traffic;

/// A session that its backend resets within so long of the connect, before any answer, is an early reset.
const EARLY: Duration = Duration::from_secs(1);

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
    /// From the accept to the first pick of a backend, or to the end of a session that ended in the queue; `None` where
    /// it came to neither.
    pub queue: Option<Duration>,
    /// How many were before it in the queue when it came there.
    pub queued_behind: u32,
    /// Whether it has waited in the queue.
    pub waited: bool,
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
            waited: false,
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

    /// What its end says of its backend, if anything.
    pub(crate) fn signal(&self) -> Option<SessionSignal> {
        let before = self.queue.unwrap_or_default() + self.connect.unwrap_or_default();
        let relayed = self.total.saturating_sub(before);
        match self.termination {
            _ if self.traffic.down > 0 => Some(SessionSignal::Answered),
            Termination::Normal => Some(SessionSignal::Answered),
            Termination::ServerData if relayed <= EARLY => Some(SessionSignal::EarlyReset {
                client_sent: self.traffic.up > 0,
            }),
            _ => None,
        }
    }
}
