//! The secret of a reader in its two forms, a bearer token and the password of HTTP basic authentication.

use std::sync::{Mutex, PoisonError};

use crate::core::secret::Secret;

/// The latest header that was right: a hash is slow on purpose, and is not computed for each request of one reader.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Option<(Secret, String)>>);

impl Known {
    pub(super) fn accepts(&self, secret: &Secret, header: &str) -> bool {
        let known = (secret.clone(), header.to_owned());
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref() == Some(&known) {
            return true;
        }
        let is_right = given(header).is_some_and(|given| secret.matches(given.as_bytes()));
        if is_right {
            *latest = Some(known);
        }
        is_right
    }
}

/// The secret in the header.
fn given(header: &str) -> Option<String> {
    let (scheme, value) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(decoded(value.trim())?).ok()?;
    // The name of the user does not matter.
    Some(pair.split_once(':')?.1.to_owned())
}

/// Base64, RFC 4648.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_as_a_token_or_as_a_password() {
        assert_eq!(given("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(
            given("basic dXNlcjpwYXNzOndvcmQ=").as_deref(),
            Some("pass:word")
        );
        for wrong in ["", "Basic", "Basic !", "Basic dXNlcg==", "Digest x"] {
            assert_eq!(given(wrong), None, "{wrong}");
        }
        let known = Known::default();
        let secret = Secret::plain("pass:word");
        for _ in 0..2 {
            assert!(known.accepts(&secret, "Basic dXNlcjpwYXNzOndvcmQ="));
            assert!(!known.accepts(&secret, "Bearer pass"));
        }
        assert!(!known.accepts(&Secret::plain("other"), "Basic dXNlcjpwYXNzOndvcmQ="));
    }
}
