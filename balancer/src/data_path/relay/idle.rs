//! When a session has been silent for too long. Plain code: `now` is handed in.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::IdleLimits;
use crate::core::side::Side;

/// Time of the latest byte, and the limit that holds. The timer that goes with it is re-armed only when it fires, so
/// a busy session does not touch it.
#[derive(Debug)]
pub(super) struct IdleClock {
    latest: Instant,
    turn: Turn,
    /// In milliseconds, as every session has them; by [`Turn`].
    limits: [u32; 3],
}

/// Who is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Client,
    Backend,
    /// One direction has ended.
    Last,
}

impl IdleClock {
    pub(super) fn new(now: Instant, limits: IdleLimits) -> Self {
        let IdleLimits {
            client,
            backend,
            half_closed,
        } = limits;
        let millis = |limit: Duration| u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        Self {
            latest: now,
            // Nobody has said anything.
            turn: Turn::Client,
            limits: [client, backend, half_closed].map(millis),
        }
    }

    /// Some byte moved, and that side is waited for from now on.
    pub(super) fn moved(&mut self, now: Instant, waits_for: Side) {
        self.latest = now;
        self.turn = match waits_for {
            Side::Client => Turn::Client,
            _ => Turn::Backend,
        };
    }

    /// One direction has ended: the other limit holds from now on.
    pub(super) fn half_closed(&mut self) {
        self.turn = Turn::Last;
    }

    /// Whose limit holds, where it makes a difference which side is waited for.
    pub(super) fn waits_for(&self) -> Option<Side> {
        let [client, backend, _] = self.limits;
        match self.turn {
            Turn::Client if client != backend => Some(Side::Client),
            Turn::Backend if client != backend => Some(Side::Backend),
            _ => None,
        }
    }

    fn limit(&self) -> Duration {
        let [client, backend, last] = self.limits;
        let millis = match self.turn {
            Turn::Client => client,
            Turn::Backend => backend,
            Turn::Last => last,
        };
        Duration::from_millis(millis.into())
    }

    /// When the session is idle for too long if nothing moves until then.
    pub(super) fn deadline(&self) -> Instant {
        self.latest + self.limit()
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
            client: 10 * second,
            backend: 20 * second,
            half_closed: 2 * second,
        };
        let mut clock = IdleClock::new(start, limits);
        assert!(!clock.expired(start + 9 * second) && clock.expired(start + 10 * second));
        clock.moved(start + 5 * second, Side::Backend);
        assert_eq!(clock.deadline(), start + 25 * second);
        clock.moved(start + 5 * second, Side::Client);
        assert_eq!(clock.deadline(), start + 15 * second);
        clock.half_closed();
        assert_eq!(clock.deadline(), start + 7 * second);
        clock.moved(start + 6 * second, Side::Client);
        clock.half_closed();
        assert_eq!(clock.deadline(), start + 8 * second);
    }
}
