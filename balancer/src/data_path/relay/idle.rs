//! When a session has been silent for too long. Plain code: `now` is handed in.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::IdleLimits;

/// Time of the latest byte, and the limit that holds. The timer that goes with it is re-armed only when it fires, so
/// a busy session does not touch it.
#[derive(Debug)]
pub(super) struct IdleClock {
    latest: Instant,
    limit: Duration,
    half_closed: Duration,
}

impl IdleClock {
    pub(super) fn new(now: Instant, limits: IdleLimits) -> Self {
        Self {
            latest: now,
            limit: limits.open,
            half_closed: limits.half_closed,
        }
    }

    /// Some byte moved.
    pub(super) fn moved(&mut self, now: Instant) {
        self.latest = now;
    }

    /// One direction has ended: the other limit holds from now on.
    pub(super) fn half_closed(&mut self) {
        self.limit = self.half_closed;
    }

    /// When the session is idle for too long if nothing moves until then.
    pub(super) fn deadline(&self) -> Instant {
        self.latest + self.limit
    }

    /// How long nothing has moved.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.latest)
    }

    pub(super) fn expired(&self, now: Instant) -> bool {
        now >= self.deadline()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_moves_the_deadline_and_an_end_shortens_it() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let limits = IdleLimits {
            open: 10 * second,
            half_closed: 2 * second,
        };
        let mut clock = IdleClock::new(start, limits);
        assert!(!clock.expired(start + 9 * second) && clock.expired(start + 10 * second));
        clock.moved(start + 5 * second);
        assert_eq!(clock.deadline(), start + 15 * second);
        clock.half_closed();
        assert_eq!(clock.deadline(), start + 7 * second);
        clock.moved(start + 6 * second);
        assert_eq!(clock.deadline(), start + 8 * second);
    }
}
