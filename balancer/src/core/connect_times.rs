//! A histogram of connect times: counts in fixed buckets, cheap to update and enough for quantiles.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the buckets in microseconds, in steps of 1, 2 and 5 from loopback to the longest sensible timeout.
/// Longer times have a bucket of their own.
pub(crate) const BOUNDS_MICROS: [u64; 18] = [
    20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000,
];
const BUCKETS: usize = BOUNDS_MICROS.len() + 1;

/// The counters, shared by the workers.
#[derive(Debug, Default)]
pub struct ConnectTimes {
    buckets: [AtomicU64; BUCKETS],
    micros: AtomicU64,
}

impl ConnectTimes {
    pub(crate) fn count(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|&bound| bound < micros);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        self.micros.fetch_add(micros, Relaxed);
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> ConnectCounts {
        let mut counts = ConnectCounts {
            micros: self.micros.load(Relaxed),
            ..ConnectCounts::default()
        };
        for (copy, count) in counts.buckets.iter_mut().zip(&self.buckets) {
            *copy = count.load(Relaxed);
        }
        counts
    }
}

/// The counts over a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectCounts {
    buckets: [u64; BUCKETS],
    micros: u64,
}

impl ConnectCounts {
    /// What was counted after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut rest = *self;
        for (count, before) in rest.buckets.iter_mut().zip(&earlier.buckets) {
            *count = count.saturating_sub(*before);
        }
        rest.micros = rest.micros.saturating_sub(earlier.micros);
        rest
    }

    /// Number of connects.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Sum of their durations.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros)
    }

    /// For each bucket except the last, its upper bound and the number of connects that took no longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> {
        let mut below = 0;
        BOUNDS_MICROS
            .iter()
            .zip(self.buckets)
            .map(move |(&bound, count)| {
                below += count;
                (Duration::from_micros(bound), below)
            })
    }

    /// The quantile `part` (0 to 1) of the connect times, assuming an even spread within a bucket; `None` without connects.
    /// Times beyond the last bound count as that bound.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = part * total as f64;
        let (mut lower, mut below) = (Duration::ZERO, 0);
        for (upper, up_to) in self.cumulative() {
            if up_to > below && up_to as f64 >= rank {
                let within = (rank - below as f64) / (up_to - below) as f64;
                return Some(lower + (upper - lower).mul_f64(within.clamp(0.0, 1.0)));
            }
            (lower, below) = (upper, up_to);
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(micros: impl IntoIterator<Item = u64>) -> ConnectCounts {
        let times = ConnectTimes::default();
        for micros in micros {
            times.count(Duration::from_micros(micros));
        }
        times.counts()
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let counts = counted([0, 20, 21, 10_000_000, 10_000_001]);
        let all: Vec<u64> = counts.cumulative().map(|(_, count)| count).collect();
        assert_eq!(all[0], 2);
        assert_eq!(all[1], 3);
        assert_eq!(all[17], 4);
        assert_eq!(counts.total(), 5);
        assert_eq!(counts.sum(), Duration::from_micros(20_000_042));
    }

    #[test]
    fn quantiles() {
        assert_eq!(counted([]).quantile(0.5), None);
        // 98 between 50 and 100, two between 1 and 2 ms.
        let counts = counted((0..98).map(|_| 70).chain([1500, 1500]));
        let median = counts.quantile(0.5).unwrap();
        assert!(median > Duration::from_micros(70) && median < Duration::from_micros(80));
        let p99 = counts.quantile(0.99).unwrap();
        assert_eq!(p99, Duration::from_micros(1500));
        assert_eq!(counts.quantile(1.0), Some(Duration::from_millis(2)));
        assert_eq!(
            counted([u64::MAX]).quantile(0.5),
            Some(Duration::from_secs(10))
        );
    }

    #[test]
    fn only_what_is_new_counts() {
        let earlier = counted([70; 100]);
        let later = counted([70; 100].into_iter().chain([1500]));
        let new = later.since(&earlier);
        assert_eq!((new.total(), new.sum()), (1, Duration::from_micros(1500)));
        assert!(new.quantile(0.5) > Some(Duration::from_millis(1)));
    }
}
