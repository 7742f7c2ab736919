//! Why a check failed.

use std::fmt;

use crate::core::connect_failure::ConnectFailure;
use crate::core::side::Side;

/// The most of an answer that is shown.
const EXCERPT_BYTES: usize = 48;

/// Why a check failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckFailure {
    /// Layer 4: no connection.
    #[error("{0}")]
    Connect(ConnectFailure),
    /// Layer 6: no TLS could be agreed on.
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    /// Layer 4: the connection was lost before the answer.
    #[error("connection lost before the answer, got {0}")]
    Lost(Excerpt),
    /// Layer 7: the expected answer did not arrive within the timeout.
    #[error("no expected answer in time, got {0}")]
    NoAnswer(Excerpt),
    /// Layer 7: the answer ended, or became too long, without the expected content.
    #[error("wrong answer {0}")]
    WrongAnswer(Excerpt),
    /// Layer 7: an HTTP response with an unexpected status.
    #[error("HTTP status {0}")]
    WrongStatus(u16),
}

impl CheckFailure {
    /// Which side caused it.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::Connect(failure) => failure.side(),
            _ => Side::Backend,
        }
    }

    /// A short, stable label for the metrics and the API.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Connect(failure) => failure.label(),
            Self::Tls(_) => "tls",
            Self::Lost(_) => "lost",
            Self::NoAnswer(_) => "no-answer",
            Self::WrongAnswer(_) => "wrong-answer",
            Self::WrongStatus(_) => "wrong-status",
        }
    }
}

impl From<ConnectFailure> for CheckFailure {
    fn from(failure: ConnectFailure) -> Self {
        Self::Connect(failure)
    }
}

/// The beginning of a backend's answer, escaped for a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// The beginning of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let shown = bytes.get(..EXCERPT_BYTES).unwrap_or(bytes);
        let more = if shown.len() < bytes.len() { "…" } else { "" };
        Self(match bytes {
            [] => "nothing".to_owned(),
            _ => format!("\"{}\"{more}", shown.escape_ascii()),
        })
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_plain() {
        assert_eq!(Excerpt::of(b"").to_string(), "nothing");
        assert_eq!(
            Excerpt::of(b"-ERR \"x\"\r\n\xff").to_string(),
            r#""-ERR \"x\"\r\n\xff""#
        );
        let long = Excerpt::of(&[b'a'; 49]).to_string();
        assert_eq!(long, format!("\"{}\"…", "a".repeat(48)));
    }

    #[test]
    fn a_connect_failure_reads_as_before() {
        let failure = CheckFailure::from(ConnectFailure::Refused);
        assert_eq!(
            (failure.to_string().as_str(), failure.label()),
            ("connection refused", "refused")
        );
    }
}
