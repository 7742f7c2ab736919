//! Figures as people read them, the same on the status page and in `ctl`.

use std::fmt::Display;
use std::time::Duration;

use chrono::DateTime;

/// Milliseconds with microseconds behind the point, for JSON.
pub(crate) fn in_millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// `17 B`, `1.5 kB`, `20.0 MB`: cut, not rounded, so that nothing looks finished that is not.
pub(crate) fn bytes(mut count: f64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    while count >= 1000.0 && unit + 1 < UNITS.len() {
        count /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).unwrap_or(&"B");
    match unit {
        0 => format!("{:.0} {name}", count.floor()),
        _ => format!("{:.1} {name}", (count * 10.0).floor() / 10.0),
    }
}

/// The same in a second.
pub(crate) fn byte_rate(per_second: f64) -> String {
    format!("{}/s", bytes(per_second))
}

/// `1 client`, `2 clients`.
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// `0/s`, `0.4/s`, `37/s`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        none if none <= 0.0 => "0/s".to_owned(),
        few if few < 10.0 => format!("{few:.1}/s"),
        many => format!("{many:.0}/s"),
    }
}

/// `0.07 ms`, `12.3 ms`, `1.20 s`; a dash for nothing.
pub(crate) fn millis(millis: Option<f64>) -> String {
    match millis {
        None => "–".to_owned(),
        Some(short) if short < 10.0 => format!("{short:.2} ms"),
        Some(some) if some < 1000.0 => format!("{some:.1} ms"),
        Some(long) => format!("{:.2} s", long / 1000.0),
    }
}

/// `850 ms`, `12.3 s`, `3m 12s`, `2h 5m`, `3d 4h`.
pub(crate) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0 => format!("{} ms", age.as_millis()),
        1..60 => format!("{seconds}.{} s", age.subsec_millis() / 100),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// From one time of the API to another; nothing where one is none or the clock was set back.
pub(crate) fn between(earlier: &str, later: &str) -> Duration {
    let read = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    let both = read(earlier).zip(read(later));
    let span = both.and_then(|(earlier, later)| (later - earlier).to_std().ok());
    span.unwrap_or_default()
}

/// The same in whole seconds: `0 s`, `12 s`, `3m 12s`.
pub(crate) fn span(span: Duration) -> String {
    match span.as_secs() {
        few @ 0..60 => format!("{few} s"),
        _ => age(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_rates() {
        let shown = [0.0, 999.0, 1000.0, 1549.0, 20_000_000.0, u64::MAX as f64].map(bytes);
        assert_eq!(
            shown,
            ["0 B", "999 B", "1.0 kB", "1.5 kB", "20.0 MB", "18446.7 PB"]
        );
        assert_eq!([0.0, 0.44, 36.6].map(rate), ["0/s", "0.4/s", "37/s"]);
    }

    #[test]
    fn times() {
        let shown = [None, Some(0.071), Some(12.34), Some(1200.0)].map(millis);
        assert_eq!(shown, ["–", "0.07 ms", "12.3 ms", "1.20 s"]);
        let shown =
            [850, 12_399, 192_000, 7_500_000, 273_600_000].map(|ms| age(Duration::from_millis(ms)));
        assert_eq!(shown, ["850 ms", "12.3 s", "3m 12s", "2h 5m", "3d 4h"]);
        let (then, now) = ("2026-01-02T03:04:05.500Z", "2026-01-02T03:05:06.000Z");
        assert_eq!(between(then, now), Duration::from_millis(60_500));
        assert_eq!([between(now, then), between("", now)], [Duration::ZERO; 2]);
        let shown = [850, 12_399, 192_000].map(|ms| span(Duration::from_millis(ms)));
        assert_eq!(shown, ["0 s", "12 s", "3m 12s"]);
    }
}
