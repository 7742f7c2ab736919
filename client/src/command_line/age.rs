//! How long ago something was: `7d` where a search takes a date.
//!
//! Owns: the form of an age, and what it means at a given time. Does not own: dates (`netsocket-protocol`), nor the clock: what
//! was typed stays an age until a command runs.

use chrono::{DateTime, TimeDelta, Utc};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use netsocket_protocol::time_point::TimePoint;

/// What is allowed, for messages.
pub(crate) const FORM: &str = "an age such as 30min, 2h, 7d or 2w";

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A time before this is before all files.
const OLDEST: u64 = 1_000 * 366 * DAY;

/// How long ago, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(u64);

impl Age {
    /// Parses `2h`, `1h30min`, `7 days ago`. `None` if the word has not the form of an age.
    ///
    /// # Errors
    /// What is wrong with its unit or its number.
    pub(crate) fn parse(word: &[u8]) -> Result<Option<Self>, String> {
        let text = std::str::from_utf8(word).unwrap_or_default();
        if !has_form(text) {
            return Ok(None);
        }
        let wrong = |why: &str| {
            let word = Name::from(word);
            format!("'{word}' is not an age: {why}; a number with s, min, h, d or w, such as 7d")
        };
        let mut seconds = 0_u64;
        let mut rest = text.strip_suffix(" ago").unwrap_or(text);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit());
            let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
            let after = after.trim_start();
            let letters = after.find(|c: char| !c.is_ascii_alphabetic());
            let (name, after) = after.split_at(letters.unwrap_or(after.len()));
            let unit = unit(name).map_err(&wrong)?;
            let number: u64 = number
                .parse()
                .map_err(|_| wrong("each part begins with a number"))?;
            seconds = seconds.saturating_add(number.saturating_mul(unit));
            rest = after.trim_start();
        }
        match seconds <= OLDEST {
            true => Ok(Some(Self(seconds))),
            false => Err(wrong("it is more than a thousand years")),
        }
    }

    /// The moment that long before `now`.
    fn before(self, now: DateTime<Utc>) -> Option<TimePoint> {
        let seconds = TimeDelta::try_seconds(i64::try_from(self.0).ok()?)?;
        // Seconds are enough for a time that somebody types.
        let now = DateTime::from_timestamp(now.timestamp(), 0)?;
        let moment = now.checked_sub_signed(seconds)?;
        Some(TimePoint::Exact(moment.fixed_offset()))
    }
}

/// Whether a word begins as an age does, and as no date.
fn has_form(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_unit = rest
        .trim_start()
        .starts_with(|c: char| c.is_ascii_alphabetic());
    rest.len() < text.len() && is_unit
}

/// The seconds of a unit, as fd names them. Months and years have no fixed length.
fn unit(name: &str) -> Result<u64, &'static str> {
    Ok(match name {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7 * DAY,
        "M" | "mo" | "month" | "months" | "y" | "year" | "years" => {
            return Err("months and years differ in length, use days or a date");
        }
        "" => return Err("a unit is missing"),
        _ => return Err("there is no such unit"),
    })
}

/// The ages among the conditions of a search, in the order of [`Self::OPTIONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ages([Option<Age>; 4]);

impl Ages {
    /// The options that take an age.
    pub(crate) const OPTIONS: [&str; 4] = [
        "born-after",
        "born-before",
        "modified-after",
        "modified-before",
    ];

    /// Remembers the age of an option.
    pub(crate) fn set(&mut self, option: &str, age: Age) {
        for (known, place) in Self::OPTIONS.iter().zip(&mut self.0) {
            if *known == option {
                *place = Some(age);
            }
        }
    }

    /// Whether an option has an age.
    pub(crate) fn has(&self, option: &str) -> bool {
        let mut known = Self::OPTIONS.iter().zip(&self.0);
        known.any(|(known, age)| *known == option && age.is_some())
    }

    /// Adds them to a query, as what they mean now.
    pub(crate) fn add_to(self, query: &mut Query, now: DateTime<Utc>) {
        let bounds = [
            &mut query.born_from,
            &mut query.born_before,
            &mut query.modified_from,
            &mut query.modified_before,
        ];
        for (bound, age) in bounds.into_iter().zip(self.0) {
            if let Some(age) = age {
                *bound = age.before(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_age_is_numbers_with_units() {
        for (typed, seconds) in [
            ("90s", 90),
            ("35min", 35 * 60),
            ("30m", 30 * 60),
            ("2h", 7_200),
            ("7d", 7 * 86_400),
            ("2w", 14 * 86_400),
            ("1h30min", 5_400),
            ("1d 2hours", 93_600),
            ("7 days", 7 * 86_400),
            ("2 weeks ago", 14 * 86_400),
            ("0d", 0),
        ] {
            assert_eq!(
                Age::parse(typed.as_bytes()),
                Ok(Some(Age(seconds))),
                "{typed}"
            );
        }
    }

    #[test]
    fn what_is_no_age_is_left_to_dates() {
        for typed in [
            "2024-01-31",
            "2024-01-31T12:30",
            "7",
            "",
            "d",
            "yesterday",
            "-7d",
            "\u{e4}",
        ] {
            assert_eq!(Age::parse(typed.as_bytes()), Ok(None), "{typed}");
        }
    }

    #[test]
    fn what_is_wrong_with_one_says_what_is_allowed() {
        for (typed, said) in [
            (
                "3M",
                "'3M' is not an age: months and years differ in length, use days or a date; ",
            ),
            ("1y", "months and years differ"),
            ("7x", "there is no such unit"),
            ("7d ag", "there is no such unit"),
            ("7d3", "a unit is missing"),
            ("1d-2h", "a unit is missing"),
            ("99999999999999999999d", "each part begins with a number"),
            ("9999999999d", "it is more than a thousand years"),
        ] {
            let error = Age::parse(typed.as_bytes()).unwrap_err();
            assert!(error.contains(said), "{typed}: {error}");
            assert!(error.ends_with("; a number with s, min, h, d or w, such as 7d"));
        }
    }

    #[test]
    fn the_clock_decides_what_an_age_means() {
        let now = DateTime::parse_from_rfc3339("2026-03-01T12:00:00.9Z").unwrap();
        let mut ages = Ages::default();
        for (option, typed) in Ages::OPTIONS.into_iter().zip(["7d", "1h", "2w", "0s"]) {
            ages.set(option, Age::parse(typed.as_bytes()).unwrap().unwrap());
        }
        let mut query = Query::default();
        ages.add_to(&mut query, now.to_utc());
        let moments = [
            query.born_from,
            query.born_before,
            query.modified_from,
            query.modified_before,
        ];
        assert_eq!(
            moments.map(|moment| moment.unwrap()),
            [
                "2026-02-22T12:00:00Z",
                "2026-03-01T11:00:00Z",
                "2026-02-15T12:00:00Z",
                "2026-03-01T12:00:00Z",
            ]
            .map(|text| text.parse().unwrap())
        );
    }

    proptest! {
        #[test]
        fn no_word_panics(word in proptest::collection::vec(any::<u8>(), 0..16), number in any::<u64>(), unit in "[a-zA-Z ]{0,5}") {
            let _ = Age::parse(&word);
            if let Ok(Some(age)) = Age::parse(format!("{number}{unit}").as_bytes()) {
                prop_assert!(age.before(Utc::now()).is_some());
            }
        }
    }
}
