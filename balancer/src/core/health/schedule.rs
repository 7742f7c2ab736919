//! When a backend is checked: immediately at the start, then staggered evenly among the backends of the pool, and sooner
//! while its state is changing or its sessions fail.

use std::time::Duration;

use tokio::time::Instant;

/// The intervals between checks of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// While its state is stable.
    pub normal: Duration,
    /// While checks contradict its state; also the minimum time between checks after a failed session.
    pub fast: Duration,
    /// While it is down.
    pub down: Duration,
}

impl Intervals {
    /// The same interval in every situation.
    #[must_use]
    pub fn every(time: Duration) -> Self {
        Self {
            normal: time,
            fast: time,
            down: time,
        }
    }

    fn at(&self, pace: Pace) -> Duration {
        match pace {
            Pace::Normal => self.normal,
            Pace::Fast => self.fast,
            Pace::Down => self.down,
        }
    }
}

/// Which of the intervals applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The state is stable.
    Normal,
    /// The latest check contradicts the state.
    Fast,
    /// It is down and stays so.
    Down,
}

/// The check times of one backend.
///
/// The first check is at the start itself, so that the balancer is ready as soon as a backend answers. After that, checks
/// at the normal pace lie on a grid of the interval, shifted for each backend so that they do not come in bursts. Checks
/// at another pace follow the last check, because they concern a single backend.
#[derive(Debug, Clone)]
pub struct Schedule {
    next: Instant,
    began: Instant,
    /// The first time on the grid.
    base: Instant,
    intervals: Intervals,
}

impl Schedule {
    /// The schedule of backend `index` out of `count`, beginning at `start`.
    #[must_use]
    pub fn new(start: Instant, intervals: Intervals, index: usize, count: usize) -> Self {
        let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let share = u32::try_from(index).unwrap_or(u32::MAX).min(count - 1) + 1;
        Self {
            next: start,
            began: start,
            base: start
                + intervals
                    .normal
                    .mul_f64(f64::from(share) / f64::from(count)),
            intervals,
        }
    }

    /// The time of the next check.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Records that a check begins at `now`.
    pub fn begin(&mut self, now: Instant) {
        self.began = now;
    }

    /// Records that the check ended at `now`, and the pace to continue at. Check times missed in between are skipped.
    pub fn done(&mut self, now: Instant, pace: Pace) {
        let interval = self.intervals.at(pace).max(Duration::from_millis(1));
        self.next = match pace {
            Pace::Normal => {
                let late = now.saturating_duration_since(self.base);
                let steps = late.as_nanos().div_ceil(interval.as_nanos());
                let next = self.base + interval * u32::try_from(steps).unwrap_or(u32::MAX);
                if next <= self.began {
                    self.began + interval
                } else {
                    next
                }
            }
            Pace::Fast | Pace::Down => (self.began + interval).max(now),
        };
    }

    /// Brings the next check forward because a session failed, but keeps the fast interval since the last one.
    pub fn hurry(&mut self, now: Instant) {
        self.next = self.next.min(now.max(self.began + self.intervals.fast));
    }

    /// Schedules the next check immediately: earlier results no longer count.
    pub fn anew(&mut self, now: Instant) {
        self.next = now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(2);
    const INTERVALS: Intervals = Intervals {
        normal: INTERVAL,
        fast: Duration::from_millis(500),
        down: Duration::from_secs(5),
    };

    fn check(schedule: &mut Schedule, took: Duration, pace: Pace) {
        let at = schedule.next();
        schedule.begin(at);
        schedule.done(at + took, pace);
    }

    #[test]
    fn all_at_once_first_then_staggered() {
        let start = Instant::now();
        let mut offsets = Vec::new();
        for index in 0..4 {
            let mut schedule = Schedule::new(start, INTERVALS, index, 4);
            assert_eq!(schedule.next(), start);
            check(&mut schedule, Duration::from_millis(1), Pace::Normal);
            offsets.push((schedule.next() - start).as_millis());
            check(&mut schedule, Duration::ZERO, Pace::Normal);
            assert_eq!((schedule.next() - start).as_millis(), offsets[index] + 2000);
        }
        assert_eq!(offsets, [500, 1000, 1500, 2000]);
    }

    #[test]
    fn a_late_check_skips_what_it_missed() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, INTERVALS, 0, 1);
        check(&mut schedule, Duration::from_millis(6500), Pace::Normal);
        assert_eq!(schedule.next() - start, Duration::from_secs(8));
    }

    #[test]
    fn each_pace_has_its_interval() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, INTERVALS, 0, 1);
        let mut times = Vec::new();
        for (took, pace) in [
            (100, Pace::Fast),
            (800, Pace::Fast),
            (0, Pace::Down),
            (0, Pace::Normal),
        ] {
            check(&mut schedule, Duration::from_millis(took), pace);
            times.push((schedule.next() - start).as_millis());
        }
        assert_eq!(times, [500, 1300, 6300, 8000]);
    }

    #[test]
    fn trouble_brings_the_next_check_forward_but_not_more() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut schedule = Schedule::new(start, INTERVALS, 0, 1);
        check(&mut schedule, Duration::ZERO, Pace::Normal);
        schedule.hurry(at(100));
        assert_eq!(schedule.next(), at(500));
        schedule.hurry(at(700));
        assert_eq!(schedule.next(), at(500), "never later");
        schedule.anew(at(1));
        assert_eq!(schedule.next(), at(1));
    }

    proptest! {
        #[test]
        fn always_later_and_never_more_than_an_interval_away(
            index in 0usize..50, count in 1usize..50, took in prop::collection::vec(0u64..10_000, 1..50),
        ) {
            let mut schedule = Schedule::new(Instant::now(), INTERVALS, index, count);
            for millis in took {
                let before = schedule.next();
                let took = Duration::from_millis(millis);
                check(&mut schedule, took, Pace::Normal);
                let now = before + took;
                prop_assert!(schedule.next() > before && schedule.next() >= now);
                prop_assert!(schedule.next() <= now + INTERVAL);
            }
        }
    }
}
