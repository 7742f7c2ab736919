//! When a day begins in the server's time zone.

use chrono::{
    Local, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _,
};

/// How long a time zone can have skipped at most, with room: a whole day was left out when the date line moved.
const LONGEST_GAP: TimeDelta = TimeDelta::days(2);

/// The first second of a day on this machine, in seconds since 1970-01-01 00:00 UTC.
pub(crate) fn day_start(day: NaiveDate) -> i64 {
    first_second(day, |local| {
        Local
            .from_local_datetime(&local)
            .map(|time| time.timestamp())
    })
}

/// `zone` tells which moments show a local time. Where 00:00 was skipped the day begins with the first time that was not;
/// where it came twice, with the first.
fn first_second(day: NaiveDate, zone: impl Fn(NaiveDateTime) -> MappedLocalTime<i64>) -> i64 {
    let midnight = day.and_time(NaiveTime::MIN);
    let mut local = midnight;
    while local - midnight <= LONGEST_GAP {
        if let Some(moment) = zone(local).earliest() {
            return moment;
        }
        match local.checked_add_signed(TimeDelta::seconds(1)) {
            Some(next) => local = next,
            None => break,
        }
    }
    midnight.and_utc().timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
