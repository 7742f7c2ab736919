//! Values that were typed in two words: `--larger 10 KB`, `--modified-after 7 d`. The second would be a name to look for.
//!
//! Does not own: what is right in one word ([`crate::command_line::age`], `netsocket-protocol`).

use netsocket_protocol::find;
use netsocket_protocol::time_point::TimePoint;

use crate::command_line::age::{Age, Ages};
use crate::command_line::find_sizes;
use crate::command_line::find_times;
use crate::command_line::quote::pasteable;
use crate::command_line::stat_times;

/// The options whose value is a size.
const SIZES: [&str; 3] = ["--larger", "--smaller", "--size"];

/// Refuses a value in two words, of which the first alone is another one, or none.
///
/// # Errors
/// What was probably meant.
pub(crate) fn check(words: &[Vec<u8>]) -> Result<(), String> {
    let words: Vec<&str> = words
        .iter()
        .map(|word| std::str::from_utf8(word).unwrap_or_default())
        .take_while(|word| *word != "--")
        .collect();
    for (at, word) in words.iter().enumerate() {
        let (option, value, second, rest) = match (word.split_once('='), &words[at + 1..]) {
            (Some((option, value)), [second, rest @ ..]) => (option, value, *second, rest),
            (None, [value, second, rest @ ..]) => (*word, *value, *second, rest),
            _ => continue,
        };
        if let Some(whole) = whole(option, value, second, rest.first().copied()) {
            let (whole, second) = (pasteable(whole.as_bytes()), pasteable(second.as_bytes()));
            return Err(format!(
                "{option} {value} {second} looks for files named {second}: did you mean {option} {whole}?"
            ));
        }
    }
    Ok(())
}

/// The value that both words are together, or all three: a time with an offset.
fn whole(option: &str, value: &str, second: &str, third: Option<&str>) -> Option<String> {
    let joined = format!("{value}{second}");
    let is_unit = !second.is_empty() && second.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_number = value.ends_with(|last: char| last.is_ascii_digit());
    let is_with_unit = is_unit && is_number;
    let is_age = |text: &str| matches!(Age::parse(text.as_bytes()), Ok(Some(_)));
    if SIZES.contains(&option) {
        let bound = value.rsplit("..").next().unwrap_or(value);
        let is_size = find::size(&format!("{bound}{second}")).is_some();
        return (is_with_unit && is_size).then_some(joined);
    }
    if option == "-size" {
        return (is_with_unit && find_sizes::range(joined.as_bytes()).is_ok()).then_some(joined);
    }
    if find_times::options(option.as_bytes(), b"1").is_some() {
        let age = joined.trim_start_matches(['+', '-']);
        return (is_with_unit && is_age(age)).then_some(joined);
    }
    let long = option.strip_prefix("--").unwrap_or_default();
    let takes_time = Ages::OPTIONS.contains(&long) || matches!(option, "-newermt" | "-newerBt");
    if takes_time && is_with_unit && is_age(&joined) {
        return Some(joined);
    }
    let time = format!("{value}T{second}");
    let with_offset = third.and_then(|offset| stat_times::in_one_word(&format!("{time}{offset}")));
    let is_clock = second.contains(':') && time.parse::<TimePoint>().is_ok();
    (takes_time && is_clock).then_some(with_offset.unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Result<(), String> {
        let words = line.split(' ').map(|word| word.as_bytes().to_vec());
        check(&words.collect::<Vec<_>>())
    }

    #[test]
    fn two_words_that_are_one_value_are_told() {
        for (line, meant) in [
            ("--larger 10 KB", "--larger 10KB"),
            ("music --smaller=1.5 M -l", "--smaller 1.5M"),
            ("--size 10k..20 KiB", "--size 10k..20KiB"),
            ("-size +10 k", "-size +10k"),
            ("--modified-after 7 d", "--modified-after 7d"),
            ("--born-before=2 weeks", "--born-before 2weeks"),
            ("-mtime -7 d", "-mtime -7d"),
            (
                "--modified-after 2024-01-31 12:30",
                "--modified-after 2024-01-31T12:30",
            ),
            (
                "-newermt 2026-11-29 23:18:20.5 +0100",
                "-newermt 2026-11-29T23:18:20.5+01:00",
            ),
        ] {
            let error = said(line).unwrap_err();
            assert!(
                error.ends_with(&format!("did you mean {meant}?")),
                "{line}: {error}"
            );
        }
        for line in [
            "--larger 10 report.pdf",
            "--larger 10k k",
            "--larger 10 -- k",
            "KB --larger 10",
            "--limit 10 k",
            "--modified-after 7d d",
            "--modified-after 2024-01-31 notes",
            "-name 10 k",
            "--larger",
            "",
        ] {
            assert_eq!(said(line), Ok(()), "{line}");
        }
    }
}
