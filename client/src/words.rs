//! A line of the prompt, cut into words as a shell does.
//!
//! Blanks separate words. A backslash takes the next character as it is. Between single quotes everything stands for
//! itself; between double quotes a backslash still escapes `"` and `\`. Nothing is expanded.

/// Why a line has no words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A quote has no partner.
    #[error("A quote ({0}) is not closed")]
    OpenQuote(char),
    /// There is nothing behind the last backslash.
    #[error("There is nothing behind the last backslash")]
    LoneBackslash,
}

/// The words of `line`; none for a blank line.
///
/// # Errors
/// [`WordsError`] where a quote is not closed or a backslash ends the line.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, WordsError> {
    let mut words = Vec::new();
    // `None` between words, so that '' can be an empty one.
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => words.extend(word.take()),
            b'\\' => {
                let next = bytes.next().ok_or(WordsError::LoneBackslash)?;
                word.get_or_insert_default().push(next);
            }
            b'\'' | b'"' => quoted(byte, &mut bytes, word.get_or_insert_default())?,
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Takes everything up to the closing quote.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_has_no_end_is_said() {
        assert_eq!(words("w24fn 'a"), Err(WordsError::OpenQuote('\'')));
        assert_eq!(words("w24fn \"a\\\""), Err(WordsError::OpenQuote('"')));
        assert_eq!(words("w24fn a\\"), Err(WordsError::LoneBackslash));
    }

    proptest! {
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
            let _ = split(&line);
        }
    }
}
