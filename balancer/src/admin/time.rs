//! Times as the API writes them.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

pub(super) fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The time of the day: `03:04:05 UTC`.
pub(super) fn clock(time: &str) -> String {
    let time = DateTime::parse_from_rfc3339(time).ok();
    time.map_or("–".to_owned(), |time| {
        time.to_utc().format("%H:%M:%S UTC").to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shortened() {
        let then = "2026-01-02T03:04:05.500Z";
        assert_eq!(
            (clock(then).as_str(), clock("").as_str()),
            ("03:04:05 UTC", "–")
        );
    }
}
