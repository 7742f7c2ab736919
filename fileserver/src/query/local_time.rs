//! Converts the times in a query to timestamps, in the server's time zone.

use chrono::{
    DateTime, Local, MappedLocalTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _,
};
use netsocket_protocol::time_point::TimePoint;

use crate::tree::metadata::Timestamp;

/// The longest gap in a time zone, with a margin: zones that moved across the date line skipped a whole day.
const LONGEST_GAP: TimeDelta = TimeDelta::days(2);

/// The timestamp of a time. For a local time that the zone skipped, the first second after the gap; for one that
/// occurred twice, the first.
pub(crate) fn timestamp(time: TimePoint) -> Timestamp {
    let local = match time {
        TimePoint::Day(day) => day.and_time(NaiveTime::MIN),
        TimePoint::Local(local) => local,
        TimePoint::Exact(exact) => return exact.into(),
    };
    first_valid(local, |local| {
        Local.from_local_datetime(&local).map(Timestamp::from)
    })
}

impl<Z: chrono::TimeZone> From<DateTime<Z>> for Timestamp {
    fn from(time: DateTime<Z>) -> Self {
        Self {
            seconds: time.timestamp(),
            // chrono represents a leap second with up to two billion.
            nanos: time.timestamp_subsec_nanos().min(999_999_999),
        }
    }
}

/// `zone` maps a local time to timestamps.
fn first_valid<T: From<DateTime<chrono::Utc>>>(
    wanted: NaiveDateTime,
    zone: impl Fn(NaiveDateTime) -> MappedLocalTime<T>,
) -> T {
    let mut local = wanted;
    while local - wanted <= LONGEST_GAP {
        if let Some(time) = zone(local).earliest() {
            return time;
        }
        match local.checked_add_signed(TimeDelta::seconds(1)) {
            Some(next) => local = next,
            None => break,
        }
    }
    wanted.and_utc().into()
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, Utc};

    use super::*;

    /// What a zone of the tests shows.
    #[derive(Debug, PartialEq)]
    struct Second(i64);

    impl From<DateTime<Utc>> for Second {
        fn from(time: DateTime<Utc>) -> Self {
            Self(time.timestamp())
        }
    }

    fn first_second(day: NaiveDate, zone: impl Fn(NaiveDateTime) -> MappedLocalTime<i64>) -> i64 {
        first_valid(day.and_time(NaiveTime::MIN), |local| {
            zone(local).map(Second)
        })
        .0
    }

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 3, 10).unwrap()
    }

    fn at(hour: u32, minute: u32, second: u32) -> NaiveDateTime {
        day().and_hms_opt(hour, minute, second).unwrap()
    }

    #[test]
    fn a_day_begins_at_midnight() {
        let zone =
            |local: NaiveDateTime| MappedLocalTime::Single(local.and_utc().timestamp() - 7_200);
        assert_eq!(first_second(day(), zone), 1_710_028_800 - 7_200);
    }

    #[test]
    fn a_skipped_midnight_gives_the_first_time_that_was_shown() {
        // Clocks went from 23:30 to 00:30 and 7 seconds; before at offset 0, afterwards 01:00:07 ahead.
        let (from, to) = (at(0, 0, 0) - TimeDelta::minutes(30), at(0, 30, 7));
        let zone = |local: NaiveDateTime| {
            let seconds = local.and_utc().timestamp();
            if local < from {
                MappedLocalTime::Single(seconds)
            } else if local < to {
                MappedLocalTime::None
            } else {
                MappedLocalTime::Single(seconds - 3_607)
            }
        };
        assert_eq!(first_second(day(), zone), from.and_utc().timestamp());
    }

    #[test]
    fn a_midnight_that_came_twice_gives_the_first() {
        let zone = |local: NaiveDateTime| {
            let seconds = local.and_utc().timestamp();
            MappedLocalTime::Ambiguous(seconds - 3_600, seconds)
        };
        assert_eq!(
            first_second(day(), zone),
            at(0, 0, 0).and_utc().timestamp() - 3_600
        );
    }

    #[test]
    fn a_day_that_never_was_begins_when_the_next_one_does() {
        let next = day().succ_opt().unwrap();
        let zone = |local: NaiveDateTime| {
            if local.date() < next {
                MappedLocalTime::None
            } else {
                MappedLocalTime::Single(local.and_utc().timestamp())
            }
        };
        assert_eq!(
            first_second(day(), zone),
            next.and_time(NaiveTime::MIN).and_utc().timestamp()
        );
    }

    #[test]
    fn a_time_with_an_offset_is_the_same_everywhere() {
        let time: TimePoint = "2024-03-10T12:00:00.5+02:00".parse().unwrap();
        let expected = Timestamp {
            seconds: 1_710_064_800,
            nanos: 500_000_000,
        };
        assert_eq!(timestamp(time), expected);
    }
}
