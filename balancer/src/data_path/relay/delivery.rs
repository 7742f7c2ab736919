//! What the kernel still holds for a peer. A reset throws it away, so it is waited for, within a bound, before a
//! connection is reset on purpose.

#![expect(
    unsafe_code,
    reason = "no safe interface asks for the length of a socket's send queue"
)]

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Result;
use rustix::ioctl::{Getter, Opcode, ioctl};
use tokio::time::Instant;

/// How long a peer may take none of what is left for it before it is reset all the same.
const STALL_LIMIT: Duration = Duration::from_secs(5);
/// The first pause between two looks at the queue; on a local network it is empty by then.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_millis(50);

/// `SIOCOUTQ` of tcp(7), which Linux gives the number of `TIOCOUTQ`.
const SIOCOUTQ: Opcode = 0x5411;

/// The wait until a peer's system has acknowledged everything that was written, or has taken nothing for
/// [`STALL_LIMIT`].
#[derive(Debug)]
pub(crate) struct Delivery {
    left: i32,
    progress: Instant,
    pause: Duration,
    next: Instant,
}

impl Delivery {
    /// Nothing to wait for: `None`.
    pub(crate) fn begin(socket: impl AsFd, now: Instant) -> Option<Self> {
        let left = unsent(socket).ok().filter(|&left| left > 0)?;
        Some(Self {
            left,
            progress: now,
            pause: FIRST_PAUSE,
            next: now + FIRST_PAUSE,
        })
    }

    /// When to look.
    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    /// Whether the wait is over.
    pub(crate) fn is_over(&mut self, socket: impl AsFd, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        match unsent(socket) {
            Ok(left) if left > 0 => self.is_stalled(left, now),
            _ => true,
        }
    }

    fn is_stalled(&mut self, left: i32, now: Instant) -> bool {
        if left < self.left {
            self.progress = now;
        }
        self.left = left;
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        self.next = now + self.pause;
        now.saturating_duration_since(self.progress) >= STALL_LIMIT
    }
}

/// Bytes in the send queue that the peer has not acknowledged.
fn unsent(socket: impl AsFd) -> Result<i32> {
    // SAFETY: SIOCOUTQ writes one C int through its argument and has no other effect; the getter's output is that int.
    unsafe { ioctl(socket, Getter::<SIOCOUTQ, i32>::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_while_the_queue_shrinks_and_not_much_longer() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut delivery = Delivery {
            left: 100,
            progress: start,
            pause: FIRST_PAUSE,
            next: start,
        };
        assert!(!delivery.is_stalled(100, start + 4 * second));
        assert!(!delivery.is_stalled(99, start + 6 * second));
        assert_eq!(delivery.deadline(), start + 6 * second + 4 * FIRST_PAUSE);
        assert!(!delivery.is_stalled(99, start + 10 * second));
        assert!(delivery.is_stalled(99, start + 11 * second));
    }
}
