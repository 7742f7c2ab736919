//! The epoll instance of one worker: what is watched, and what an event means.
//!
//! Sessions' sockets are added once, told at edges, and never touched again: closing a socket ends its watch. So each
//! costs one system call in its life. Whoever gets an event must act on it until the system says "would block", or
//! remember that there is more. See epoll(7).

use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{Errno, Result};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use tokio::time::Instant;

use crate::core::session_id::Index;

/// Events taken at a time.
const BATCH: usize = 256;
const MAILBOX: u64 = u64::MAX;
const ALARM: u64 = u64::MAX - 1;
/// Together with the place of the listener.
const LISTENER: u64 = 1 << 62;

/// Told once for each change. Urgent data is asked for because reads stop at it, see [`crate::data_path::relay::SessionSocket`].
const EDGES: EventFlags = EventFlags::IN
    .union(EventFlags::OUT)
    .union(EventFlags::PRI)
    .union(EventFlags::RDHUP)
    .union(EventFlags::ET);

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// There are connections to accept at the listener at this place.
    Listener(Index),
    /// There is mail.
    Mailbox,
    /// The time that the wait was for has come.
    Alarm,
    /// The client's socket of a session.
    Client(Index),
    /// The backend's socket of a session.
    Backend(Index),
}

impl Subject {
    fn data(self) -> EventData {
        EventData::new_u64(match self {
            Self::Listener(place) => LISTENER | u64::from(place),
            Self::Mailbox => MAILBOX,
            Self::Alarm => ALARM,
            Self::Client(index) => u64::from(index) << 1,
            Self::Backend(index) => u64::from(index) << 1 | 1,
        })
    }

    fn of(data: u64) -> Self {
        let index = Index::try_from(data >> 1).unwrap_or(Index::MAX);
        match data {
            MAILBOX => Self::Mailbox,
            ALARM => Self::Alarm,
            _ if data & LISTENER != 0 => {
                Self::Listener(Index::try_from(data ^ LISTENER).unwrap_or(Index::MAX))
            }
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

/// The epoll instance, and the alarm that ends its waits.
///
/// A wait with a time limit of its own has the kernel set up a timer and take it down again each time. The alarm is a
/// descriptor that is set only when something is due earlier than what it is set for.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    alarm: OwnedFd,
    /// When the alarm goes off.
    set_for: Option<Instant>,
}

impl Poller {
    pub(crate) fn new() -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let alarm = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let edges = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &alarm, Subject::Alarm.data(), edges)?;
        Ok(Self {
            epoll,
            alarm,
            set_for: None,
        })
    }

    /// Watches a session's socket for everything, until it is closed.
    pub(crate) fn watch_socket(&self, socket: impl AsFd, subject: Subject) -> Result<()> {
        epoll::add(&self.epoll, socket, subject.data(), EDGES)
    }

    /// Watches a listening socket that other workers watch as well: an event wakes one of them, not all.
    pub(crate) fn watch_listener(&self, listener: impl AsFd, place: Index) -> Result<()> {
        let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
        let data = Subject::Listener(place).data();
        epoll::add(&self.epoll, listener, data, flags)
    }

    /// Watches the mailbox.
    pub(crate) fn watch_mailbox(&self, mailbox: impl AsFd) -> Result<()> {
        let flags = EventFlags::IN | EventFlags::ET;
        epoll::add(&self.epoll, mailbox, Subject::Mailbox.data(), flags)
    }

    /// Ends a watch before its socket is closed.
    pub(crate) fn forget(&self, watched: impl AsFd) -> Result<()> {
        epoll::delete(&self.epoll, watched)
    }

    /// Waits for events, until `until` at the latest. It is `now`.
    pub(crate) fn wait(
        &mut self,
        events: &mut Events,
        now: Instant,
        until: Option<Instant>,
    ) -> Result<()> {
        events.0.clear();
        let at_once = until.is_some_and(|until| until <= now);
        if let Some(until) = until
            && !at_once
        {
            self.set_alarm(now, until)?;
        }
        let timeout = at_once.then(Timespec::default);
        let space = spare_capacity(&mut events.0);
        match epoll::wait(&self.epoll, space, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Has the alarm go off at `at`, or before.
    fn set_alarm(&mut self, now: Instant, at: Instant) -> Result<()> {
        if self.set_for.is_some_and(|set| now < set && set <= at) {
            return Ok(());
        }
        let rest = at.saturating_duration_since(now);
        let time = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(rest).map_err(|_| Errno::INVAL)?,
        };
        timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &time)?;
        self.set_for = Some(at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_subject_survives_the_kernel() {
        for subject in [
            Subject::Listener(0),
            Subject::Listener(Index::MAX),
            Subject::Mailbox,
            Subject::Alarm,
            Subject::Client(0),
            Subject::Backend(0),
            Subject::Client(Index::MAX),
            Subject::Backend(Index::MAX),
        ] {
            assert_eq!(Subject::of(subject.data().u64()), subject);
        }
    }

    #[test]
    fn a_wait_ends_in_time_whatever_the_alarm_was_set_for() {
        let mut poller = Poller::new().unwrap();
        let mut events = Events::new();
        let start = Instant::now();
        let ms = Duration::from_millis;
        // Later, earlier, and again after it went off; a wait may end early, which the next one makes up for.
        for (until, later) in [(50, 9000), (10, 20), (30, 40)] {
            poller.set_alarm(Instant::now(), start + ms(later)).unwrap();
            let until = start + ms(until);
            loop {
                let now = Instant::now();
                if now >= until {
                    break;
                }
                poller.wait(&mut events, now, Some(until)).unwrap();
            }
            assert!(start.elapsed() < Duration::from_secs(5));
        }
        poller
            .wait(&mut events, start, Some(start))
            .expect("a look without a wait");
    }
}
