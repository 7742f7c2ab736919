//! The value that was probably meant, where one is wrong: a word of a short list, a duration, a size.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::duration::duration_text;
use crate::nearest::nearest;
use crate::size::parse_size;

/// The word of those that `allowed` lists (`text or json`) that is nearest, in any case; `yes` and `on` are `true`.
pub(crate) fn meant_word<'a>(given: &str, allowed: &'a str) -> Option<&'a str> {
    let words = allowed.split(", ").flat_map(|part| part.split(" or "));
    let words: Vec<&str> = words.collect();
    let is_word = |word: &&str| !word.is_empty() && !word.contains(|it: char| it.is_whitespace());
    if words.len() < 2 || !words.iter().all(is_word) {
        return None;
    }
    let given = given.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    let synonym = match given.as_str() {
        "yes" | "on" | "1" | "enabled" => Some("true"),
        "no" | "off" | "0" | "disabled" | "none" => Some("false"),
        _ => None,
    };
    let synonym = synonym.and_then(|synonym| words.iter().find(|word| **word == synonym));
    // As other balancers spell them: `leastconn`.
    let bare = given.replace('-', "");
    let begins = |word: &&&str| bare.len() > 2 && word.replace('-', "").starts_with(&bare);
    let only = || {
        let mut begun = words.iter().filter(begins);
        begun.next().filter(|_| begun.next().is_none())
    };
    let near = || nearest(&given, words.iter().copied());
    synonym.or_else(only).copied().or_else(near)
}

/// What is meant by `10sec`, `5 min` or `1.5h`, if it is within the bounds.
pub(crate) fn meant_duration(given: &str, bounds: &RangeInclusive<Duration>) -> Option<String> {
    let (number, unit) = number_and_unit(given)?;
    let seconds = match unit.as_str() {
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    };
    let duration = Duration::try_from_secs_f64(number * seconds).ok()?;
    // Fractions of a millisecond cannot be written.
    let whole = Duration::from_millis(u64::try_from(duration.as_millis()).ok()?);
    (bounds.contains(&whole) && !whole.is_zero()).then(|| duration_text(whole))
}

/// What is meant by `1.5G`, if it is within the bounds.
pub(crate) fn meant_size(given: &str, bounds: &RangeInclusive<u64>) -> Option<String> {
    let (number, unit) = number_and_unit(given)?;
    let unit = unit.chars().next().filter(|_| number.fract() != 0.0)?;
    // A thousandth of the unit is near enough to be seen as what was meant.
    let units = [('t', "G"), ('g', "M"), ('m', "k")];
    let (_, smaller) = units.into_iter().find(|(it, _)| *it == unit)?;
    let text = format!("{:.0}{smaller}", number * 1024.0);
    let size = parse_size(&text).ok()?;
    bounds.contains(&size).then_some(text)
}

fn number_and_unit(given: &str) -> Option<(f64, String)> {
    let given = given.trim().to_ascii_lowercase();
    let end = given.find(|it: char| !(it.is_ascii_digit() || it == '.'))?;
    let (number, unit) = given.split_at(end);
    Some((number.parse().ok()?, unit.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_any_case_and_by_its_beginning() {
        let policies = "round-robin, least-connections, source, maglev";
        for (given, allowed, meant) in [
            ("JSON", "text or json", Some("json")),
            ("htpp", "tcp, exchange, http or netsocket", Some("http")),
            ("Round_Robin", policies, Some("round-robin")),
            ("leastconn", policies, Some("least-connections")),
            ("roundrobin", policies, Some("round-robin")),
            ("least", policies, Some("least-connections")),
            ("True", "true or false", Some("true")),
            ("yes", "true or false", Some("true")),
            ("off", "auto, required or off", Some("off")),
            ("no", "auto, required or off", None),
            ("zeal", "text or json", None),
            ("x", "a name of 1 to 100 printable characters", None),
        ] {
            assert_eq!(meant_word(given, allowed), meant, "{given}");
        }
    }

    #[test]
    fn units_of_other_programs_are_understood() {
        let day = Duration::from_millis(1)..=Duration::from_secs(86_400);
        for (given, meant) in [
            ("10sec", Some("10s")),
            ("5 min", Some("5m")),
            ("1.5h", Some("90m")),
            ("10S", Some("10s")),
            ("0.1ms", None),
            ("2 weeks", None),
            ("-1s", None),
            ("soon", None),
        ] {
            assert_eq!(meant_duration(given, &day).as_deref(), meant, "{given}");
        }
        let most = 1..=2_u64 << 30;
        assert_eq!(meant_size("1.5GB", &most).as_deref(), Some("1536M"));
        assert_eq!(meant_size("7 apples", &most), None);
        assert_eq!(meant_size("9.5T", &most), None);
    }
}
