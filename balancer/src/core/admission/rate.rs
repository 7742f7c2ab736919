//! Rate limits: the generic cell rate algorithm, a token bucket kept in one number.
//!
//! The number is the time at which the bucket is full again. Each admission moves it forward by the time that one token
//! takes to refill, and is refused if that would move it further ahead than the whole bucket takes. Times are whole
//! sixteenths of a nanosecond, rounded so that the rate is never exceeded: 64 bits last for 36 years.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use netsocket_settings::{duration_text, parse_duration};

const TICKS_PER_NANO: u128 = 16;
/// The longest time over which something may be counted.
const LONGEST: Duration = Duration::from_secs(86_400);
/// The shortest. Below it the rounding of a tick would show.
const SHORTEST: Duration = Duration::from_millis(1);

/// A time since the start, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticks(u64);

impl Ticks {
    pub(super) fn of(uptime: Duration) -> Self {
        Self(u64::try_from(uptime.as_nanos().saturating_mul(TICKS_PER_NANO)).unwrap_or(u64::MAX))
    }
}

/// A rate limit: a number of events per period, and bursts of up to the same number.
///
/// Over any span of time at most `time * count / per + burst` events pass. After a quiet period a whole burst may pass at
/// once; after that, events pass evenly.
///
/// # Examples
///
/// ```
/// use netsocket_balancer::admission::Rate;
///
/// let rate: Rate = "100/s".parse()?;
/// assert_eq!(rate.to_string(), "100/1s");
/// assert!("a lot".parse::<Rate>().is_err());
/// # Ok::<(), netsocket_balancer::admission::RateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// For one to come back.
    interval: u64,
    /// How far ahead of the time the full bucket may be, for one more.
    tolerance: u64,
    count: NonZeroU32,
    per: Duration,
}

/// A text that is not a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number and a period of 1ms to 1d, such as 100/s, 20/10s or 600/1m")]
pub struct RateError;

impl Rate {
    /// `count` events per `per`, with bursts of up to `count`.
    ///
    /// # Errors
    /// The period is not between a millisecond and a day.
    pub fn new(count: NonZeroU32, per: Duration) -> Result<Self, RateError> {
        if !(SHORTEST..=LONGEST).contains(&per) {
            return Err(RateError);
        }
        let whole = per.as_nanos() * TICKS_PER_NANO;
        let interval = whole.div_ceil(count.get().into());
        let interval = u64::try_from(interval).map_err(|_| RateError)?;
        let rate = Self {
            interval,
            tolerance: 0,
            count,
            per,
        };
        Ok(rate.with_burst(count))
    }

    /// The same rate with another burst size.
    #[must_use]
    pub fn with_burst(self, burst: NonZeroU32) -> Self {
        let tolerance = u64::from(burst.get() - 1).saturating_mul(self.interval);
        Self { tolerance, ..self }
    }

    /// One more at `now`, for a bucket that is full again at `full`. Returns when it is full again then; or nothing,
    /// and one more would be one too many.
    pub(super) fn take(self, full: Ticks, now: Ticks) -> Option<Ticks> {
        let full = full.max(now).0;
        (full - now.0 <= self.tolerance).then(|| Ticks(full.saturating_add(self.interval)))
    }
}

/// As in the settings: `100/1s`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, duration_text(self.per))
    }
}

/// `100/s`, `20/10s`: a number, a slash and a period, whose leading 1 may be omitted.
impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (count, per) = text.split_once('/').ok_or(RateError)?;
        let per = per.trim();
        let one_of = per.starts_with(|first: char| first.is_ascii_alphabetic());
        let per = if one_of {
            parse_duration(&format!("1{per}"))
        } else {
            parse_duration(per)
        };
        let count = count.trim();
        if !count.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(RateError);
        }
        let count = count.parse().map_err(|_| RateError)?;
        Self::new(count, per.map_err(|_| RateError)?)
    }
}

/// A bucket that threads share.
#[derive(Debug, Default)]
pub(super) struct Meter {
    full: AtomicU64,
}

impl Meter {
    /// Takes one, if there is one at `now`. Threads may see the time a little apart: it never runs backwards here.
    pub(super) fn take(&self, rate: Rate, now: Ticks) -> bool {
        let one_more = |full| rate.take(Ticks(full), now).map(|full| full.0);
        self.full.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }
}

impl Ticks {
    /// Before everything: a bucket that was never touched.
    pub(super) const ZERO: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    /// How many of the times get one.
    fn taken(rate: Rate, times: impl Iterator<Item = Duration>) -> usize {
        let meter = Meter::default();
        times.filter(|&at| meter.take(rate, Ticks::of(at))).count()
    }

    #[test]
    fn reads() {
        assert_eq!(rate("100/s"), rate("100/1s"));
        assert_eq!(rate(" 100 / s "), rate("100/1000ms"));
        assert_eq!(rate("600/m"), rate("600/60s"));
        assert_ne!(rate("10/s"), rate("100/10s"), "same pace, another burst");
        let burst = NonZeroU32::new(100).unwrap();
        let paced = |rate: Rate| (rate.interval, rate.tolerance);
        let with_burst = rate("10/s").with_burst(burst);
        assert_eq!(paced(with_burst), paced(rate("100/10s")));
        assert_eq!(rate("600/m").to_string(), "600/1m");
        for text in [
            "",
            "100",
            "/s",
            "0/s",
            "-1/s",
            "+1/s",
            "1.5/s",
            "1/",
            "1/0s",
            "1/2d",
            "1/s/s",
            "1/week",
            "4294967296/s",
            "1/1",
        ] {
            assert_eq!(text.parse::<Rate>(), Err(RateError), "{text}");
        }
    }

    #[test]
    fn a_burst_at_once_and_then_evenly() {
        let at = |ms| Ticks::of(Duration::from_millis(ms));
        let meter = Meter::default();
        let ten = rate("10/s");
        assert_eq!((0..30).filter(|_| meter.take(ten, at(5))).count(), 10);
        assert!(!meter.take(ten, at(104)) && meter.take(ten, at(105)) && !meter.take(ten, at(105)));
        // An hour of rest is worth one burst, not more.
        assert_eq!(
            (0..30).filter(|_| meter.take(ten, at(3_600_000))).count(),
            10
        );
        // A thread that is behind takes nothing that is not there.
        assert!(!meter.take(ten, at(3_599_000)));
    }

    #[test]
    fn no_drift_in_a_day() {
        // Three a second does not divide anything; tried every 50 ms of a day.
        let day = (0..86_400_000).step_by(50).map(Duration::from_millis);
        let through = taken(rate("3/s"), day);
        assert!((259_200..=259_202).contains(&through), "{through}");
    }

    #[test]
    fn many_a_second() {
        let through = taken(
            rate("1000000/s").with_burst(100_000.try_into().unwrap()),
            (0..400_000).map(|n| Duration::from_nanos(n * 500)),
        );
        let expected = 200_000 + 100_000;
        assert!((expected - 20..=expected).contains(&through), "{through}");
    }

    proptest! {
        /// The plain bucket, in fractions that are exact: tokens times interval.
        #[test]
        fn as_a_bucket_of_tokens(
            count in 1..50_u32,
            per_ms in 1..5_000_u64,
            burst in 1..20_u32,
            steps in vec(0..400_u64, 1..200),
        ) {
            let rate = Rate::new(count.try_into().unwrap(), Duration::from_millis(per_ms)).unwrap();
            let rate = rate.with_burst(burst.try_into().unwrap());
            let full = u64::from(burst) * rate.interval;
            let (mut level, mut before, mut at) = (full, 0, Duration::from_millis(1));
            let meter = Meter::default();
            for step in steps {
                at += Duration::from_millis(step);
                let now = Ticks::of(at).0;
                level = full.min(level + (now - before));
                before = now;
                let expected = level >= rate.interval;
                if expected {
                    level -= rate.interval;
                }
                prop_assert_eq!(meter.take(rate, Ticks(now)), expected);
            }
        }

        #[test]
        fn never_too_many_in_any_stretch(
            count in 1..20_u32,
            per_ms in 1..2_000_u64,
            steps in vec(0..100_u64, 1..150),
        ) {
            let per = Duration::from_millis(per_ms);
            let rate = Rate::new(count.try_into().unwrap(), per).unwrap();
            let meter = Meter::default();
            let mut at = Duration::ZERO;
            let mut through = Vec::new();
            for step in steps {
                at += Duration::from_millis(step);
                if meter.take(rate, Ticks::of(at)) {
                    through.push(at);
                }
            }
            for (n, from) in through.iter().enumerate() {
                for (m, to) in through.iter().enumerate().skip(n) {
                    let allowed = (*to - *from).as_nanos() * u128::from(count) / per.as_nanos() + u128::from(count);
                    prop_assert!((m - n + 1) as u128 <= allowed);
                }
            }
        }
    }
}
