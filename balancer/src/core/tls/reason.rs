//! Why a handshake failed, in a word for metrics and the log.

use netsocket_credentials::refusal;

/// Every value of the label `reason` of failed handshakes.
pub const HANDSHAKE_REASONS: [&str; 9] = [
    "bad_certificate",
    "cut_short",
    "incompatible",
    "late",
    "no_certificate",
    "no_tls",
    "not_trusted",
    "other",
    "too_many",
];

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum HandshakeFailure {
    /// The first bytes are no TLS.
    #[error("the client does not use TLS")]
    NoTls,
    /// The connection ended within the handshake.
    #[error("the connection ended during the handshake")]
    CutShort,
    /// It took too long.
    #[error("the handshake was not complete in time")]
    Late,
    /// As many as allowed are under way.
    #[error("too many handshakes at a time")]
    TooMany,
    /// One side rejected the other.
    #[error("{0}")]
    Refused(rustls::Error),
}

impl HandshakeFailure {
    /// The word for it.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::NoTls => "no_tls",
            Self::CutShort => "cut_short",
            Self::Late => "late",
            Self::TooMany => "too_many",
            Self::Refused(error) => refusal(error),
        }
    }

    /// Its place in [`HANDSHAKE_REASONS`].
    pub(crate) fn index(&self) -> usize {
        let label = self.label();
        let place = HANDSHAKE_REASONS.iter().position(|it| *it == label);
        place.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use netsocket_credentials::REFUSALS;

    use super::*;

    #[test]
    fn every_failure_has_its_word() {
        let failures = [
            HandshakeFailure::NoTls,
            HandshakeFailure::CutShort,
            HandshakeFailure::Late,
            HandshakeFailure::TooMany,
            HandshakeFailure::Refused(rustls::Error::DecryptError),
        ];
        for failure in failures {
            assert_eq!(HANDSHAKE_REASONS[failure.index()], failure.label());
        }
        assert!(REFUSALS.iter().all(|it| HANDSHAKE_REASONS.contains(it)));
        assert!(HANDSHAKE_REASONS.is_sorted());
    }
}
