//! How a service ends TLS.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use netsocket_credentials::Moment;
use rustls::ServerConfig;

/// How a service ends TLS: judged settings, with the certificates and keys that they name.
pub struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
    /// For a whole handshake.
    pub handshake_timeout: Duration,
    /// Handshakes at a time.
    pub max_handshakes: u32,
    /// Until when each certificate is good.
    pub certificates: Vec<CertificateExpiry>,
    /// The settings, and a digest of what is in their files.
    pub(crate) given: String,
}

/// Until when a certificate is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateExpiry {
    /// Where it was read.
    pub file: PathBuf,
    /// The last second; `None` where it cannot be told.
    pub expires: Option<Moment>,
}

impl fmt::Debug for ServerTls {
    /// Without keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl PartialEq for ServerTls {
    /// Whether settings and files say the same.
    fn eq(&self, other: &Self) -> bool {
        self.given == other.given
    }
}
