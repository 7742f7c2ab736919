//! Options before the command in a line of a batch or the prompt, as before one on the command line of a shell.
//!
//! Owns: which of the program's flags a single line can have. Does not own: the others, which stand for all lines
//! ([`crate::command_line::args`]).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::command_line::command_options::{GENERAL, OUTPUT};
use crate::command_line::commands;
use crate::command_line::habits;
use crate::command_line::options::{self, OptionSpec};

/// What stands before a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LeadingOptions {
    pub(crate) output: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

/// Whether a line of a batch begins with such an option. A `-` before the line would make it one that may fail; but no
/// command begins with a dash, and what begins with `o` or `q` has to be one.
pub(crate) fn begins_with_one(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"-") else {
        return false;
    };
    let word = rest.split(u8::is_ascii_whitespace).next().unwrap_or(rest);
    match rest {
        [b'-', ..] => true,
        [b'o' | b'q', ..] => {
            let is_known_elsewhere =
                || habits::for_command(&String::from_utf8_lossy(word)).is_some();
            commands::find(word).is_none() && !is_known_elsewhere()
        }
        _ => false,
    }
}

/// Takes the options before the command off the words of a line.
///
/// # Errors
/// Why they are refused.
pub(crate) fn take(words: &[Vec<u8>]) -> Result<(LeadingOptions, &[Vec<u8>]), String> {
    let specs: Vec<&'static OptionSpec> = OUTPUT.iter().chain(&GENERAL).collect();
    let count = length(words);
    let (leading, command) = words.split_at(count);
    if leading.is_empty() {
        return Ok((LeadingOptions::default(), words));
    }
    let parsed = options::parse(&specs, leading).map_err(|problem| problem.to_string())?;
    if command.is_empty() {
        return Err("no command behind the options".to_owned());
    }
    let output = parsed.value("output");
    let options = LeadingOptions {
        output: output.map(|path| OsString::from_vec(path.to_vec()).into()),
        json: parsed.has("json"),
        quiet: parsed.has("quiet"),
    };
    Ok((options, command))
}

/// How many words belong to the options.
fn length(words: &[Vec<u8>]) -> usize {
    let mut count = 0;
    while let Some(word) = words.get(count) {
        count += match &word[..] {
            b"-o" | b"--output" => 2,
            b"-q" | b"--quiet" | b"--json" => 1,
            word if word.starts_with(b"--output=") => 1,
            [b'-', b'o' | b'q', ..] => 1,
            _ => break,
        };
    }
    count.min(words.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(line: &str) -> Result<(LeadingOptions, String), String> {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.into()).collect();
        let (options, rest) = take(&words)?;
        Ok((options, String::from_utf8(rest.join(&b' ')).unwrap()))
    }

    #[test]
    fn options_before_the_command_are_those_of_one_on_the_command_line() {
        for line in ["-o x w24ft txt", "-ox w24ft txt", "--output=x w24ft txt"] {
            let (options, rest) = taken(line).unwrap();
            assert_eq!(options.output, Some("x".into()), "{line}");
            assert_eq!(rest, "w24ft txt");
        }
        let (options, rest) = taken("--json -q ls -q").unwrap();
        assert!(options.json && options.quiet && options.output.is_none());
        assert_eq!(rest, "ls -q");
        assert_eq!(taken("ls -o").unwrap().0, LeadingOptions::default());
        for line in ["-q", "-o", "-o x", "-o -q ls"] {
            assert!(taken(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_line_that_may_fail_is_another_thing() {
        for line in ["-o x ls", "-ox ls", "-q ls", "-q", "--json ls", "--nope ls"] {
            assert!(begins_with_one(line.as_bytes()), "{line}");
        }
        for line in ["-get x", "- -o x ls", "-ls", "-open x", "-quit", "get -o x"] {
            assert!(!begins_with_one(line.as_bytes()), "{line}");
        }
    }
}
