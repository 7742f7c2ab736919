//! Durations as people write them: a whole number and a unit.

use std::time::Duration;

/// The text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a whole number and a unit: ms, s, m, h or d (500ms, 2s, 10m)")]
pub struct DurationError;

/// Reads `500ms`, `2s`, `10m`, `1h` or `1d`, also with blanks between number and unit, as [`crate::parse_size`] does. A bare `0`
/// needs no unit; any other number does.
///
/// # Errors
/// [`DurationError`] for anything else, and for what does not fit in 64 bits of milliseconds.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use netsocket_settings::{DurationError, parse_duration};
///
/// assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
/// assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
/// // Without a unit it could mean seconds or milliseconds.
/// assert_eq!(parse_duration("10"), Err(DurationError));
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| DurationError)?;
    let unit_ms = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if number == 0 => 1,
        _ => return Err(DurationError),
    };
    number
        .checked_mul(unit_ms)
        .map(Duration::from_millis)
        .ok_or(DurationError)
}

/// The shortest text that [`parse_duration`] reads as this duration, down to whole milliseconds.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use netsocket_settings::duration_text;
///
/// assert_eq!(duration_text(Duration::from_secs(120)), "2m");
/// assert_eq!(duration_text(Duration::from_millis(1500)), "1500ms");
/// ```
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    match units.iter().find(|(unit, _)| millis.is_multiple_of(*unit)) {
        _ if millis == 0 => "0".to_owned(),
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_it_reads() {
        for text in ["0", "1ms", "1500ms", "2s", "90s", "10m", "36h", "2d"] {
            assert_eq!(duration_text(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn reads_each_unit() {
        for (text, ms) in [
            ("0", 0),
            ("500ms", 500),
            ("2s", 2_000),
            ("10 m", 600_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_ambiguous_or_too_large() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "1 week",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(parse_duration(text), Err(DurationError), "{text}");
        }
    }
}
