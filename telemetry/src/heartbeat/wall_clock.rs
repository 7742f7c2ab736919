//! The wall clock and its whole seconds.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use tokio::time::Instant;

/// The time of day, which follows the system's clock through every step of it, and also tokio's clock where a test has
/// paused and advanced that.
#[derive(Debug)]
pub(crate) struct WallClock {
    started: Instant,
    #[expect(
        clippy::disallowed_types,
        reason = "measures how far tokio's clock has left the real one"
    )]
    started_std: std::time::Instant,
}

impl WallClock {
    pub(crate) fn new() -> Self {
        #[expect(clippy::disallowed_types, reason = "see the field")]
        let started_std = std::time::Instant::now();
        Self {
            started: Instant::now(),
            started_std,
        }
    }

    /// The system's time, plus the lead of tokio's clock: nothing in a program, all that was skipped in a paused test.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let real = TimeDelta::from_std(self.started_std.elapsed()).unwrap_or_default();
        let tokio = TimeDelta::from_std(self.started.elapsed()).unwrap_or_default();
        Utc::now() + (tokio - real)
    }
}

/// The first whole second after `now`, later than `last` if `last` is that very second.
pub(crate) fn next_second(now: DateTime<Utc>, last: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let next = whole_second(now) + TimeDelta::seconds(1);
    // A timer that fires a moment early would find the second that it was set for still ahead. A clock that was set
    // back further than that is followed.
    if last == Some(next) {
        next + TimeDelta::seconds(1)
    } else {
        next
    }
}

/// The second that a tick set for `due` stands for when it comes at `now`: seconds that were missed are skipped.
pub(crate) fn second_of_tick(due: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    whole_second(now).max(due)
}

fn whole_second(time: DateTime<Utc>) -> DateTime<Utc> {
    // Fails only for years that no clock shows.
    time.duration_trunc(TimeDelta::seconds(1)).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ms(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).unwrap()
    }

    #[test]
    fn the_next_second_is_whole_and_ahead() {
        assert_eq!(next_second(ms(10_000), None), ms(11_000));
        assert_eq!(next_second(ms(10_001), None), ms(11_000));
        assert_eq!(next_second(ms(10_999), Some(ms(10_000))), ms(11_000));
        assert_eq!(
            next_second(ms(10_999), Some(ms(11_000))),
            ms(12_000),
            "the timer fired early"
        );
        assert_eq!(
            next_second(ms(10_500), Some(ms(99_000))),
            ms(11_000),
            "the clock was set back"
        );
    }

    #[test]
    fn a_late_tick_stands_for_the_second_it_comes_in() {
        assert_eq!(second_of_tick(ms(11_000), ms(10_999)), ms(11_000));
        assert_eq!(second_of_tick(ms(11_000), ms(11_900)), ms(11_000));
        assert_eq!(second_of_tick(ms(11_000), ms(14_200)), ms(14_000));
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_with_a_paused_clock() {
        let clock = WallClock::new();
        let before = clock.now();
        assert!((before - Utc::now()).abs() < TimeDelta::seconds(5));
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let off = clock.now() - before - TimeDelta::seconds(3_600);
        assert!(off.abs() < TimeDelta::seconds(30), "{off}");
    }
}
