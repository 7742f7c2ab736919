//! Commands from standard input, one a line, for scripts.
//!
//! Blank lines and lines that begin with `#` are passed over. A line that begins with `-` may fail; any other that
//! fails ends the batch, and its exit code is the batch's.

use std::io::{self, BufRead};

/// The longest line, in bytes. No command comes near it; a stream without newlines is an error, not a lot of memory.
const MAX_LINE: u64 = 64 * 1024;

/// One line with something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The command, without the mark before it.
    pub(crate) text: Vec<u8>,
    /// Whether the batch goes on where it fails.
    pub(crate) may_fail: bool,
}

impl Line {
    /// Reads a line of a batch; `None` where there is nothing to do.
    #[must_use]
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        match line {
            [] | [b'#', ..] => None,
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

/// The next line with something to do; `None` at the end. Blocks.
///
/// # Errors
/// What the system says, or that a line is too long.
pub(crate) fn next_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    loop {
        let mut line = Vec::new();
        let read = io::Read::take(&mut *input, MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if line.len() as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            return Err(io::Error::other(format!(
                "a line is longer than {MAX_LINE} bytes"
            )));
        }
        if let Some(line) = Line::parse(&line) {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<(String, bool)> {
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).unwrap() {
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
    fn a_stream_without_newlines_ends_in_an_error() {
        let endless = vec![b'x'; 1 << 20];
        assert!(next_line(&mut &endless[..]).is_err());
    }
}
