//! Accepts connections and makes each a session or a refusal.
//!
//! The accept loop never waits for a client: the PROXY header and the TLS handshake run in a task per connection, which
//! already counts against the session limit.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use netsocket_settings::reason;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::security::address_limit::AddressLimit;
use crate::security::proxy_header::{ProxyHeaderError, read_proxy_header};
use crate::security::stream::Stream;
use crate::security::tls_handshake::{HandshakeError, handshake};
use crate::service::file_service::Service;
use crate::session::{self, LimitReached, NoSession, REFUSAL_TIMEOUT};

/// Connections at a time that are refused with an error message; further ones are just closed.
const REFUSALS: usize = 32;

/// First and longest pause after an accept failed for lack of descriptors or memory; it doubles each time.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Minimum time between two log lines of one kind.
const WARN_EVERY: Duration = Duration::from_secs(1);

/// Takes connections from a listener.
#[derive(Debug)]
pub(crate) struct Acceptor<'a> {
    sessions: &'a TaskTracker,
    room: Arc<Semaphore>,
    handler: Arc<ConnectionHandler>,
}

/// What the connection tasks share.
#[derive(Debug)]
struct ConnectionHandler {
    service: Arc<Service>,
    /// Whether connections must begin with a PROXY header.
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

    /// Accepts connections until the task is dropped.
    pub(crate) async fn run(&self, listener: &TcpListener) {
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
                        tracing::warn!(error = reason(&error), count, "cannot accept");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(longest_pause);
                }
            }
        }
    }

    /// Starts a session, or refuses the connection if the session limit is reached.
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
    /// Handles a connection within the session limit: finds its client address and checks the limit per address.
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

    /// Refuses the connection with an error message, over TLS if it is enabled.
    async fn refuse(&self, stream: TcpStream, client: SocketAddr, full: LimitReached) {
        self.warn_refused(client, full);
        if let Ok(Some(stream)) = timeout(REFUSAL_TIMEOUT, self.start_tls(stream, client)).await {
            session::refuse(stream, &self.service, NoSession::LimitReached(full)).await;
        }
    }

    /// Does the TLS handshake, if TLS is enabled; nothing if the connection must be closed.
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
            Err(HandshakeError::NoTls(stream)) if !self.service.tls_required => Some(stream.into()),
            Err(error) => {
                self.log_handshake_error(client, &error);
                if let HandshakeError::NoTls(stream) = error {
                    session::refuse(stream.into(), &self.service, NoSession::NoTls).await;
                }
                None
            }
        }
    }

    /// The client's address, from the PROXY header if one is expected; nothing if the connection must be closed.
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
            tracing::warn!(%peer, count, reason = %error, "closed: no valid PROXY header");
        }
    }

    /// Not a warning, because anyone who can reach the port can cause it.
    fn log_handshake_error(&self, peer: SocketAddr, error: &HandshakeError) {
        let Some(label) = error.label() else {
            return tracing::debug!(%peer, %error, "closed");
        };
        self.service.tls_faults.count(label);
        if let Some(count) = self.handshake_errors.count(Instant::now()) {
            tracing::info!(%peer, count, reason = %error, "closed: TLS handshake failed");
        }
    }
}

/// Whether an error of `accept(2)` belongs to the connection it would have returned, not to the listener.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Limits log lines of one kind to one per [`WARN_EVERY`], with the number of events since the last line.
#[derive(Debug, Default)]
struct LogThrottle(Mutex<Since>);

/// Events since the last line.
#[derive(Debug, Default)]
struct Since {
    last: Option<Instant>,
    count: u64,
}

impl LogThrottle {
    /// Counts an event. Returns the number of events since the last line if a line is due.
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
