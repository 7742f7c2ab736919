//! Penalties that grow with each failure and shrink while the backend stays healthy.

use std::time::Duration;

use tokio::time::Instant;

/// How a penalty grows and shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Added for each failure that counts.
    pub base: Duration,
    /// The maximum.
    pub cap: Duration,
    /// After this long healthy, one failure less counts. Above zero.
    pub forgive: Duration,
}

/// How often it was, and since when all is well.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Penalty {
    count: u32,
    well_since: Option<Instant>,
}

impl Penalty {
    /// The times that count at `now`.
    pub(super) fn count(&self, growth: &Growth, now: Instant) -> u32 {
        let well = self
            .well_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let forgiven = well.as_nanos() / growth.forgive.as_nanos().max(1);
        self.count
            .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }

    /// All is well from now on, unless it already is.
    pub(super) fn well(&mut self, now: Instant) {
        self.well_since.get_or_insert(now);
    }

    /// All is no longer well: what was forgiven until now stays forgiven.
    pub(super) fn unwell(&mut self, growth: &Growth, now: Instant) {
        self.count = self.count(growth, now);
        self.well_since = None;
    }

    /// Once more; the times that count, this one included.
    pub(super) fn strike(&mut self, growth: &Growth, now: Instant) -> u32 {
        self.unwell(growth, now);
        self.count = self.count.saturating_add(1);
        self.count
    }
}

impl Growth {
    /// The penalty for this many failures.
    #[must_use]
    pub fn of(&self, times: u32) -> Duration {
        self.base.saturating_mul(times).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROWTH: Growth = Growth {
        base: Duration::from_secs(5),
        cap: Duration::from_secs(12),
        forgive: Duration::from_secs(60),
    };

    #[test]
    fn grows_to_its_cap() {
        assert_eq!(
            [0, 1, 2, 3, u32::MAX].map(|times| GROWTH.of(times).as_secs()),
            [0, 5, 10, 12, 12]
        );
    }

    #[test]
    fn is_forgiven_by_time_that_was_well() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut penalty = Penalty::default();
        assert_eq!(
            [
                penalty.strike(&GROWTH, at(0)),
                penalty.strike(&GROWTH, at(1000))
            ],
            [1, 2]
        );
        penalty.well(at(1000));
        penalty.well(at(1030)); // changes nothing
        assert_eq!(penalty.count(&GROWTH, at(1059)), 2);
        penalty.unwell(&GROWTH, at(1060));
        assert_eq!(penalty.count(&GROWTH, at(9000)), 1);
        assert_eq!(penalty.strike(&GROWTH, at(9000)), 2);
    }
}
