//! TLS handshakes of a session that are under way.

use std::time::Duration;

use tokio::time::Instant;

use crate::data_path::handshakes::HandshakePermit;

/// A handshake with a client under way.
pub(super) struct PendingHandshake {
    pub(super) since: Instant,
    pub(super) timeout: Duration,
    pub(super) _permit: HandshakePermit,
}

impl PendingHandshake {
    pub(super) fn deadline(&self) -> Instant {
        self.since + self.timeout
    }
}

/// A handshake with a backend under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Securing {
    /// When the connect began.
    pub(super) since: Instant,
    /// When the handshake did.
    pub(super) begun: Instant,
}
