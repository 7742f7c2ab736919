//! A secret as it is kept: in the clear, or as a hash from which it cannot be had back.
//!
//! The hash is PBKDF2 with HMAC-SHA-256 (RFC 8018), written `pbkdf2-sha256:ROUNDS:SALT:HASH` in hexadecimal.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive, verify};

const SCHEME: &str = "pbkdf2-sha256";
/// What OWASP recommends for this function (2023).
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
const MAX_ROUNDS: u32 = 10_000_000;
const HASH: usize = 32;

/// A secret to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    Plain(String),
    Hashed {
        rounds: NonZeroU32,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
}

impl Secret {
    #[cfg(test)]
    pub(crate) fn plain(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }

    /// From the line of a file; `None`: it begins like a hash, and is none.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let Some(rest) = line.strip_prefix(SCHEME) else {
            return Some(Self::Plain(line.to_owned()));
        };
        let mut parts = rest.strip_prefix(':')?.split(':');
        let rounds: NonZeroU32 = parts.next()?.parse().ok()?;
        let (salt, hash) = (bytes(parts.next()?)?, bytes(parts.next()?)?);
        let is_hash = rounds.get() <= MAX_ROUNDS && !salt.is_empty() && hash.len() == HASH;
        (is_hash && parts.next().is_none()).then_some(Self::Hashed { rounds, salt, hash })
    }

    /// Whether it is this one.
    pub(crate) fn matches(&self, given: &[u8]) -> bool {
        match self {
            Self::Plain(text) => same(text.as_bytes(), given),
            Self::Hashed { rounds, salt, hash } => {
                verify(PBKDF2_HMAC_SHA256, *rounds, salt, given, hash).is_ok()
            }
        }
    }
}

/// The hash of a secret, as a line of a file. `salt` is random.
pub(crate) fn hashed(secret: &[u8], salt: &[u8]) -> String {
    let mut hash = [0; HASH];
    derive(PBKDF2_HMAC_SHA256, ROUNDS, salt, secret, &mut hash);
    format!("{SCHEME}:{ROUNDS}:{}:{}", text(salt), text(&hash))
}

/// Takes as long however much of it is right.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs
        .collect::<Option<Vec<_>>>()
        .filter(|_| text.len().is_multiple_of(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_secret_only() {
        // RFC 7914, section 11: PBKDF2-HMAC-SHA-256 of "Password" and "NaCl", the first half.
        let line = "pbkdf2-sha256:80000:4e61436c:4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56";
        let secret = Secret::read(line).unwrap();
        assert!(secret.matches(b"Password") && !secret.matches(b"password"));
        let made = hashed(b"x", b"salt");
        assert!(Secret::read(&made).unwrap().matches(b"x"));
        assert_eq!(Secret::read("plain"), Some(Secret::plain("plain")));
        for wrong in [
            "pbkdf2-sha256",
            "pbkdf2-sha256:0:00:00",
            "pbkdf2-sha256:1:0:00",
            "pbkdf2-sha256:1:00:zz",
        ] {
            assert_eq!(Secret::read(wrong), None, "{wrong}");
        }
    }
}
