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

use crate::security::address_limit::AddressLimit;
use crate::security::proxy_header::{ProxyHeaderError, read_proxy_header};
use crate::security::tls_handshake::{HandshakeError, handshake};
use crate::service::file_service::Service;
use crate::session::{self, LimitReached, NoSession, REFUSAL_TIMEOUT, Stream};

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
    handler: Arc<ConnectionHandler>,
}

/// What the tasks of connections share.
#[derive(Debug)]
struct ConnectionHandler {
    service: Arc<Service>,
    /// Whether connections begin with a PROXY header.
    proxy_protocol: bool,
    addresses: Arc<AddressLimit>,
    refusals: Arc<Semaphore>,
    refused: LogThrottle,
    proxy_header_errors: LogThrottle,
    handshake_errors: LogThrottle,
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
            handler: Arc::new(ConnectionHandler {
                service: Arc::clone(service),
                proxy_protocol,
                addresses: Arc::new(AddressLimit::new(service.max_sessions_per_address)),
                refusals: Arc::new(Semaphore::new(REFUSALS)),
                refused: LogThrottle::default(),
                proxy_header_errors: LogThrottle::default(),
                handshake_errors: LogThrottle::default(),
            }),
        }
    }

    /// Accepts for ever.
    pub(crate) async fn run(&self, listener: TcpListener) {
        let (first_pause, longest_pause) = PAUSES;
        let mut pause = first_pause;
        let failed = LogThrottle::default();
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    pause = first_pause;
                    self.admit(stream, peer);
                }
                Err(error) if is_connection_error(&error) => {}
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
        let handler = Arc::clone(&self.handler);
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => {
                self.sessions
                    .spawn(async move { handler.handle(stream, peer, permit).await });
            }
            Err(_) => self.refuse(stream, peer),
        }
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr) {
        let handler = Arc::clone(&self.handler);
        let full = LimitReached::All(handler.service.max_sessions);
        let Ok(permit) = Arc::clone(&handler.refusals).try_acquire_owned() else {
            return handler.warn_refused(peer, full);
        };
        self.sessions.spawn(async move {
            let _permit = permit;
            if let Some(client) = handler.client_address(&stream, peer).await {
                handler.refuse(stream, client, full).await;
            }
        });
    }
}

impl ConnectionHandler {
    /// One connection that has room among all: who is it, and has that address room, too?
    async fn handle(&self, stream: TcpStream, peer: SocketAddr, of_all: OwnedSemaphorePermit) {
        let Some(client) = self.client_address(&stream, peer).await else {
            return;
        };
        if let Some(_of_address) = AddressLimit::acquire(&self.addresses, client.ip()) {
            if let Some(stream) = self.start_tls(stream, client).await {
                session::serve(stream, client, &self.service).await;
            }
            return;
        }
        // A refusal is no session.
        drop(of_all);
        let full = LimitReached::Address(self.service.max_sessions_per_address);
        match self.refusals.try_acquire() {
            Ok(_permit) => self.refuse(stream, client, full).await,
            Err(_) => self.warn_refused(client, full),
        }
    }

    /// Says that there are sessions enough, within TLS where that is spoken.
    async fn refuse(&self, stream: TcpStream, client: SocketAddr, full: LimitReached) {
        self.warn_refused(client, full);
        if let Ok(Some(stream)) = timeout(REFUSAL_TIMEOUT, self.start_tls(stream, client)).await {
            session::refuse(stream, &self.service, NoSession::LimitReached(full)).await;
        }
    }

    /// The connection within TLS, where that is spoken; nothing where it is to be closed.
    async fn start_tls(&self, stream: TcpStream, client: SocketAddr) -> Option<Stream> {
        let Some(tls) = self.service.credential_store.current().tls.clone() else {
            return Some(stream.into());
        };
        let start_tls = tokio::select! {
            biased;
            () = self.service.stop.cancelled() => return None,
            start_tls = handshake(stream, &tls.acceptor) => start_tls,
        };
        match start_tls {
            Ok(stream) => Some(stream.into()),
            Err(error) => {
                self.log_handshake_error(client, &error);
                if let HandshakeError::NoTls(stream) = error {
                    session::refuse(stream.into(), &self.service, NoSession::NoTls).await;
                }
                None
            }
        }
    }

    /// The client; nothing where the connection is to be closed.
    async fn client_address(&self, stream: &TcpStream, peer: SocketAddr) -> Option<SocketAddr> {
        if !self.proxy_protocol {
            return Some(peer);
        }
        let client_address = tokio::select! {
            biased;
            () = self.service.stop.cancelled() => return None,
            client_address = read_proxy_header(stream, peer) => client_address,
        };
        client_address
            .inspect_err(|error| self.warn_proxy_header(peer, error))
            .ok()
    }

    fn warn_refused(&self, peer: SocketAddr, full: LimitReached) {
        if let Some(count) = self.refused.count(Instant::now()) {
            tracing::warn!(%peer, count, reason = %full, "refused");
        }
    }

    fn warn_proxy_header(&self, peer: SocketAddr, error: &ProxyHeaderError) {
        let Some(label) = error.label() else {
            return tracing::debug!(%peer, %error, "closed");
        };
        self.service.proxy_faults.count(label);
        if let Some(count) = self.proxy_header_errors.count(Instant::now()) {
            tracing::warn!(%peer, count, reason = %error, "closed: no right PROXY header");
        }
    }

    /// Anybody who reaches the port can bring this about, so it is no warning.
    fn log_handshake_error(&self, peer: SocketAddr, error: &HandshakeError) {
        let Some(label) = error.label() else {
            return tracing::debug!(%peer, %error, "closed");
        };
        self.service.tls_faults.count(label);
        if let Some(count) = self.handshake_errors.count(Instant::now()) {
            tracing::info!(%peer, count, reason = %error, "closed: no TLS session");
        }
    }
}

/// Errors that `accept(2)` passes on from the connection that it would have returned.
fn is_connection_error(error: &io::Error) -> bool {
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
struct LogThrottle(Mutex<Since>);

/// What there was since the last line.
#[derive(Debug, Default)]
struct Since {
    last: Option<Instant>,
    count: u64,
}

impl LogThrottle {
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
        let throttle = LogThrottle::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(throttle.count(at(0)), Some(1));
        assert_eq!(throttle.count(at(1)), None);
        assert_eq!(throttle.count(at(999)), None);
        assert_eq!(throttle.count(at(1_000)), Some(3));
    }
}
