//! Limits a log line that could occur thousands of times a second to one a second.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Passes one event a second over all threads and counts the others.
#[derive(Debug, Default)]
pub(crate) struct LogLimiter {
    /// The second after which the next event may pass, since the start.
    closed_until: AtomicU64,
    suppressed: AtomicU64,
}

impl LogLimiter {
    /// Whether an event at `uptime` after the start may be logged. If so, returns how many were suppressed since the last
    /// logged one.
    pub(crate) fn pass(&self, uptime: Duration) -> Option<u64> {
        let now = uptime.as_secs();
        let open = |until: u64| (now >= until).then_some(now + 1);
        match self.closed_until.fetch_update(Relaxed, Relaxed, open) {
            Ok(_) => Some(self.suppressed.swap(0, Relaxed)),
            Err(_) => {
                self.suppressed.fetch_add(1, Relaxed);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_and_the_others_are_counted() {
        let limiter = LogLimiter::default();
        let at = |ms| limiter.pass(Duration::from_millis(ms));
        let passed = [at(0), at(10), at(999), at(1000), at(1500), at(7000)];
        assert_eq!(passed, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
