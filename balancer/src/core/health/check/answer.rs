//! Whether an answer, complete or partial, is the expected one.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// The most memory for a compiled pattern, in bytes.
const PATTERN_LIMIT: usize = 256 * 1024;

/// What an answer must contain.
#[derive(Clone)]
pub enum Expect {
    /// These bytes, anywhere; if empty, any byte.
    Bytes(Vec<u8>),
    /// A match of this pattern, anywhere.
    Pattern(Regex),
    /// A beginning that a function recognises: right, wrong, or `None` if more bytes are needed.
    Opening(fn(&[u8]) -> Option<bool>),
}

impl fmt::Debug for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({:?})", bytes.escape_ascii().to_string()),
            Self::Pattern(pattern) => write!(f, "Pattern({:?})", pattern.as_str()),
            Self::Opening(_) => f.write_str("Opening"),
        }
    }
}

/// An invalid pattern, with the reason in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPattern(String);

/// The verdict on an answer so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pending,
    Passed,
    Wrong,
    WrongStatus(u16),
}

impl Expect {
    /// Parses a pattern. It matches bytes: `.` is any byte and `\xff` that byte, whether or not the answer is UTF-8.
    ///
    /// # Errors
    /// Why the pattern is invalid.
    pub fn pattern(text: &str) -> Result<Self, InvalidPattern> {
        RegexBuilder::new(text)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(PATTERN_LIMIT)
            .build()
            .map(Self::Pattern)
            .map_err(|error| {
                // The parser draws the place over several lines; the last one says what is wrong.
                let said = error.to_string();
                let last = said.lines().last().unwrap_or_default();
                InvalidPattern(last.trim_start_matches("error: ").to_owned())
            })
    }

    /// `ended`: no more will come.
    pub(crate) fn evaluate(&self, answer: &[u8], ended: bool) -> Verdict {
        let decided = match self {
            Self::Bytes(bytes) if bytes.is_empty() => (!answer.is_empty()).then_some(true),
            Self::Bytes(bytes) => answer
                .windows(bytes.len())
                .any(|part| part == bytes)
                .then_some(true),
            Self::Pattern(pattern) => pattern.is_match(answer).then_some(true),
            Self::Opening(known) => known(answer),
        };
        match decided {
            Some(true) => Verdict::Passed,
            Some(false) => Verdict::Wrong,
            None if ended => Verdict::Wrong,
            None => Verdict::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_anywhere() {
        let expect = Expect::Bytes(b"PONG".to_vec());
        assert_eq!(expect.evaluate(b"+PO", false), Verdict::Pending);
        assert_eq!(expect.evaluate(b"+PONG\r\n", false), Verdict::Passed);
        assert_eq!(expect.evaluate(b"-ERR", true), Verdict::Wrong);
        let any = Expect::Bytes(vec![]);
        assert_eq!(
            (any.evaluate(b"", false), any.evaluate(b"x", false)),
            (Verdict::Pending, Verdict::Passed)
        );
    }

    #[test]
    fn patterns_see_bytes() {
        let expect = Expect::pattern(r"^220[ -].*\xff$").unwrap();
        assert_eq!(expect.evaluate(b"220 hi\n\xff", false), Verdict::Passed);
        assert_eq!(expect.evaluate(b"421 no\n\xff", true), Verdict::Wrong);
        let said = Expect::pattern("(a").map(|_| ()).unwrap_err().to_string();
        assert_eq!(said, "unclosed group");
    }
}
