//! Bytes between a client and a backend, both ways, until the session ends.
//!
//! Owns: moving bytes, forwarding the end of each direction, noticing loss and idleness, exact counts. Does not own
//! the sockets: how they are closed follows from the [`End`] and is done by the session. Never looks into the bytes.
//!
//! Both directions are driven by one thread. They share one buffer per thread, so a flow that is idle holds none; a
//! busy direction is spliced through a pipe instead. What cannot be written is kept by its direction, and until it is
//! gone that direction reads nothing: a reader that stalls stops the sender, and a flow never holds more than one
//! buffer's or one pipe's worth each way.

mod busy;
mod direction;
mod idle;
mod pipe;
mod send_queue;
mod socket;

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::IdleLimits;
use crate::core::relay_end::End;
use crate::core::side::Side;
use crate::core::traffic::Traffic;
use direction::{Direction, Halt, Turn};
use idle::IdleClock;
use socket::kind;

use crate::config::RelayMode;
pub(crate) use busy::RelaySwitch;
pub(crate) use pipe::{OnFailure, allow_pipes};
pub(crate) use send_queue::Delivery;
pub(crate) use socket::{Early, Wire};

/// The buffer of a thread. Bulk transfers gain up to about this size; beyond it the processor's cache is lost.
pub(crate) const BUFFER_SIZE: usize = 256 << 10;

/// What a turn of a relay came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Until the next event or the deadline.
    Waits,
    /// There may be more to do at once; other sessions come first.
    Goes,
    /// The session is over.
    Over(End),
}

/// The two directions of a session and what connects them.
#[derive(Debug)]
pub(crate) struct Relay {
    up: Direction,
    down: Direction,
    clock: IdleClock,
    /// Bytes up that are not the client's.
    preface: u64,
    /// The side that is gone, once one is.
    lost: Option<(Side, io::ErrorKind)>,
    /// Whether any byte was sent.
    has_spoken: bool,
}

impl Relay {
    pub(crate) fn new(now: Instant, limits: IdleLimits) -> Self {
        Self {
            up: Direction::default(),
            down: Direction::default(),
            clock: IdleClock::new(now, limits),
            preface: 0,
            lost: None,
            has_spoken: false,
        }
    }

    /// Has `preface` go to the backend before anything of the client, of which `early` has been read already. The
    /// preface is no traffic.
    pub(crate) fn begin_with(&mut self, preface: &[u8], early: &[u8]) {
        self.preface = preface.len() as u64;
        self.up.begin_with(&[preface, early].concat());
        if !early.is_empty() {
            self.has_spoken = true;
        }
    }

    /// Moves what can be moved in both directions, within the bound of one turn.
    pub(crate) fn turn(
        &mut self,
        client: &mut Wire,
        backend: &mut Wire,
        mode: RelayMode,
        buffer: &mut [u8],
        now: Instant,
    ) -> Progress {
        let before = self.moved();
        let mut goes = self.turn_up(client, backend, mode, buffer);
        goes |= self.turn_down(client, backend, mode, buffer);
        if self.moved() != before {
            self.clock.moved(now);
        }
        if self.up.is_done() && self.down.is_done() {
            return Progress::Over(match self.lost {
                None => End::Closed,
                Some((side, error)) => self.lost_end(side, error),
            });
        }
        goes |= self.lost.is_none() && self.notice_loss(client, backend);
        if self.half_closed() {
            self.clock.half_closed();
        }
        if goes {
            Progress::Goes
        } else {
            Progress::Waits
        }
    }

    fn turn_up(
        &mut self,
        client: &mut Wire,
        backend: &mut Wire,
        mode: RelayMode,
        buffer: &mut [u8],
    ) -> bool {
        let read = self.up.bytes_read();
        let closes = self.down.is_done();
        let turn = self.up.turn(client, backend, mode, buffer, closes);
        if self.up.bytes_read() != read {
            self.has_spoken = true;
        }
        self.goes_on(turn, Side::Client)
    }

    fn turn_down(
        &mut self,
        client: &mut Wire,
        backend: &mut Wire,
        mode: RelayMode,
        buffer: &mut [u8],
    ) -> bool {
        let read = self.down.bytes_read();
        let closes = self.up.is_done();
        let turn = self.down.turn(backend, client, mode, buffer, closes);
        if self.down.bytes_read() != read {
            self.has_spoken = true;
        }
        self.goes_on(turn, Side::Backend)
    }

    /// Whether there may be more to do. A loss may have freed the other direction from waiting, or ended it.
    fn goes_on(&mut self, turn: Result<Turn, Halt>, source: Side) -> bool {
        match turn {
            Ok(turn) => turn == Turn::Goes,
            Err(halt) => {
                self.halted(halt, source);
                true
            }
        }
    }

    /// Notices that a side is gone from which nothing is read for now: it has sent its end before, or what it sent
    /// waits for the other side.
    fn notice_loss(&mut self, client: &mut Wire, backend: &mut Wire) -> bool {
        let is_mute = |from: &Direction| from.source_ended() || from.is_pending();
        for (side, wire) in [(Side::Client, client), (Side::Backend, backend)] {
            let from = match side {
                Side::Client => &self.up,
                _ => &self.down,
            };
            if wire.is_broken()
                && is_mute(from)
                && let Some(error) = wire.take_error()
            {
                self.halted(Halt::SinkLost(kind(error)), side.opposite());
                return true;
            }
        }
        false
    }

    /// When to have another turn if no event comes before.
    pub(crate) fn deadline(&self) -> Instant {
        self.clock.deadline()
    }

    /// The end of a session that has been silent for too long.
    pub(crate) fn expired(&self, now: Instant) -> Option<End> {
        self.clock.expired(now).then(|| self.idle_end())
    }

    /// How long no byte has moved.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        self.clock.silence(now)
    }

    /// The end of a session of which one side has vanished without a word.
    pub(crate) fn vanished(&self, side: Side) -> End {
        let (side, error) = self.lost.unwrap_or((side, io::ErrorKind::TimedOut));
        self.lost_end(side, error)
    }

    /// A direction with this source cannot go on.
    fn halted(&mut self, halt: Halt, source: Side) {
        let (side, error) = match halt {
            Halt::SourceLost(error) => (source, error),
            Halt::SinkLost(error) => (source.opposite(), error),
        };
        let (from_lost, to_lost) = match side {
            Side::Client => (&mut self.up, &mut self.down),
            _ => (&mut self.down, &mut self.up),
        };
        // Nothing can reach the side that is gone, but what came from it is still handed on, up to the last byte. Its
        // end is not: the session will close the other side by a reset, and a clean end before that would be a lie.
        to_lost.abandon();
        match halt {
            Halt::SourceLost(_) => from_lost.abandon(),
            Halt::SinkLost(_) => from_lost.withhold_end(),
        }
        self.lost.get_or_insert((side, error));
    }

    fn lost_end(&self, side: Side, error: io::ErrorKind) -> End {
        End::Lost {
            side,
            last: self.is_last(side),
            error,
        }
    }

    fn idle_end(&self) -> End {
        if let Some((side, error)) = self.lost {
            return self.lost_end(side, error);
        }
        let side = self.silent_side();
        // What the bytes mean is not known here: once one has moved, an answer may have stopped in its middle.
        let owing = self.has_spoken
            || self.half_closed()
            || self.up.is_pending()
            || self.down.is_pending();
        End::Idle {
            side,
            last: self.is_last(side),
            owing,
        }
    }

    /// Whether only the client was left.
    fn is_last(&self, side: Side) -> bool {
        side == Side::Client && self.down.source_ended()
    }

    /// Whose turn it is: the side that does not take what is there for it; else the one that has not ended yet. While
    /// neither has ended it is the backend's, which was asked or may be in the middle of an answer; only where nobody
    /// has said anything is it the client's.
    fn silent_side(&self) -> Side {
        if self.down.is_pending() {
            Side::Client
        } else if self.up.is_pending() || self.up.source_ended() {
            Side::Backend
        } else if self.down.source_ended() {
            Side::Client
        } else if self.has_spoken {
            Side::Backend
        } else {
            Side::Client
        }
    }

    fn half_closed(&self) -> bool {
        self.up.source_ended() || self.down.source_ended() || self.lost.is_some()
    }

    fn moved(&self) -> u64 {
        self.up.moved() + self.down.moved()
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            up: self.up.bytes_written().saturating_sub(self.preface),
            down: self.down.bytes_written(),
        }
    }
}

#[cfg(test)]
mod tests;
