//! Times as `stat` and `date` print them, where a search takes a date: `2026-11-29 23:18:20.914374503 +0000`.
//!
//! Does not own: dates as they are sent (`netsocket-protocol`), nor ages ([`crate::command_line::age`]).

use netsocket_protocol::time_point::TimePoint;

use crate::command_line::age::Ages;

/// A time with blanks, or with an offset without a colon, in the form that is sent; `None` if it is no such time.
pub(crate) fn in_one_word(text: &str) -> Option<String> {
    let at = text.rfind(['+', '-', 'Z'])?;
    let (time, offset) = text.split_at(at);
    let offset = match offset {
        "Z" => offset.to_owned(),
        _ => {
            let (sign, digits) = (&offset[..1], offset[1..].replacen(':', "", 1));
            let is_offset = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_offset.then(|| format!("{sign}{}:{}", &digits[..2], &digits[2..]))?
        }
    };
    let time = time.trim_end().replacen(' ', "T", 1);
    // RFC 3339 has seconds.
    let seconds = match time.matches(':').count() {
        1 => ":00",
        _ => "",
    };
    let word = format!("{time}{seconds}{offset}");
    matches!(word.parse(), Ok(TimePoint::Exact(_))).then_some(word)
}

/// An option of a search, `--name=value`, with its time in the form that is sent.
pub(crate) fn as_sent(option: Vec<u8>) -> Vec<u8> {
    let sent = || {
        let (name, value) = std::str::from_utf8(&option).ok()?.split_once('=')?;
        let is_time = Ages::OPTIONS.contains(&name.strip_prefix("--")?);
        let time = is_time.then(|| in_one_word(value))??;
        Some(format!("{name}={time}").into_bytes())
    };
    sent().unwrap_or(option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stat_prints_is_a_time() {
        for (typed, sent) in [
            (
                "2026-11-29 23:18:20.914374503 +0000",
                "2026-11-29T23:18:20.914374503+00:00",
            ),
            ("2026-11-29 23:18:20 -0730", "2026-11-29T23:18:20-07:30"),
            ("2026-11-29T23:18:20+0100", "2026-11-29T23:18:20+01:00"),
            ("2026-11-29 23:18 +01:00", "2026-11-29T23:18:00+01:00"),
            ("2026-11-29T23:18Z", "2026-11-29T23:18:00Z"),
            ("2026-11-29 23:18:20 Z", "2026-11-29T23:18:20Z"),
        ] {
            assert_eq!(in_one_word(typed).as_deref(), Some(sent), "{typed}");
        }
        for typed in [
            "2026-11-29",
            "2026-11-29 23:18",
            "2026-11-29 23:18:20",
            "2026-11-29 +0000",
            "2026-13-29 23:18:20 +0000",
            "2026-11-29 23:18:20 +\u{e4}\u{e4}",
            "7d",
            "+0000",
            "",
        ] {
            assert_eq!(in_one_word(typed), None, "{typed}");
        }
    }

    #[test]
    fn only_times_are_changed() {
        let time = "2026-11-29 23:18:20 +0000";
        for (option, is_time) in [("--born-before", true), ("--name", false), ("name", false)] {
            let typed = format!("{option}={time}");
            let sent = as_sent(typed.clone().into_bytes());
            assert_eq!(sent != typed.into_bytes(), is_time, "{option}");
        }
    }
}
