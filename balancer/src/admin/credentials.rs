//! What a client proves itself by: a bearer token, or the password of HTTP basic authentication.

use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 of RFC 4648; some clients leave the padding out.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// In an answer with status 401. A browser asks for a password where it is told to use basic authentication: not for the
/// token of a script.
pub(super) const TOKEN_WANTED: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"netsocket-balancer\"");
pub(super) const PASSWORD_WANTED: HeaderValue =
    HeaderValue::from_static("Basic realm=\"netsocket-balancer\"");

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    Token(String),
    /// The name of the user does not matter.
    Password(String),
}

impl Credentials {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(header(headers)?)
    }

    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, value) = header.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Token(value.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(ANY_PADDING.decode(value.trim()).ok()?).ok()?;
        Some(Self::Password(pair.split_once(':')?.1.to_owned()))
    }

    pub(super) fn secret(&self) -> &[u8] {
        match self {
            Self::Token(secret) | Self::Password(secret) => secret.as_bytes(),
        }
    }
}

/// The header that has them.
pub(super) fn header(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_or_a_password() {
        let token = |secret: &str| Some(Credentials::Token(secret.to_owned()));
        let password = |secret: &str| Some(Credentials::Password(secret.to_owned()));
        for (header, wanted) in [
            ("Bearer abc", token("abc")),
            ("bearer abc", token("abc")),
            ("basic dXNlcjpwYXNzOndvcmQ=", password("pass:word")),
            ("Basic dXNlcjpwYXM", password("pas")),
            ("", None),
            ("abc", None),
            ("Basic", None),
            ("Basic !", None),
            ("Basic dXNlcg==", None),
            ("Digest x", None),
        ] {
            assert_eq!(Credentials::parse(header), wanted, "{header}");
        }
    }
}
