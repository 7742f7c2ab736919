//! The record of a finished session. The access log and every counter are derived from it and from nothing else.

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

/// A finished session.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    /// The client's address.
    pub client: SocketAddr,
    /// The service that the client connected to; `None`: the default one.
    pub service: Option<Arc<str>>,
    /// The pool that the session was meant for; `None`: the default one.
    pub pool: Option<Arc<str>>,
    /// The backend that accepted the session, if any.
    pub backend: Option<Arc<Backend>>,
    /// The address that the client connected to, if a PROXY header says so.
    pub destination: Option<SocketAddr>,
    /// When the session was accepted.
    pub started: SystemTime,
    /// Time from the accept to the first pick of a backend, or to the end of a session that ended in the queue; `None` if
    /// neither happened.
    pub queue: Option<Duration>,
    /// Number of sessions ahead of it when it was queued.
    pub queued_behind: u32,
    /// Whether it waited in the queue.
    pub waited: bool,
    /// Time from the first pick until a backend was connected, including failed attempts; `None` if none was connected.
    pub connect: Option<Duration>,
    /// Duration of the successful attempt alone.
    pub handshake: Duration,
    /// Time from the accept to the end.
    pub total: Duration,
    /// Bytes relayed.
    pub traffic: Traffic,
    /// Failed connect attempts, in order.
    pub failures: Vec<(Arc<Backend>, ConnectFailure)>,
    /// Whether a backend that is down or ejected was tried because no usable one was available.
    pub last_resort: bool,
    /// How it ended.
    pub termination: Termination,
}

impl SessionRecord {
    /// The record of a session that has just been accepted. Until it is updated, the session counts as killed.
    pub(crate) fn new(client: SocketAddr) -> Self {
        Self {
            client,
            service: None,
            pool: None,
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

    /// How often another backend was tried after a failed connect.
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
