//! Keys, as a terminal sends them.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    Enter,
    Backspace,
    Escape,
    /// Ctrl-C or Ctrl-D.
    Interrupt,
}

/// The keys in what was read at once. An escape with nothing behind it is the key of that name: a sequence comes as a whole.
pub(super) fn keys(bytes: &[u8]) -> Vec<Key> {
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.as_ref();
    let mut keys = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (key, length) = match first {
            '\x1b' => sequence(rest),
            '\r' | '\n' => (Some(Key::Enter), 1),
            '\t' => (Some(Key::Tab), 1),
            '\x7f' | '\x08' => (Some(Key::Backspace), 1),
            '\x03' | '\x04' => (Some(Key::Interrupt), 1),
            other if other.is_control() => (None, 1),
            other => (Some(Key::Char(other)), other.len_utf8()),
        };
        keys.extend(key);
        rest = rest.get(length..).unwrap_or_default();
    }
    keys
}

/// What begins with an escape, and how long it is.
fn sequence(text: &str) -> (Option<Key>, usize) {
    let after = text.get(1..).unwrap_or_default();
    let Some(body) = after.strip_prefix(['[', 'O']) else {
        return (Some(Key::Escape), 1);
    };
    let Some(end) = body.find(|c: char| ('@'..='~').contains(&c)) else {
        return (None, text.len());
    };
    let key = match body.get(..=end).unwrap_or_default() {
        "A" => Some(Key::Up),
        "B" => Some(Key::Down),
        "H" | "1~" | "7~" => Some(Key::Home),
        "F" | "4~" | "8~" => Some(Key::End),
        "5~" => Some(Key::PageUp),
        "6~" => Some(Key::PageDown),
        _ => None,
    };
    (key, 2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_what_terminals_send() {
        assert_eq!(
            keys(b"q\x1b[A\x1bOB\x1b[5~\x1b[1;5C\r\x7f\t\x03\x01"),
            [
                Key::Char('q'),
                Key::Up,
                Key::Down,
                Key::PageUp,
                Key::Enter,
                Key::Backspace,
                Key::Tab,
                Key::Interrupt
            ]
        );
        assert_eq!(keys(b"\x1b"), [Key::Escape]);
        assert_eq!(keys("é".as_bytes()), [Key::Char('é')]);
        assert_eq!(keys(b"\x1b[12"), []);
    }
}
