//! How long to wait before the next attempt: doubled each time up to a limit, spread by chance so that many processes
//! do not come back in the same moment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The waits of one row of failures.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins at `first` and never exceeds `max`.
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            next: first.min(max),
        }
    }

    /// The wait after one more failure: between half of the full wait and all of it, chosen by `chance` from 0 to 1.
    pub(crate) fn after_failure(&mut self, chance: f64) -> Duration {
        let full = self.next;
        self.next = full.saturating_mul(2).min(self.max);
        full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }

    /// The next failure is the first of its row again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first.min(self.max);
    }
}

/// A number from 0 to 1, good enough to spread waits. The keys of the standard hash maps come from the system's random
/// source, which saves a dependency.
pub(crate) fn chance() -> f64 {
    f64::from((RandomState::new().hash_one(0_u8) >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(500));
        let waits: Vec<u128> = (0..5)
            .map(|_| backoff.after_failure(1.0).as_millis())
            .collect();
        assert_eq!(waits, [100, 200, 400, 500, 500]);
        assert_eq!(backoff.after_failure(0.0).as_millis(), 250);
        backoff.reset();
        assert_eq!(backoff.after_failure(0.0).as_millis(), 50);
    }

    #[test]
    fn chances_differ_and_stay_in_range() {
        let chances: Vec<f64> = (0..64).map(|_| chance()).collect();
        assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        assert!(chances.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
