//! Bytes between a client and a backend, both ways, until the session ends.
//!
//! Owns: moving bytes, forwarding the end of each direction, noticing loss and idleness, exact counts. Does not own
//! the sockets: how they are closed follows from the [`End`] and is done by the session. Never looks into the bytes.
//!
//! Both directions are polled by one task. They share one buffer per thread, so a flow that is idle holds none; a busy
//! direction is spliced through a pipe instead. What cannot be written is kept by its direction, and until it is gone
//! that direction reads nothing: a reader that stalls stops the sender, and a flow never holds more than one buffer's or
//! one pipe's worth each way.

mod busy;
mod direction;
mod half;
mod idle;
mod pipe;
mod send_queue;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::side::Side;
use direction::{Direction, Halt};
use half::{Sink, Source, Wire};
use idle::IdleClock;

pub use busy::RelayMode;
pub(crate) use busy::RelaySwitch;
pub(crate) use send_queue::delivered;

/// The buffer of a thread. Bulk transfers gain up to about this size; beyond it the processor's cache is lost.
const BUFFER_SIZE: usize = 256 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_SIZE]);
}

/// How long a session may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleLimits {
    /// While both directions are open.
    pub open: Duration,
    /// After one of them has ended.
    pub half_closed: Duration,
}

/// Bytes delivered to the other side's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// From the client to the backend.
    pub up: u64,
    /// From the backend to the client.
    pub down: u64,
}

/// Why the relay is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Both directions ended, and everything was delivered.
    Closed,
    /// No byte moved for too long.
    Idle {
        /// Whose turn it was.
        side: Side,
        /// The backend had ended before.
        last: bool,
        /// Somebody still waits for bytes or for an end, so that a plain close would look like a complete answer.
        owing: bool,
    },
    /// A side is gone: it reset the connection, or the network lost it. What it had sent before was handed on.
    Lost {
        /// Who is gone.
        side: Side,
        /// The backend had ended before.
        last: bool,
        /// What the system called it.
        error: io::ErrorKind,
    },
}

/// Relays until the session ends. `traffic` is kept up to date all along, so that it is right even if this future is
/// dropped.
pub(crate) fn relay<'a>(
    client: &'a mut TcpStream,
    backend: &'a mut TcpStream,
    limits: IdleLimits,
    switch: &'a RelaySwitch,
    traffic: &'a mut Traffic,
) -> impl Future<Output = End> + Send + 'a {
    let (client, backend) = (client.split().into(), backend.split().into());
    relay_wires(client, backend, limits, switch, traffic)
}

/// The same over anything that can be read and written.
async fn relay_wires<R: Source, W: Sink, S: Source, T: Sink>(
    mut client: Wire<R, W>,
    mut backend: Wire<S, T>,
    limits: IdleLimits,
    switch: &RelaySwitch,
    traffic: &mut Traffic,
) -> End {
    let mut flow = Flow::default();
    let mut clock = IdleClock::new(Instant::now(), limits);
    let mut alarm = pin!(sleep_until(clock.deadline()));
    poll_fn(|cx| {
        let before = flow.moved();
        let result = flow.poll(cx, &mut client, &mut backend, switch.get());
        *traffic = flow.traffic();
        if result.is_ready() {
            return result;
        }
        if flow.moved() != before {
            clock.moved(Instant::now());
        }
        if flow.half_closed() && clock.half_closed() {
            alarm.as_mut().reset(clock.deadline());
        }
        while alarm.as_mut().poll(cx).is_ready() {
            if clock.expired(Instant::now()) {
                return Poll::Ready(flow.idle_end());
            }
            alarm.as_mut().reset(clock.deadline());
        }
        Poll::Pending
    })
    .await
}

/// The two directions of a session and what connects them.
#[derive(Debug, Default)]
struct Flow {
    up: Direction,
    down: Direction,
    /// The side that is gone, once one is.
    lost: Option<(Side, io::ErrorKind)>,
    /// Who sent the latest byte.
    spoke_last: Option<Side>,
}

impl Flow {
    /// Moves what can be moved in both directions, within the bound of one turn.
    fn poll<R: Source, W: Sink, S: Source, T: Sink>(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Wire<R, W>,
        backend: &mut Wire<S, T>,
        mode: RelayMode,
    ) -> Poll<End> {
        BUFFER.with_borrow_mut(|buffer| {
            let read = self.up.bytes_read();
            self.up.close_tells_end(self.down.is_done());
            let (inlet, outlet) = (&mut client.inlet, &mut backend.outlet);
            if let Err(halt) = self.up.poll(cx, inlet, outlet, mode, buffer) {
                self.halted(halt, Side::Client);
            }
            if self.up.bytes_read() != read {
                self.spoke_last = Some(Side::Client);
            }
            let read = self.down.bytes_read();
            self.down.close_tells_end(self.up.is_done());
            let (inlet, outlet) = (&mut backend.inlet, &mut client.outlet);
            if let Err(halt) = self.down.poll(cx, inlet, outlet, mode, buffer) {
                self.halted(halt, Side::Backend);
                // The loss may have freed the other direction from waiting, or ended it.
                cx.waker().wake_by_ref();
            }
            if self.down.bytes_read() != read {
                self.spoke_last = Some(Side::Backend);
            }
        });
        if self.up.is_done() && self.down.is_done() {
            return Poll::Ready(match self.lost {
                None => End::Closed,
                Some((side, error)) => self.lost_end(side, error),
            });
        }
        if self.lost.is_none() {
            self.poll_loss(cx, client, backend);
        }
        Poll::Pending
    }

    /// Notices the reset of a side that has sent its end before.
    fn poll_loss<R: Source, W, S: Source, T>(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Wire<R, W>,
        backend: &mut Wire<S, T>,
    ) {
        if self.up.source_ended()
            && let Poll::Ready(error) = client.inlet.poll_loss(cx)
        {
            self.halted(Halt::SinkLost(error), Side::Backend);
            cx.waker().wake_by_ref();
        } else if self.down.source_ended()
            && let Poll::Ready(error) = backend.inlet.poll_loss(cx)
        {
            self.halted(Halt::SinkLost(error), Side::Client);
            cx.waker().wake_by_ref();
        }
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
        let owing = self.half_closed() || self.up.is_pending() || self.down.is_pending();
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

    /// Whose turn it is: who does not take what is there for it; else who has not ended yet; else who was spoken to.
    fn silent_side(&self) -> Side {
        if self.down.is_pending() {
            Side::Client
        } else if self.up.is_pending() || self.up.source_ended() {
            Side::Backend
        } else if self.down.source_ended() {
            Side::Client
        } else {
            self.spoke_last.map_or(Side::Client, Side::opposite)
        }
    }

    fn half_closed(&self) -> bool {
        self.up.source_ended() || self.down.source_ended() || self.lost.is_some()
    }

    fn moved(&self) -> u64 {
        self.up.moved() + self.down.moved()
    }

    fn traffic(&self) -> Traffic {
        Traffic {
            up: self.up.bytes_written(),
            down: self.down.bytes_written(),
        }
    }
}

#[cfg(test)]
mod tests;
