//! When a backend is checked: at once at the start, then evenly staggered among the backends of the pool.

use std::time::Duration;

use tokio::time::Instant;

/// The check times of one backend.
///
/// The first is the start itself, so that the balancer is ready as soon as anybody answers. The following ones lie
/// on a grid of the interval, shifted by the backend's share of it, so that checks do not come in bursts.
#[derive(Debug, Clone)]
pub struct Schedule {
    next: Instant,
    /// The first time on the grid.
    base: Instant,
    interval: Duration,
}

impl Schedule {
    /// The schedule of backend `index` out of `count`, beginning at `start`.
    #[must_use]
    pub fn new(start: Instant, interval: Duration, index: usize, count: usize) -> Self {
        let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let share = u32::try_from(index).unwrap_or(u32::MAX).min(count - 1) + 1;
        Self {
            next: start,
            base: start + interval.mul_f64(f64::from(share) / f64::from(count)),
            interval: interval.max(Duration::from_millis(1)),
        }
    }

    /// The time of the next check.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Says that the check of [`Self::next`] ended at `now`. Grid times that passed meanwhile are skipped, not made up.
    pub fn done(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.base);
        let steps = late.as_nanos().div_ceil(self.interval.as_nanos());
        let mut next = self.base + self.interval * u32::try_from(steps).unwrap_or(u32::MAX);
        if next <= self.next {
            next = self.next + self.interval;
        }
        self.next = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(2);

    #[test]
    fn all_at_once_first_then_staggered() {
        let start = Instant::now();
        let mut offsets = Vec::new();
        for index in 0..4 {
            let mut schedule = Schedule::new(start, INTERVAL, index, 4);
            assert_eq!(schedule.next(), start);
            schedule.done(start + Duration::from_millis(1));
            offsets.push((schedule.next() - start).as_millis());
            schedule.done(schedule.next());
            assert_eq!((schedule.next() - start).as_millis(), offsets[index] + 2000);
        }
        assert_eq!(offsets, [500, 1000, 1500, 2000]);
    }

    #[test]
    fn a_late_check_skips_what_it_missed() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, INTERVAL, 0, 1);
        schedule.done(start + Duration::from_millis(6500));
        assert_eq!(schedule.next() - start, Duration::from_secs(8));
    }

    proptest! {
        #[test]
        fn always_later_and_never_more_than_an_interval_away(
            index in 0usize..50, count in 1usize..50, took in prop::collection::vec(0u64..10_000, 1..50),
        ) {
            let mut schedule = Schedule::new(Instant::now(), INTERVAL, index, count);
            for millis in took {
                let before = schedule.next();
                let now = before + Duration::from_millis(millis);
                schedule.done(now);
                prop_assert!(schedule.next() > before && schedule.next() >= now);
                prop_assert!(schedule.next() <= now + INTERVAL);
            }
        }
    }
}
