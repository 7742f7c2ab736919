//! Bytes between a client and a backend, both ways, until the session ends.
//!
//! Owns: moving bytes, forwarding the end of each direction, noticing loss and idleness, exact counts. Does not own
//! the sockets: how they are closed follows from the [`End`] and is done by the session. Never looks into the bytes.
//!
//! A socket may have TLS on it, which it ends: then its bytes are decrypted on the way in and encrypted on the way out, and
//! copied instead of spliced. An end is one that was said by close_notify; a connection that merely ends is lost.
//!
//! Both directions are driven by one thread. They share one buffer per thread, so a flow that is idle holds none; a
//! busy direction is spliced through a pipe instead. What cannot be written is kept by its direction, and until it is
//! gone that direction reads nothing: a reader that stalls stops the sender, and a flow never holds more than one
//! buffer's or one pipe's worth each way.

mod delivery;
mod direction;
mod idle;
mod pipe;
mod reading;
mod receive_window;
mod socket;
mod splice_policy;
mod tls_channel;
mod tls_drive;
mod tls_socket;

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::IdleLimits;
use crate::core::relay_end::End;
use crate::core::side::Side;
use crate::core::traffic::Traffic;
use direction::{Direction, DirectionStep, Halt};
use idle::IdleClock;
use socket::kind;

use crate::config::RelayMode;
pub(crate) use delivery::Delivery;
pub(crate) use pipe::{OnFailure, allow_pipes};
pub(crate) use socket::{Early, SessionSocket};
pub(crate) use splice_policy::RelaySwitch;
pub(crate) use tls_channel::{HandshakeStep, TlsChannel};

/// The buffer of a thread. Bulk transfers gain up to about this size; beyond it the processor's cache is lost.
pub(crate) const BUFFER_SIZE: usize = 256 << 10;

/// The result of one step of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Wait for the next event or the deadline.
    Wait,
    /// There may be more to do immediately, but other sessions come first.
    Yield,
    /// The relay has ended.
    Done(End),
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
    /// What had moved when the first end was said.
    moved_at_end: Option<u64>,
    /// Whether the side that is gone had nothing left to say or to get, see [`End::Left`].
    has_left: bool,
    /// Whether client and backend have TLS.
    has_tls: [bool; 2],
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
            moved_at_end: None,
            has_left: false,
            has_tls: [false; 2],
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

    /// Has `said` go to the client, which the backend has sent already.
    pub(crate) fn begin_down_with(&mut self, said: &[u8]) {
        if !said.is_empty() {
            self.down.begin_with(said);
            self.has_spoken = true;
        }
    }

    /// Moves bytes in both directions, within the limit of one step.
    pub(crate) fn step(
        &mut self,
        client: &mut SessionSocket,
        backend: &mut SessionSocket,
        mode: RelayMode,
        buffer: &mut [u8],
        now: Instant,
    ) -> Progress {
        self.has_tls = [client.tls().is_some(), backend.tls().is_some()];
        let (up, down) = (self.up.moved(), self.down.moved());
        let mut yields = self.step_up(client, backend, mode, buffer);
        yields |= self.step_down(client, backend, mode, buffer);
        if (self.up.moved(), self.down.moved()) != (up, down) {
            let side = self.waits_for(self.down.moved() != down);
            self.clock.moved(now, side);
        }
        if self.up.is_done() && self.down.is_done() {
            return Progress::Done(match self.lost {
                None => End::Closed,
                Some((side, error)) => self.lost_end(side, error),
            });
        }
        yields |= self.lost.is_none() && self.notice_loss(client, backend);
        if self.half_closed() {
            self.clock.half_closed();
        }
        if self.up.is_done() || self.down.is_done() {
            self.moved_at_end.get_or_insert(self.moved());
        }
        if yields {
            Progress::Yield
        } else {
            Progress::Wait
        }
    }

    fn step_up(
        &mut self,
        client: &mut SessionSocket,
        backend: &mut SessionSocket,
        mode: RelayMode,
        buffer: &mut [u8],
    ) -> bool {
        let read = self.up.bytes_read();
        let closes = self.down.is_done();
        let step = self.up.step(client, backend, mode, buffer, closes);
        if self.up.bytes_read() != read {
            self.has_spoken = true;
        }
        self.may_continue(step, Side::Client)
    }

    fn step_down(
        &mut self,
        client: &mut SessionSocket,
        backend: &mut SessionSocket,
        mode: RelayMode,
        buffer: &mut [u8],
    ) -> bool {
        let read = self.down.bytes_read();
        let closes = self.up.is_done();
        let step = self.down.step(backend, client, mode, buffer, closes);
        if self.down.bytes_read() != read {
            self.has_spoken = true;
        }
        self.may_continue(step, Side::Backend)
    }

    /// Whether there may be more to do. A loss may have freed the other direction from waiting, or ended it.
    fn may_continue(&mut self, step: Result<DirectionStep, Halt>, source: Side) -> bool {
        match step {
            Ok(step) => step == DirectionStep::Yield,
            Err(halt) => {
                self.halted(halt, source);
                true
            }
        }
    }

    /// Notices that a side is gone from which nothing is read for now: it has sent its end before, or what it sent
    /// waits for the other side.
    fn notice_loss(&mut self, client: &mut SessionSocket, backend: &mut SessionSocket) -> bool {
        let is_mute = |from: &Direction| from.source_ended() || from.is_pending();
        for (side, socket) in [(Side::Client, client), (Side::Backend, backend)] {
            let from = match side {
                Side::Client => &self.up,
                _ => &self.down,
            };
            if socket.is_broken()
                && is_mute(from)
                && let Some(error) = socket.take_error()
            {
                self.halted(Halt::SinkLost(kind(error)), side.opposite());
                return true;
            }
        }
        false
    }

    /// When to run the next step if no event comes before.
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
        if self.lost.is_none() {
            self.has_left = self.is_leaving(side);
        }
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
        if self.has_left {
            return End::Left { side };
        }
        End::Lost {
            side,
            last: self.is_last(side),
            error,
        }
    }

    /// Whether a side that breaks off has nothing left to say or to get, as far as can be known: within TLS an end has to be
    /// said, and not everybody does.
    fn is_leaving(&self, side: Side) -> bool {
        let [client, backend] = self.has_tls;
        let has_tls = match side {
            Side::Client => client,
            _ => backend,
        };
        let moved = self.moved();
        has_tls
            && (self.up.is_done() || self.down.is_done())
            && !(self.up.is_pending() || self.down.is_pending())
            && self.moved_at_end.is_none_or(|then| then == moved)
            && self.down.bytes_written() > 0
    }

    fn idle_end(&self) -> End {
        if let Some((side, error)) = self.lost {
            return self.lost_end(side, error);
        }
        let side = self.clock.waits_for().unwrap_or_else(|| self.silent_side());
        // What the bytes mean is not known here: once one has moved, an answer may have stopped in its middle.
        let owing =
            self.has_spoken || self.half_closed() || self.up.is_pending() || self.down.is_pending();
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

    /// The side that is waited for: the one that does not read what is pending for it; else the one that has not ended yet.
    /// While neither has ended it is the backend, which was asked or may have stopped in the middle of an answer; only if
    /// no byte was ever sent is it the client.
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

    /// The side whose turn it is after a byte has moved: the one that does not read, or the one that did not speak last.
    fn waits_for(&self, backend_spoke: bool) -> Side {
        let to_client = self.down.is_pending() || (backend_spoke && !self.up.is_pending());
        if to_client {
            Side::Client
        } else {
            Side::Backend
        }
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
