//! Splits a line into words as a shell does.
//!
//! Blanks separate words. A backslash quotes the next character. Single quotes quote everything up to the next one;
//! inside double quotes a backslash escapes `"` and `\`; `$'…'` has escapes such as `\n`. There is no expansion.
//!
//! # Examples
//!
//! ```
//! use netsocket_client::command_line::shell_words::{WordsError, split};
//!
//! assert_eq!(split(br#"get "annual report.pdf" it\'s"#)?, [&b"get"[..], b"annual report.pdf", b"it's"]);
//! assert_eq!(split(b"get 'annual"), Err(WordsError::OpenQuote('\'')));
//! # Ok::<(), WordsError>(())
//! ```

use crate::command_line::quote::{Quote, unescaped};

/// Why a line cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A quote is not closed.
    #[error("Unclosed quote ({0})")]
    OpenQuote(char),
    /// The line ends with a backslash.
    #[error("The line ends with a backslash")]
    LoneBackslash,
}

/// Splits `line` into words; a blank line has none.
///
/// # Errors
/// [`WordsError`] if a quote is not closed or the line ends with a backslash.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, WordsError> {
    let mut words = Vec::new();
    // `None` between words, so that '' is an empty word.
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        match *byte {
            b'$' if bytes.as_slice().first() == Some(&b'\'') => {
                bytes.next();
                bytes = ansi_c(bytes.as_slice(), word.get_or_insert_default())?.iter();
            }
            b' ' | b'\t' | b'\r' | b'\n' => words.extend(word.take()),
            b'\\' => {
                let next = bytes.next().ok_or(WordsError::LoneBackslash)?;
                word.get_or_insert_default().push(*next);
            }
            quote @ (b'\'' | b'"') => {
                quoted(
                    quote,
                    &mut bytes.by_ref().copied(),
                    word.get_or_insert_default(),
                )?;
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Consumes everything up to the closing quote.
fn quoted(
    quote: u8,
    bytes: &mut impl Iterator<Item = u8>,
    word: &mut Vec<u8>,
) -> Result<(), WordsError> {
    let open = WordsError::OpenQuote(char::from(quote));
    loop {
        match bytes.next().ok_or(open)? {
            byte if byte == quote => return Ok(()),
            b'\\' if quote == b'"' => match bytes.next().ok_or(open)? {
                escaped @ (b'"' | b'\\') => word.push(escaped),
                other => word.extend([b'\\', other]),
            },
            byte => word.push(byte),
        }
    }
}

/// Consumes the rest of `$'…'`; returns what follows.
fn ansi_c<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], WordsError> {
    loop {
        match rest {
            [] => return Err(WordsError::OpenQuote('\'')),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', after @ ..] => {
                let (bytes, taken) = unescaped(after);
                word.extend(bytes);
                rest = &after[taken..];
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

/// Splits pasted text into lines, at newlines that are neither quoted nor escaped.
#[must_use]
pub fn lines(text: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut begin) = (Vec::new(), 0);
    let mut state = QuoteState::Plain;
    for (at, byte) in text.iter().enumerate() {
        let (next, is_end) = state.after(*byte);
        if is_end {
            lines.push(&text[begin..at]);
            begin = at + 1;
        }
        state = next;
    }
    lines.push(&text[begin..]);
    lines
}

/// The quoting state at a byte of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    Plain,
    /// After a `$` that a quote may follow.
    Dollar,
    Escaped,
    Single,
    Double,
    EscapedInDouble,
    AnsiC,
    EscapedInAnsiC,
}

impl QuoteState {
    /// The state after a byte, and whether that byte ends the line.
    fn after(self, byte: u8) -> (Self, bool) {
        let next = match (self, byte) {
            (Self::Dollar, b'\'') => Self::AnsiC,
            (Self::Plain | Self::Dollar, b'$') => Self::Dollar,
            (Self::Plain | Self::Dollar, b'\\') => Self::Escaped,
            (Self::Plain, b'\'') => Self::Single,
            (Self::Plain | Self::Dollar, b'"') => Self::Double,
            (Self::Plain | Self::Dollar, b'\n') => return (Self::Plain, true),
            (Self::Plain | Self::Dollar | Self::Escaped, _)
            | (Self::Single | Self::AnsiC, b'\'')
            | (Self::Double, b'"') => Self::Plain,
            (Self::AnsiC, b'\\') => Self::EscapedInAnsiC,
            (Self::AnsiC | Self::EscapedInAnsiC, _) => Self::AnsiC,
            (Self::Single, _) => Self::Single,
            (Self::Double, b'\\') => Self::EscapedInDouble,
            (Self::Double | Self::EscapedInDouble, _) => Self::Double,
        };
        (next, false)
    }
}

/// The words of a line as they are typed, with their quotes.
pub(crate) fn typed(line: &[u8]) -> Vec<&[u8]> {
    let (mut words, mut start) = (Vec::new(), None);
    let mut state = QuoteState::Plain;
    for (at, byte) in line.iter().enumerate() {
        match (state, byte) {
            (QuoteState::Plain | QuoteState::Dollar, b' ' | b'\t' | b'\r' | b'\n') => {
                words.extend(start.take().map(|start| &line[start..at]));
            }
            _ => start = start.or(Some(at)),
        }
        state = state.after(*byte).0;
    }
    words.extend(start.map(|start| &line[start..]));
    words
}

/// The line up to the cursor, for completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialLine {
    /// The complete words before the one at the cursor.
    pub before: Vec<Vec<u8>>,
    /// The byte offset of the word at the cursor, including its opening quote.
    pub start: usize,
    /// The word at the cursor so far, unquoted; may be empty.
    pub word: Vec<u8>,
    /// The quote that is open at the cursor.
    pub quote: Option<Quote>,
}

/// Parses a line up to the cursor; `None` if it ends with a backslash.
#[must_use]
pub fn partial(line: &[u8]) -> Option<PartialLine> {
    let mut state = QuoteState::Plain;
    // Where the current word begins.
    let mut start: Option<usize> = None;
    for (at, byte) in line.iter().enumerate() {
        match (state, byte) {
            (QuoteState::Plain | QuoteState::Dollar, b' ' | b'\t' | b'\r' | b'\n') => {
                start = None;
            }
            _ => start = start.or(Some(at)),
        }
        state = state.after(*byte).0;
    }
    let start = start.unwrap_or(line.len());
    let (quote, closed) = match state {
        QuoteState::Plain | QuoteState::Dollar => (None, line[start..].to_vec()),
        QuoteState::Single => (Some(Quote::Single), [&line[start..], b"'"].concat()),
        QuoteState::AnsiC => (Some(Quote::AnsiC), [&line[start..], b"'"].concat()),
        QuoteState::Double => (Some(Quote::Double), [&line[start..], b"\""].concat()),
        QuoteState::Escaped | QuoteState::EscapedInDouble | QuoteState::EscapedInAnsiC => {
            return None;
        }
    };
    Some(PartialLine {
        before: split(&line[..start]).ok()?,
        start,
        word: split(&closed).ok()?.pop().unwrap_or_default(),
        quote,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command_line::quote::opened;

    fn words(line: &str) -> Result<Vec<String>, WordsError> {
        Ok(split(line.as_bytes())?
            .into_iter()
            .map(|word| String::from_utf8(word).unwrap())
            .collect())
    }

    #[test]
    fn lines_are_cut_as_a_shell_does() {
        for (line, expected) in [
            ("", &[][..]),
            ("  \t ", &[]),
            ("dirlist  -a ", &["dirlist", "-a"]),
            ("w24fn 'a b.txt'", &["w24fn", "a b.txt"]),
            ("w24fn \"a b\"c\\ d", &["w24fn", "a bc d"]),
            ("'it'\\''s'", &["it's"]),
            ("\"a\\\"b\\\\c\\d\"", &["a\"b\\c\\d"]),
            ("'' x \"\"", &["", "x", ""]),
            ("\\'", &["'"]),
            ("'a\\b'", &["a\\b"]),
            ("x$'a\\nb\\'c\\x41'y", &["xa\nb'cAy"]),
            ("$x $'' \\$'a'", &["$x", "", "$a"]),
            ("\"$'a'\"", &["$'a'"]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_has_no_end_is_said() {
        assert_eq!(words("w24fn 'a"), Err(WordsError::OpenQuote('\'')));
        assert_eq!(words("w24fn \"a\\\""), Err(WordsError::OpenQuote('"')));
        assert_eq!(words("w24fn a\\"), Err(WordsError::LoneBackslash));
        for open in ["w24fn $'a", "w24fn $'a\\'", "w24fn $'a\\"] {
            assert_eq!(words(open), Err(WordsError::OpenQuote('\'')), "{open}");
        }
    }

    #[test]
    fn lines_end_at_newlines_that_stand_for_themselves() {
        for (text, expected) in [
            ("a", &["a"][..]),
            ("a\nb c\n", &["a", "b c", ""]),
            ("x 'a\nb'\ny", &["x 'a\nb'", "y"]),
            ("x \"a\\\"\nb\"\ny", &["x \"a\\\"\nb\"", "y"]),
            ("x a\\\nb\ny", &["x a\\\nb", "y"]),
            ("x $'a\\'\nb'\ny$\nz", &["x $'a\\'\nb'", "y$", "z"]),
        ] {
            let lines: Vec<&str> = lines(text.as_bytes())
                .into_iter()
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect();
            assert_eq!(lines, expected, "{text}");
        }
    }

    #[test]
    fn the_word_at_the_cursor_is_read() {
        let at = |line: &str| {
            let PartialLine {
                before,
                start,
                word,
                quote,
            } = partial(line.as_bytes())?;
            Some((before.len(), start, String::from_utf8(word).unwrap(), quote))
        };
        for (line, expected) in [
            ("", (0, 0, "", None)),
            ("fi", (0, 0, "fi", None)),
            ("get ", (1, 4, "", None)),
            ("get a\\ b", (1, 4, "a b", None)),
            ("get 'a b", (1, 4, "a b", Some(Quote::Single))),
            ("get 'a' \"b\\\"c", (2, 8, "b\"c", Some(Quote::Double))),
            ("get x'y z", (1, 4, "xy z", Some(Quote::Single))),
            ("get $'a b\\n", (1, 4, "a b\n", Some(Quote::AnsiC))),
            ("get $ a", (2, 6, "a", None)),
        ] {
            let (before, start, word, quote) = expected;
            assert_eq!(
                at(line),
                Some((before, start, word.to_owned(), quote)),
                "{line}"
            );
        }
        assert_eq!(at("get a\\"), None);
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_again(word in "[a-c '\"\\\\\n*$]{0,12}", quote in proptest::option::of(proptest::sample::select(vec![Quote::Single, Quote::Double, Quote::AnsiC]))) {
            let mut line = format!("get {}", opened(&word, quote));
            let partial = partial(line.as_bytes()).unwrap();
            prop_assert_eq!(&partial.word, word.as_bytes());
            line.extend(quote.map(Quote::closing));
            let expected = if word.is_empty() && quote.is_none() {
                vec![b"get".to_vec()]
            } else {
                vec![b"get".to_vec(), word.into_bytes()]
            };
            prop_assert_eq!(split(line.as_bytes()).unwrap(), expected);
        }

        #[test]
        fn every_beginning_of_a_line_is_read_or_left(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = partial(&line);
            prop_assert_eq!(lines(&line).join(&b'\n'), line);
        }

        #[test]
        fn every_name_can_be_typed_between_single_quotes(name in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut line = b"w24fn '".to_vec();
            for byte in &name {
                match byte {
                    b'\'' => line.extend_from_slice(b"'\\''"),
                    other => line.push(*other),
                }
            }
            line.push(b'\'');
            prop_assert_eq!(split(&line).unwrap(), [b"w24fn".to_vec(), name]);
        }

        #[test]
        fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(words) = split(&line) {
                let one_by_one: Vec<_> = typed(&line).into_iter().flat_map(|word| split(word).unwrap()).collect();
                prop_assert_eq!(one_by_one, words);
            }
        }
    }
}
