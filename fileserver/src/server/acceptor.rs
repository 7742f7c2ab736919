//! Accepts connections and makes each a session or a refusal.
//!
//! The accept loop never waits for a client: who a client is behind a proxy is learned in a task of its own, and there TLS
//! is agreed on, too. Meanwhile the task holds one of all sessions.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::security::address_limit::Addresses;
use crate::security::proxy_header::{NotIntroduced, introduce};
use crate::security::tls_handshake::{NotSecured, secure};
use crate::service::file_service::Service;
use crate::session::{self, Full, NoSession, PATIENCE, Stream};

/// Refusals in words at a time; more are refused by a close.
const REFUSALS: usize = 32;

/// The pause after an accept that failed for want of descriptors or memory: doubled each time, up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Warnings of one kind come at most this often.
const WARN_EVERY: Duration = Duration::from_secs(1);

/// Takes connections from a listener.
#[derive(Debug)]
pub(crate) struct Acceptor<'a> {
    sessions: &'a TaskTracker,
    room: Arc<Semaphore>,
    door: Arc<Door>,
}

/// What the tasks of connections share.
#[derive(Debug)]
struct Door {
    service: Arc<Service>,
    /// Whether connections begin with a PROXY header.
    proxy_protocol: bool,
    addresses: Arc<Addresses>,
    refusals: Arc<Semaphore>,
    refused: Seldom,
    not_introduced: Seldom,
    not_secured: Seldom,
}

impl<'a> Acceptor<'a> {
    pub(crate) fn new(
        service: &Arc<Service>,
        sessions: &'a TaskTracker,
        proxy_protocol: bool,
    ) -> Self {
        Self {
            sessions,
            room: Arc::new(Semaphore::new(service.max_sessions)),
            door: Arc::new(Door {
                service: Arc::clone(service),
                proxy_protocol,
                addresses: Arc::new(Addresses::new(service.max_sessions_per_address)),
                refusals: Arc::new(Semaphore::new(REFUSALS)),
                refused: Seldom::default(),
                not_introduced: Seldom::default(),
                not_secured: Seldom::default(),
            }),
        }
    }

    /// Accepts for ever.
    pub(crate) async fn run(&self, listener: TcpListener) {
        let (first_pause, longest_pause) = PAUSES;
        let mut pause = first_pause;
        let failed = Seldom::default();
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    pause = first_pause;
                    self.admit(stream, peer);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if let Some(count) = failed.count(Instant::now()) {
                        tracing::warn!(%error, count, "cannot accept");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(longest_pause);
                }
            }
        }
    }

    /// Makes a connection a session where there is room. If not, it is refused, in words if few others are.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let door = Arc::clone(&self.door);
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => {
                self.sessions
                    .spawn(async move { door.enter(stream, peer, permit).await });
            }
            Err(_) => self.refuse(stream, peer),
        }
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr) {
        let door = Arc::clone(&self.door);
        let full = Full::All(door.service.max_sessions);
        let Ok(permit) = Arc::clone(&door.refusals).try_acquire_owned() else {
            return door.warn_refused(peer, full);
        };
        self.sessions.spawn(async move {
            let _permit = permit;
            if let Some(client) = door.introduced(&stream, peer).await {
                door.refuse(stream, client, full).await;
            }
        });
    }
}

impl Door {
    /// One connection that has room among all: who is it, and has that address room, too?
    async fn enter(&self, stream: TcpStream, peer: SocketAddr, of_all: OwnedSemaphorePermit) {
        let Some(client) = self.introduced(&stream, peer).await else {
            return;
        };
        if let Some(_of_address) = Addresses::take(&self.addresses, client.ip()) {
            if let Some(stream) = self.secured(stream, client).await {
                session::serve(stream, client, &self.service).await;
            }
            return;
        }
        // A refusal is no session.
        drop(of_all);
        let full = Full::Address(self.service.max_sessions_per_address);
        match self.refusals.try_acquire() {
            Ok(_permit) => self.refuse(stream, client, full).await,
            Err(_) => self.warn_refused(client, full),
        }
    }

    /// Says that there are sessions enough, within TLS where that is spoken.
    async fn refuse(&self, stream: TcpStream, client: SocketAddr, full: Full) {
        self.warn_refused(client, full);
        if let Ok(Some(stream)) = timeout(PATIENCE, self.secured(stream, client)).await {
            session::refuse(stream, &self.service, NoSession::Full(full)).await;
        }
    }

    /// The connection within TLS, where that is spoken; nothing where it is to be closed.
    async fn secured(&self, stream: TcpStream, client: SocketAddr) -> Option<Stream> {
        let Some(tls) = self.service.keyring.current().tls.clone() else {
            return Some(stream.into());
        };
        let secured = tokio::select! {
            biased;
            () = self.service.stop.cancelled() => return None,
            secured = secure(stream, &tls.acceptor) => secured,
        };
        match secured {
            Ok(stream) => Some(stream.into()),
            Err(error) => {
                self.tell_not_secured(client, &error);
                if let NotSecured::NoTls(stream) = error {
                    session::refuse(stream.into(), &self.service, NoSession::NoTls).await;
                }
                None
            }
        }
    }

    /// The client; nothing where the connection is to be closed.
    async fn introduced(&self, stream: &TcpStream, peer: SocketAddr) -> Option<SocketAddr> {
        if !self.proxy_protocol {
            return Some(peer);
        }
        let introduced = tokio::select! {
            biased;
            () = self.service.stop.cancelled() => return None,
            introduced = introduce(stream, peer) => introduced,
        };
        introduced
            .inspect_err(|error| self.warn_not_introduced(peer, error))
            .ok()
    }

    fn warn_refused(&self, peer: SocketAddr, full: Full) {
        if let Some(count) = self.refused.count(Instant::now()) {
            tracing::warn!(%peer, count, reason = %full, "refused");
        }
    }

    fn warn_not_introduced(&self, peer: SocketAddr, error: &NotIntroduced) {
        let Some(label) = error.label() else {
            return tracing::debug!(%peer, %error, "closed");
        };
        self.service.proxy_faults.count(label);
        if let Some(count) = self.not_introduced.count(Instant::now()) {
            tracing::warn!(%peer, count, reason = %error, "closed: no right PROXY header");
        }
    }

    /// Anybody who reaches the port can bring this about, so it is no warning.
    fn tell_not_secured(&self, peer: SocketAddr, error: &NotSecured) {
        let Some(label) = error.label() else {
            return tracing::debug!(%peer, %error, "closed");
        };
        self.service.tls_faults.count(label);
        if let Some(count) = self.not_secured.count(Instant::now()) {
            tracing::info!(%peer, count, reason = %error, "closed: no TLS session");
        }
    }
}

/// Errors that `accept(2)` passes on from the connection that it would have returned.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Events that get a log line for the first of them and then one in a while, with their number.
#[derive(Debug, Default)]
struct Seldom(Mutex<Since>);

/// What there was since the last line.
#[derive(Debug, Default)]
struct Since {
    last: Option<Instant>,
    count: u64,
}

impl Seldom {
    /// Counts an event. If a line is due, how many there were since the last line.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.count += 1;
        if since
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < WARN_EVERY)
        {
            return None;
        }
        since.last = Some(now);
        Some(std::mem::take(&mut since.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_is_one_line_a_second() {
        let seldom = Seldom::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(seldom.count(at(0)), Some(1));
        assert_eq!(seldom.count(at(1)), None);
        assert_eq!(seldom.count(at(999)), None);
        assert_eq!(seldom.count(at(1_000)), Some(3));
    }
}
