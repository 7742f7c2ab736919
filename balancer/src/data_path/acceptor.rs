//! Accepts clients as long as there are descriptors for them.
//!
//! Without a free descriptor clients are not refused: they stay in the queue of the listening socket, which is not watched
//! in the meantime, so that the loop does not spin.

use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::reason;
use rustix::io::{Errno, Result};
use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::core::log_limiter::LogLimiter;
use crate::core::session_id::Index;
use crate::core::shortage::Resource;
use crate::data_path::client::Client;
use crate::data_path::listen_socket::{BACKLOG, ListenSocket};
use crate::data_path::listener::Listener;
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
    /// By their places. One that is gone leaves its place to the next.
    listeners: Vec<Option<Watched>>,
    /// Until when nothing is accepted.
    paused: Option<Instant>,
    /// Whether the log was told of the pause, so that it is told of its end.
    told: bool,
    log: Arc<LogLimiter>,
}

/// A socket that this worker accepts from.
struct Watched {
    listener: Arc<Listener>,
    /// Connections to take in a row: more after a row was full, fewer when it was not.
    row: usize,
}

impl Acceptor {
    pub(crate) fn new(shared: Arc<Shared>, log: Arc<LogLimiter>) -> Self {
        Self {
            shared,
            listeners: Vec::new(),
            paused: None,
            told: false,
            log,
        }
    }

    /// Accepts from this one as well. One that it has already is no news.
    ///
    /// # Errors
    /// The socket cannot be watched.
    pub(crate) fn add(&mut self, listener: Arc<Listener>, poller: &Poller) -> Result<()> {
        let known = self.listeners.iter().flatten();
        if known
            .into_iter()
            .any(|known| known.listener.id == listener.id)
        {
            return Ok(());
        }
        let free = self.listeners.iter().position(Option::is_none);
        let place = free.unwrap_or(self.listeners.len());
        if self.paused.is_none() {
            poller.watch_listener(&listener.bound.socket, index(place))?;
        }
        let watched = Some(Watched { listener, row: 1 });
        match self.listeners.get_mut(place) {
            Some(free) => *free = watched,
            None => self.listeners.push(watched),
        }
        Ok(())
    }

    /// Accepts from this one no more. Those that wait in its queue are accepted first.
    pub(crate) fn remove(&mut self, id: u64, poller: &Poller, mut admit: impl FnMut(Client)) {
        for place in 0..self.listeners.len() {
            let has = |place: &Option<Watched>| {
                place
                    .as_ref()
                    .is_some_and(|watched| watched.listener.id == id)
            };
            if !self.listeners.get(place).is_some_and(has) {
                continue;
            }
            // Those for whom there is no descriptor are lost with the socket.
            let _ = self.accept_all(place, &mut admit);
            if let Some(watched) = self.listeners.get_mut(place).and_then(Option::take) {
                // It fails only for a socket that is not watched.
                let _ = poller.forget(&watched.listener.bound.socket);
            }
        }
    }

    /// Accepts the pending connections of the socket at `place`, up to the limit of a row, and passes each to `admit`.
    ///
    /// # Errors
    /// There is no descriptor or memory for another: [`Self::pause`].
    pub(crate) fn accept(&mut self, place: Index, mut admit: impl FnMut(Client)) -> Result<()> {
        let place = place as usize;
        let Some(row) = self.row(place).map(|row| *row) else {
            return Ok(());
        };
        for _ in 0..row {
            match self.next(place) {
                Ok(Some(client)) => admit(client),
                Ok(None) => {
                    self.row(place)
                        .into_iter()
                        .for_each(|row| *row = (*row / 2).max(1));
                    return Ok(());
                }
                Err(error) if Resource::of_accept(error).is_some() => return Err(error),
                // Only that one connection was lost.
                Err(error) => {
                    self.lost(error);
                }
            }
        }
        self.row(place)
            .into_iter()
            .for_each(|row| *row = (*row * 2).min(MAX_IN_A_ROW));
        Ok(())
    }

    fn row(&mut self, place: usize) -> Option<&mut usize> {
        let watched = self.listeners.get_mut(place)?.as_mut()?;
        Some(&mut watched.row)
    }

    /// The next connection of a socket, if there is one.
    fn next(&self, place: usize) -> Result<Option<Client>> {
        if self.shared.is_full() {
            return Err(Errno::MFILE);
        }
        let Some(Some(Watched { listener, .. })) = self.listeners.get(place) else {
            return Ok(None);
        };
        let taken = take(&listener.bound.socket)?;
        Ok(taken.map(|(socket, address)| Client {
            socket,
            address,
            service: Arc::clone(&listener.service),
        }))
    }

    /// Accepts nothing for a while.
    pub(crate) fn pause(&mut self, error: Errno, poller: &Poller, now: Instant) {
        self.told |= self.lost(error);
        if self.paused.is_none() {
            self.stop(poller);
        }
        self.paused = Some(now + PAUSE);
    }

    /// Counts one that was not accepted. Whether the log was told.
    fn lost(&self, error: Errno) -> bool {
        self.shared.counters.count_accept_error();
        if let Some(resource) = Resource::of_accept(error) {
            // The line below tells it.
            let _ = self.shared.shortages.note(resource, Instant::now());
        }
        let suppressed = self.log.pass(self.shared.uptime());
        if let Some(suppressed) = suppressed {
            let active = self.shared.counters.active();
            warn!(
                error = reason(&error.into()),
                active, suppressed, "accept failed"
            );
        }
        suppressed.is_some()
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
        if mem::take(&mut self.told) {
            info!(active = self.shared.counters.active(), "accepting again");
        }
        for (place, watched) in self.listeners.iter().enumerate() {
            if let Some(Watched { listener, .. }) = watched {
                poller.watch_listener(&listener.bound.socket, index(place))?;
            }
        }
        Ok(())
    }

    /// Takes the connections that were complete before the stop, as their clients have been told, as many as there are
    /// descriptors for. Whether that was all.
    pub(crate) fn accept_rest(&mut self, mut admit: impl FnMut(Client)) -> bool {
        (0..self.listeners.len()).all(|place| self.accept_all(place, &mut admit))
    }

    /// Takes the connections that are complete in the queue of a socket. Whether that was all: there may be no descriptor for
    /// the rest.
    fn accept_all(&self, place: usize, admit: &mut impl FnMut(Client)) -> bool {
        for _ in 0..MAX_BACKLOG {
            match self.next(place) {
                Ok(Some(client)) => admit(client),
                Ok(None) => break,
                Err(error) if Resource::of_accept(error).is_some() => return false,
                Err(error) => {
                    self.lost(error);
                }
            }
        }
        true
    }

    /// Stops to watch the sockets, which other workers may still hold open.
    pub(crate) fn stop(&self, poller: &Poller) {
        for watched in self.listeners.iter().flatten() {
            // It fails only for a socket that is not watched.
            let _ = poller.forget(&watched.listener.bound.socket);
        }
    }
}

fn index(place: usize) -> Index {
    Index::try_from(place).unwrap_or(Index::MAX)
}

/// The next connection of one socket, if there is one.
fn take(listener: &ListenSocket) -> Result<Option<(OwnedFd, SocketAddr)>> {
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

/// The client as it is shown: an IPv4 client of an IPv6 socket with its IPv4 address. A client of a unix socket has none,
/// and is on this machine.
fn client_address(address: Option<rustix::net::SocketAddrAny>) -> SocketAddr {
    let address = address.and_then(|address| SocketAddr::try_from(address).ok());
    let address = address.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
