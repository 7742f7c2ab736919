//! Names and patterns whose letters may be capital or small: `--iname`.
//!
//! The wire has patterns that tell them apart, so one for both is made here.

/// A pattern for names that differ only in the case of ASCII letters.
pub(crate) fn in_any_case(pattern: &[u8]) -> Vec<u8> {
    let mut any = Vec::with_capacity(pattern.len() * 4);
    let mut rest = pattern;
    while let Some(byte) = rest.first() {
        let taken = match byte {
            b'\\' => {
                let taken = rest.len().min(2);
                any.extend(&rest[..taken]);
                taken
            }
            b'[' => class_in_any_case(rest, &mut any),
            byte if byte.is_ascii_alphabetic() => {
                any.extend([
                    b'[',
                    byte.to_ascii_lowercase(),
                    byte.to_ascii_uppercase(),
                    b']',
                ]);
                1
            }
            byte => {
                any.push(*byte);
                1
            }
        };
        rest = &rest[taken..];
    }
    any
}

/// `[a-c]` becomes `[a-cA-C]`. Returns how many bytes it had.
fn class_in_any_case(rest: &[u8], any: &mut Vec<u8>) -> usize {
    // There is at least one character in it.
    let Some(length) = rest.iter().skip(2).position(|byte| *byte == b']') else {
        any.push(b'[');
        return 1;
    };
    let inside = &rest[1..length + 2];
    let negation = usize::from(matches!(inside[0], b'!' | b'^') && inside.len() > 1);
    any.push(b'[');
    any.extend(&inside[..negation]);
    any.extend(inside[negation..].to_ascii_lowercase());
    any.extend(inside[negation..].to_ascii_uppercase());
    any.push(b']');
    inside.len() + 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_letter_may_be_either() {
        for (typed, pattern) in [
            ("*.Jp?", "*.[jJ][pP]?"),
            ("\\[a[b-d]", "\\[[aA][b-dB-D]"),
            ("[!ab][x", "[!abAB][[xX]"),
            ("2024", "2024"),
        ] {
            assert_eq!(in_any_case(typed.as_bytes()), pattern.as_bytes(), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = in_any_case(&pattern);
        }
    }
}
