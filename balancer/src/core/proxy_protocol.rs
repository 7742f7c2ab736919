//! The PROXY protocol at both ends: whose headers are believed, and which header a backend gets.
//!
//! Does not own the form of a header: that is the crate `netsocket-proxy-protocol`.

use std::net::SocketAddr;
use std::time::Duration;

use netsocket_proxy_protocol::{Encoded, encode_v1, encode_v1_unknown, encode_v2, encode_v2_local};

use super::admission::Networks;

/// How the PROXY protocol is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRules {
    /// Peers whose connections start with a header, which is trusted. All others are clients.
    pub from: Networks,
    /// Timeout for a complete header.
    pub timeout: Duration,
    /// What is sent to backends.
    pub send: ProxySend,
}

/// The header sent to a backend before the client's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxySend {
    /// None.
    #[default]
    Off,
    /// Version 1.
    V1,
    /// Version 2.
    V2,
}

impl ProxySend {
    /// The header for a client that connected to `destination`; `None` if none is sent.
    pub(crate) fn header(self, client: SocketAddr, destination: SocketAddr) -> Option<Encoded> {
        match self {
            Self::Off => None,
            Self::V1 => Some(encode_v1(client, destination)),
            Self::V2 => Some(encode_v2(client, destination)),
        }
    }

    /// The header of a connection without a client, such as a health check.
    pub(crate) fn header_without_client(self) -> Option<Encoded> {
        match self {
            Self::Off => None,
            Self::V1 => Some(encode_v1_unknown()),
            Self::V2 => Some(encode_v2_local()),
        }
    }
}
