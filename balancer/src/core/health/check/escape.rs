//! Bytes as people write them in settings.

/// Reads `\r`, `\n`, `\t`, `\0`, `\\`, `\"` and `\xHH`; everything else stands for itself. `None` for any other
/// backslash.
#[must_use]
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Some(bytes),
            [b'\\', b'x', high, low, rest @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                rest
            }
            [b'\\', escaped, rest @ ..] => {
                bytes.push(match escaped {
                    b'r' => b'\r',
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'0' => 0,
                    b'\\' | b'"' => *escaped,
                    _ => return None,
                });
                rest
            }
            [b'\\'] => return None,
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}

/// Writes bytes so that [`unescape`] reads them again.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let one = |&byte: &u8| match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(
            unescape(r#"PING\r\n\t\0\\\"\x00\xfFé"#),
            Some(b"PING\r\n\t\0\\\"\x00\xff\xc3\xa9".to_vec())
        );
        for wrong in ["\\", r"\q", r"\x", r"\x1", r"\xg0"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_written(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let hex: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            prop_assert_eq!(unescape(&hex), Some(bytes.clone()));
            prop_assert_eq!(unescape(&escape(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = unescape(&text);
        }
    }
}
