//! Accepts clients as long as there are descriptors for them.
//!
//! Without a free descriptor clients are not refused: they stay in the queue of the listening socket, which is not watched
//! in the meantime, so that the loop does not spin.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::{Errno, Result};
use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::core::log_limiter::LogLimiter;
use crate::core::shortage::Resource;
use crate::data_path::listener::BACKLOG;
use crate::data_path::poller::Poller;
use crate::data_path::shared::Shared;

const NONBLOCKING: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
/// Maximum number of connections accepted in a row before sessions are processed.
const MAX_IN_A_ROW: usize = 32;
/// Connections that can be complete in the queue of one socket.
const MAX_BACKLOG: usize = BACKLOG.unsigned_abs() as usize;
/// How long a worker accepts nothing after it ran out of descriptors. Sessions that end meanwhile make room.
const PAUSE: Duration = Duration::from_millis(20);

/// The listening sockets of one worker.
pub(crate) struct Acceptor {
    shared: Arc<Shared>,
    listeners: Vec<OwnedFd>,
    /// The one that is asked first, so that a busy one cannot starve the others.
    first: usize,
    /// Until when nothing is accepted.
    paused: Option<Instant>,
    /// Connections to take in a row: more after a row was full, fewer when it was not.
    row: usize,
    log: Arc<LogLimiter>,
}

impl Acceptor {
    /// # Errors
    /// A socket cannot be watched.
    pub(crate) fn new(
        shared: Arc<Shared>,
        listeners: Vec<OwnedFd>,
        log: Arc<LogLimiter>,
        poller: &Poller,
    ) -> Result<Self> {
        for listener in &listeners {
            poller.watch_listener(listener)?;
        }
        Ok(Self {
            shared,
            listeners,
            first: 0,
            paused: None,
            row: 1,
            log,
        })
    }

    /// Accepts the pending connections, up to the limit of a row, and passes each to `admit`.
    ///
    /// # Errors
    /// There is no descriptor or memory for another: [`Self::pause`].
    pub(crate) fn accept(&mut self, mut admit: impl FnMut(OwnedFd, SocketAddr)) -> Result<()> {
        for _ in 0..self.row {
            match self.next() {
                Ok(Some((socket, address))) => admit(socket, address),
                Ok(None) => {
                    self.row = (self.row / 2).max(1);
                    return Ok(());
                }
                Err(error) if Resource::of_accept(error).is_some() => return Err(error),
                // Only that one connection was lost.
                Err(error) => self.lost(error),
            }
        }
        self.row = (self.row * 2).min(MAX_IN_A_ROW);
        Ok(())
    }

    /// The next connection, if there is one.
    fn next(&mut self) -> Result<Option<(OwnedFd, SocketAddr)>> {
        if self.shared.is_full() {
            return Err(Errno::MFILE);
        }
        let (before, from) = self.listeners.split_at(self.first);
        for listener in from.iter().chain(before) {
            if let Some(connection) = take(listener)? {
                self.first = (self.first + 1) % self.listeners.len();
                return Ok(Some(connection));
            }
        }
        Ok(None)
    }

    /// Accepts nothing for a while.
    pub(crate) fn pause(&mut self, error: Errno, poller: &Poller, now: Instant) {
        self.lost(error);
        if self.paused.is_none() {
            self.stop(poller);
        }
        self.paused = Some(now + PAUSE);
    }

    fn lost(&self, error: Errno) {
        self.shared.counters.count_accept_error();
        if let Some(resource) = Resource::of_accept(error) {
            // The line below tells it.
            let _ = self.shared.pool.shortages.note(resource, Instant::now());
        }
        if let Some(suppressed) = self.log.pass(self.shared.uptime()) {
            let active = self.shared.counters.active();
            warn!(%error, active, suppressed, "accept failed");
        }
    }

    /// When to call [`Self::resume`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.paused
    }

    /// Accepts again, once the pause is over.
    ///
    /// # Errors
    /// The socket cannot be watched.
    pub(crate) fn resume(&mut self, poller: &Poller, now: Instant) -> Result<()> {
        if self.paused.is_none_or(|until| now < until) {
            return Ok(());
        }
        if self.shared.is_full() {
            self.paused = Some(now + PAUSE);
            return Ok(());
        }
        self.paused = None;
        info!(active = self.shared.counters.active(), "accepting again");
        for listener in &self.listeners {
            poller.watch_listener(listener)?;
        }
        Ok(())
    }

    /// Takes the connections that were complete before the stop, as their clients have been told, as many as there are
    /// descriptors for. Whether that was all.
    pub(crate) fn accept_rest(&mut self, mut admit: impl FnMut(OwnedFd, SocketAddr)) -> bool {
        let most = self.listeners.len() * MAX_BACKLOG;
        for _ in 0..most {
            match self.next() {
                Ok(Some((socket, address))) => admit(socket, address),
                Ok(None) => return true,
                Err(error) if Resource::of_accept(error).is_some() => return false,
                Err(error) => self.lost(error),
            }
        }
        true
    }

    /// Stops to watch the socket, which other workers may still hold open.
    pub(crate) fn stop(&self, poller: &Poller) {
        for listener in &self.listeners {
            // It fails only for a socket that is not watched.
            let _ = poller.forget(listener.as_fd());
        }
    }
}

/// The next connection of one socket, if there is one.
fn take(listener: &OwnedFd) -> Result<Option<(OwnedFd, SocketAddr)>> {
    loop {
        return match acceptfrom_with(listener, NONBLOCKING) {
            Ok((socket, address)) => Ok(Some((socket, client_address(address)))),
            // Another worker was faster.
            Err(Errno::AGAIN) => Ok(None),
            Err(Errno::INTR) => continue,
            Err(error) => Err(error),
        };
    }
}

/// The client as it is shown: an IPv4 client of an IPv6 socket with its IPv4 address.
fn client_address(address: Option<rustix::net::SocketAddrAny>) -> SocketAddr {
    let address = address.and_then(|address| SocketAddr::try_from(address).ok());
    // The system knows the peer of every TCP connection.
    let address = address.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
