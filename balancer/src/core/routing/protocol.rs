//! Protocols that are told by their first bytes.

/// A protocol that is told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A TLS handshake.
    Tls,
    /// An HTTP request in the clear.
    Http,
    /// SSH.
    Ssh,
    /// A PROXY protocol header.
    Proxy,
    /// Anything at all.
    Any,
}

impl Protocol {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Tls, Self::Http, Self::Ssh, Self::Proxy, Self::Any];

    /// Its name in the settings.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Proxy => "proxy",
            Self::Any => "any",
        }
    }
}
