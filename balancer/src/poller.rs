//! The epoll instance of one worker: what is watched, and what an event means.
//!
//! Sessions' sockets are added once, told at edges, and never touched again: closing a socket ends its watch. So each
//! costs one system call in its life. Whoever gets an event must act on it until the system says "would block", or
//! remember that there is more. See epoll(7).

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{Errno, Result};

use crate::wheel::Index;

/// Events taken at a time.
const BATCH: usize = 256;
const LISTENER: u64 = u64::MAX;
const MAILBOX: u64 = u64::MAX - 1;

/// Told once for each change. Urgent data is asked for because reads stop at it, see [`crate::relay::Wire`].
const EDGES: EventFlags = EventFlags::IN
    .union(EventFlags::OUT)
    .union(EventFlags::PRI)
    .union(EventFlags::RDHUP)
    .union(EventFlags::ET);

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// There are connections to accept.
    Listener,
    /// There is mail.
    Mailbox,
    /// The client's socket of a session.
    Client(Index),
    /// The backend's socket of a session.
    Backend(Index),
}

impl Subject {
    fn data(self) -> EventData {
        EventData::new_u64(match self {
            Self::Listener => LISTENER,
            Self::Mailbox => MAILBOX,
            Self::Client(index) => u64::from(index) << 1,
            Self::Backend(index) => u64::from(index) << 1 | 1,
        })
    }

    fn of(data: u64) -> Self {
        let index = Index::try_from(data >> 1).unwrap_or(Index::MAX);
        match data {
            LISTENER => Self::Listener,
            MAILBOX => Self::Mailbox,
            _ if data & 1 == 0 => Self::Client(index),
            _ => Self::Backend(index),
        }
    }
}

/// What has changed at a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Default))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags of an event, each on its own"
)]
pub(crate) struct Readiness {
    /// There is something to read: bytes, the end, or an error.
    pub(crate) readable: bool,
    /// There is room, or an error.
    pub(crate) writable: bool,
    /// The peer has sent its end.
    pub(crate) ended: bool,
    /// The connection is broken.
    pub(crate) broken: bool,
    /// Urgent data is under way.
    pub(crate) urgent: bool,
}

impl Readiness {
    fn of(flags: EventFlags) -> Self {
        let over = EventFlags::ERR | EventFlags::HUP;
        Self {
            readable: flags.intersects(EventFlags::IN | EventFlags::RDHUP | over),
            writable: flags.intersects(EventFlags::OUT | over),
            ended: flags.contains(EventFlags::RDHUP),
            // A hang-up without an error is both ends said in good order.
            broken: flags.contains(EventFlags::ERR),
            urgent: flags.contains(EventFlags::PRI),
        }
    }
}

/// What a wait brought. It belongs to the thread that waits.
pub(crate) struct Events(Vec<Event>);

impl Events {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(BATCH))
    }

    /// The events of the latest wait.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Subject, Readiness)> {
        self.0.iter().map(|event| {
            // The event is packed: its fields are copied out.
            let (data, flags) = (event.data, event.flags);
            (Subject::of(data.u64()), Readiness::of(flags))
        })
    }
}

/// The epoll instance.
#[derive(Debug)]
pub(crate) struct Poller(OwnedFd);

impl Poller {
    pub(crate) fn new() -> Result<Self> {
        epoll::create(CreateFlags::CLOEXEC).map(Self)
    }

    /// Watches a session's socket for everything, until it is closed.
    pub(crate) fn watch_socket(&self, socket: impl AsFd, subject: Subject) -> Result<()> {
        epoll::add(&self.0, socket, subject.data(), EDGES)
    }

    /// Watches a listening socket that other workers watch as well: an event wakes one of them, not all.
    pub(crate) fn watch_listener(&self, listener: impl AsFd) -> Result<()> {
        let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
        epoll::add(&self.0, listener, Subject::Listener.data(), flags)
    }

    /// Watches the mailbox.
    pub(crate) fn watch_mailbox(&self, mailbox: impl AsFd) -> Result<()> {
        let flags = EventFlags::IN | EventFlags::ET;
        epoll::add(&self.0, mailbox, Subject::Mailbox.data(), flags)
    }

    /// Ends a watch before its socket is closed.
    pub(crate) fn forget(&self, watched: impl AsFd) -> Result<()> {
        epoll::delete(&self.0, watched)
    }

    /// Waits for events, for so long at the most.
    pub(crate) fn wait(&self, events: &mut Events, patience: Option<Duration>) -> Result<()> {
        events.0.clear();
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        match epoll::wait(&self.0, spare_capacity(&mut events.0), patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_survives_the_kernel() {
        for subject in [
            Subject::Listener,
            Subject::Mailbox,
            Subject::Client(0),
            Subject::Backend(0),
            Subject::Client(Index::MAX),
            Subject::Backend(Index::MAX),
        ] {
            assert_eq!(Subject::of(subject.data().u64()), subject);
        }
    }
}
