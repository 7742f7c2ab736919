//! The lines of a batch.
//!
//! Blank lines and lines that begin with `#` are skipped. A line that begins with `-` may fail, unless that is the dash of an option;
//! any other failure ends the batch with its exit code.

use std::io::{self, BufRead};

use crate::command_line::leading_options::begins_with_one;

/// The maximum length of a line, so that input without newlines cannot exhaust memory.
const MAX_LINE: u64 = 64 * 1024;

/// U+FEFF as UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The command, without the leading `-`.
    pub(crate) text: Vec<u8>,
    /// Whether the batch continues if it fails.
    pub(crate) may_fail: bool,
}

impl Line {
    /// Parses a line of a batch; `None` for blank lines and comments.
    #[must_use]
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        match line {
            [] | [b'#', ..] => None,
            line if begins_with_one(line) => Some(Self {
                text: line.to_vec(),
                may_fail: false,
            }),
            [b'-', rest @ ..] => Some(Self {
                text: rest.to_vec(),
                may_fail: true,
            }),
            line => Some(Self {
                text: line.to_vec(),
                may_fail: false,
            }),
        }
    }
}

/// The next line with a command, and its number; `before` is that of the line before it, 0 at first. `None` at the end.
/// Blocks.
///
/// # Errors
/// An I/O error, or a line that is too long.
pub(crate) fn next_line(input: &mut impl BufRead, before: u64) -> io::Result<Option<(Line, u64)>> {
    let mut number = before;
    loop {
        let mut line = Vec::new();
        let read = io::Read::take(&mut *input, MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        number += 1;
        if line.len() as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            return Err(io::Error::other(format!(
                "line {number} is longer than {MAX_LINE} bytes"
            )));
        }
        // Editors of Windows write it at the beginning of a file.
        let line = match number {
            1 => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line),
            _ => &line,
        };
        if let Some(line) = Line::parse(line) {
            return Ok(Some((line, number)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<(String, bool)> {
        let mut lines = Vec::new();
        let mut before = 0;
        while let Some((line, number)) = next_line(&mut input, before).unwrap() {
            before = number;
            lines.push((String::from_utf8(line.text).unwrap(), line.may_fail));
        }
        lines
    }

    #[test]
    fn only_lines_with_something_to_do_are_read() {
        assert_eq!(
            all(b"dirlist -a\n\n  # a note\r\n-w24fn x\r\n  w24ft pdf"),
            [
                ("dirlist -a".to_owned(), false),
                ("w24fn x".to_owned(), true),
                ("w24ft pdf".to_owned(), false),
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_command() {
        let lines = all(b"\xef\xbb\xbf# a note\nls\n\xef\xbb\xbfpwd");
        let lines: Vec<&str> = lines.iter().map(|(line, _)| line.as_str()).collect();
        assert_eq!(lines, ["ls", "\u{feff}pwd"]);
        assert_eq!(all(b"\xef\xbb\xbfls")[0].0, "ls");
    }

    #[test]
    fn a_stream_without_newlines_ends_in_an_error() {
        let endless = vec![b'x'; 1 << 20];
        let lines = [b"\n# a note\n", &endless[..]].concat();
        let error = next_line(&mut &lines[..], 7).unwrap_err();
        assert_eq!(error.to_string(), "line 10 is longer than 65536 bytes");
    }

    #[test]
    fn each_line_has_its_number() {
        let mut input = &b"\n# a note\nls\n\npwd\n"[..];
        let mut number = 3;
        for expected in [6, 8] {
            number = next_line(&mut input, number).unwrap().unwrap().1;
            assert_eq!(number, expected);
        }
        assert!(next_line(&mut input, number).unwrap().is_none());
    }
}
