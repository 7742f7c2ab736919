//! Quotes of a shell, for words that are written for people: completed at the prompt, or suggested in a message.
//!
//! Owns: which quotes there are, and how a word is written in them so that [`crate::command_line::shell_words::split`]
//! reads it again. Does not own: reading them.

/// A quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `$'…'`, as in bash and zsh: with `\n` and the like, for what cannot be shown on a line.
    AnsiC,
}

impl Quote {
    /// The character that closes it.
    #[must_use]
    pub fn closing(self) -> char {
        match self {
            Self::Single | Self::AnsiC => '\'',
            Self::Double => '"',
        }
    }
}

/// Writes a word with backslashes, or in `quote`, which is opened but not closed.
#[must_use]
pub fn opened(word: &str, quote: Option<Quote>) -> String {
    match quote {
        None => escaped(word, |letter| " \t\r\n\\'\"".contains(letter)),
        Some(Quote::Single) => format!("'{}", word.replace('\'', "'\\''")),
        Some(Quote::Double) => format!("\"{}", escaped(word, |letter| "\"\\".contains(letter))),
        Some(Quote::AnsiC) => format!("$'{}", ansi_c(word.as_bytes())),
    }
}

fn escaped(word: &str, needs_backslash: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(word.len() + 2);
    for letter in word.chars() {
        if needs_backslash(letter) {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// A word as it can be pasted at the prompt, or into a shell: as it is if it can be, else quoted.
///
/// # Examples
///
/// ```
/// use netsocket_client::command_line::quote::pasteable;
///
/// assert_eq!(pasteable(b"notes.txt"), "notes.txt");
/// assert_eq!(pasteable(b"it's here"), r"'it'\''s here'");
/// assert_eq!(pasteable(b"a\nb"), r"$'a\nb'");
/// ```
#[must_use]
pub fn pasteable(word: &[u8]) -> String {
    match std::str::from_utf8(word) {
        Ok(text) if !text.is_empty() && text.chars().all(stands_for_itself) => text.to_owned(),
        Ok(text) if !text.chars().any(char::is_control) => opened(text, Some(Quote::Single)) + "'",
        _ => format!("$'{}'", ansi_c(word)),
    }
}

/// Whether no shell treats the character as anything else than itself.
fn stands_for_itself(letter: char) -> bool {
    letter.is_alphanumeric() || "/._-+,:@%".contains(letter)
}

/// The inside of `$'…'`.
fn ansi_c(word: &[u8]) -> String {
    let mut text = String::with_capacity(word.len() + 2);
    for chunk in word.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                '\x1b' => text.push_str("\\e"),
                '\'' | '\\' => text.extend(['\\', letter]),
                letter if letter.is_control() => {
                    push_bytes(&mut text, letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                letter => text.push(letter),
            }
        }
        push_bytes(&mut text, chunk.invalid());
    }
    text
}

fn push_bytes(text: &mut String, bytes: &[u8]) {
    text.extend(bytes.iter().map(|byte| format!("\\x{byte:02x}")));
}

/// The bytes that an escape in `$'…'` stands for, and how many bytes of `rest`, which follows the backslash, it takes.
///
/// An escape that bash does not know stands for itself, backslash and all.
pub(crate) fn unescaped(rest: &[u8]) -> (Vec<u8>, usize) {
    let Some(letter) = rest.first() else {
        return (vec![b'\\'], 0);
    };
    let byte = match letter {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'e' | b'E' => 0x1b,
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'v' => 0x0b,
        b'\\' | b'\'' | b'"' | b'?' => *letter,
        b'x' => return number(rest, 1, 2, 16),
        b'0'..=b'7' => return number(rest, 0, 3, 8),
        _ => return (vec![b'\\', *letter], 1),
    };
    (vec![byte], 1)
}

/// A byte in up to `most` digits, which begin after `skip` bytes.
fn number(rest: &[u8], skip: usize, most: usize, radix: u32) -> (Vec<u8>, usize) {
    let digits = rest[skip..]
        .iter()
        .take(most)
        .take_while(|byte| char::from(**byte).is_digit(radix))
        .count();
    let text = std::str::from_utf8(&rest[skip..skip + digits]).unwrap_or_default();
    match u32::from_str_radix(text, radix) {
        // Three octal digits may be too many; bash takes the low eight bits.
        Ok(number) => (vec![number.to_le_bytes()[0]], skip + digits),
        Err(_) => (vec![b'\\', rest[0]], 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command_line::shell_words::split;

    #[test]
    fn a_suggestion_is_quoted_if_it_has_to_be() {
        for (word, written) in [
            (&b"music/song.mp3"[..], "music/song.mp3"),
            (b"gr\xc3\xb6\xc3\x9fe.jpg", "größe.jpg"),
            (b"a b", "'a b'"),
            (b"*.pdf", "'*.pdf'"),
            (b"$HOME", "'$HOME'"),
            (b"~", "'~'"),
            (b"", "''"),
            (b"it's", "'it'\\''s'"),
            (b"a\nit's\x1b\xff", "$'a\\nit\\'s\\e\\xff'"),
        ] {
            assert_eq!(pasteable(word), written);
        }
    }

    #[test]
    fn escapes_are_those_of_bash() {
        for (typed, bytes, taken) in [
            (&b"nx"[..], &b"\n"[..], 1),
            (b"x4142", b"A", 3),
            (b"x4g", b"\x04", 2),
            (b"xg", b"\\x", 1),
            (b"1017", b"A", 3),
            (b"400", b"\0", 3),
            (b"q", b"\\q", 1),
            (b"", b"\\", 0),
        ] {
            assert_eq!(unescaped(typed), (bytes.to_vec(), taken), "{typed:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_suggested_is_read_again(word in proptest::collection::vec(any::<u8>(), 0..20)) {
            let line = format!("get {} x", pasteable(&word));
            prop_assert!(!line.chars().any(char::is_control));
            prop_assert_eq!(split(line.as_bytes()).unwrap(), [b"get".to_vec(), word, b"x".to_vec()]);
        }
    }
}
