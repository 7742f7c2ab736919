//! A date or time in a query: a day or a local time in the server's time zone, or a time with an offset.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

/// A date or time at which a condition begins or ends.
///
/// Only the server knows its time zone, so it converts days and local times to timestamps.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::time_point::{TimePoint, TimePointError};
///
/// assert!(matches!("2024-02-29".parse()?, TimePoint::Day(_)));
/// assert!(matches!("2024-02-29 12:30".parse()?, TimePoint::Local(_)));
/// let exact: TimePoint = "2024-02-29T12:30:15+02:00".parse()?;
/// assert_eq!(exact.to_string(), "2024-02-29T12:30:15+02:00");
///
/// assert_eq!("2023-02-29".parse::<TimePoint>(), Err(TimePointError::Range));
/// assert_eq!("yesterday".parse::<TimePoint>(), Err(TimePointError::Form));
/// # Ok::<(), TimePointError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum TimePoint {
    /// `2024-02-29`: the start of that day in the server's time zone.
    Day(NaiveDate),
    /// `2024-02-29T12:30` or `2024-02-29T12:30:15.5`: local time of the server.
    Local(NaiveDateTime),
    /// `2024-02-29T12:30:15Z` or with `+02:00`: the same everywhere (RFC 3339).
    Exact(DateTime<FixedOffset>),
}

/// Why a text is not a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimePointError {
    /// Its format is unknown.
    #[error(
        "use YYYY-MM-DD or YYYY-MM-DDTHH:MM[:SS], in the server's time zone or with an offset such as Z or +02:00"
    )]
    Form,
    /// There is no such month.
    #[error("the month is out of range: 01 to 12")]
    Month,
    /// There is no such day.
    #[error("the day is out of range")]
    Range,
    /// There is no such time of day.
    #[error("the time is out of range: 00:00 to 23:59")]
    Time,
}

/// Bytes of `YYYY-MM-DD`.
const DAY: usize = 10;

/// Whether a text begins with a date: chrono would also accept signs, spaces and years of other lengths.
fn begins_with_day(text: &str) -> bool {
    text.len() >= DAY
        && text.bytes().take(DAY).enumerate().all(|(at, byte)| {
            if at == 4 || at == 7 {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        })
}

/// Whether a text begins as `T25:00` does, or `T12:60` or `T12:00:61`.
fn is_no_time(text: &str) -> bool {
    let mut parts = text.strip_prefix('T').unwrap_or_default().splitn(3, ':');
    let part = |text: Option<&str>| text?.get(..2)?.parse::<u8>().ok();
    let (hour, minute) = (part(parts.next()), part(parts.next()));
    let second = part(parts.next());
    let is_written = hour.is_some() && minute.is_some();
    is_written && (hour > Some(23) || minute > Some(59) || second > Some(60))
}

impl FromStr for TimePoint {
    type Err = TimePointError;

    fn from_str(text: &str) -> Result<Self, TimePointError> {
        if !begins_with_day(text) {
            return Err(TimePointError::Form);
        }
        let (day, time) = text.split_at(DAY);
        if !("01"..="12").contains(&&day[5..7]) {
            return Err(TimePointError::Month);
        }
        let day: NaiveDate = day.parse().map_err(|_| TimePointError::Range)?;
        if time.is_empty() {
            return Ok(Self::Day(day));
        }
        // One space may replace the T, as `date` and `stat` print it.
        let text = text.replacen(' ', "T", 1);
        if text.contains(char::is_whitespace) {
            return Err(TimePointError::Form);
        }
        if let Ok(exact) = DateTime::parse_from_rfc3339(&text) {
            return Ok(Self::Exact(exact));
        }
        ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"]
            .into_iter()
            .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())
            .map(Self::Local)
            .ok_or(match is_no_time(&text[DAY..]) {
                true => TimePointError::Time,
                false => TimePointError::Form,
            })
    }
}

impl fmt::Display for TimePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Local(local) => write!(f, "{}", local.format("%Y-%m-%dT%H:%M:%S%.f")),
            Self::Exact(exact) => {
                f.write_str(&exact.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
            }
        }
    }
}

impl From<NaiveDate> for TimePoint {
    fn from(day: NaiveDate) -> Self {
        Self::Day(day)
    }
}

impl From<TimePoint> for String {
    fn from(time: TimePoint) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for TimePoint {
    type Error = TimePointError;

    fn try_from(text: String) -> Result<Self, TimePointError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_is_read_and_written_back() {
        for (text, back) in [
            ("2024-02-29", "2024-02-29"),
            ("2024-02-29T12:30", "2024-02-29T12:30:00"),
            ("2024-02-29 12:30:15", "2024-02-29T12:30:15"),
            ("2024-02-29T12:30:15.25", "2024-02-29T12:30:15.250"),
            ("2024-02-29T12:30:15Z", "2024-02-29T12:30:15Z"),
            ("2024-02-29T12:30:15+02:00", "2024-02-29T12:30:15+02:00"),
        ] {
            let time: TimePoint = text.parse().unwrap();
            assert_eq!(time.to_string(), back, "{text}");
            assert_eq!(back.parse(), Ok(time));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2024",
            "2024-2-9",
            "2024-13-01",
            "2023-02-29",
            "+2024-01-01",
            "12024-01-01",
            "2024-01-01T",
            "2024-01-01T25:00",
            "2024-01-01 12:00 +0100",
            "2024-01-01x",
            "20-01-01T12",
            "\u{664}024-01-01",
        ] {
            assert!(text.parse::<TimePoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_that_never_was_is_told_from_what_is_no_day() {
        for (text, why) in [
            ("2023-02-29", TimePointError::Range),
            ("2024-13-01T12:00", TimePointError::Month),
            ("2024-00-01", TimePointError::Month),
            ("2024-01-32", TimePointError::Range),
            ("2024-01-01T25:00", TimePointError::Time),
            ("2024-01-01 12:60", TimePointError::Time),
            ("2024-01-01T12:00:61", TimePointError::Time),
            ("2024-01-01T24:00Z", TimePointError::Time),
            ("2024-01-01T", TimePointError::Form),
            ("tomorrow", TimePointError::Form),
        ] {
            assert_eq!(text.parse::<TimePoint>(), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_the_same(
            text in r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?|\PC{0,30}"
        ) {
            if let Ok(time) = text.parse::<TimePoint>() {
                prop_assert_eq!(time.to_string().parse::<TimePoint>(), Ok(time));
            }
        }
    }
}
