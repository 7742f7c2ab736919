//! What sessions go by and a reload may change: swapped as a whole, read without a lock.

use std::net::SocketAddr;
use std::time::Duration;

use netsocket_proxy_protocol::{Encoded, encode_v1, encode_v1_unknown, encode_v2, encode_v2_local};

use crate::config::{Config, Timeouts};
use crate::core::admission::{Admission, Networks};

/// The rules of one running balancer.
pub(crate) struct Live {
    /// What clients of the admin HTTP on other machines must know to change something.
    pub(crate) admin_token: Option<String>,
    pub(crate) timeouts: Timeouts,
    pub(crate) admission: Admission,
    /// How long a client may wait in the queue.
    pub(crate) queue_timeout: Duration,
    pub(crate) proxy: ProxyRules,
    /// First bytes go to backends with the first packet.
    pub(crate) fast_open: bool,
}

impl Live {
    pub(crate) fn new(config: &Config, admin_token: Option<String>) -> Self {
        Self::with(config, admin_token, Admission::new(config.limits.clone()))
    }

    /// Other rules; who is inside stays counted.
    pub(crate) fn changed(&self, config: &Config, admin_token: Option<String>) -> Self {
        let admission = self.admission.with_limits(config.limits.clone());
        Self::with(config, admin_token, admission)
    }

    fn with(config: &Config, admin_token: Option<String>, admission: Admission) -> Self {
        Self {
            admin_token,
            timeouts: config.timeouts,
            admission,
            queue_timeout: config.queue.timeout,
            proxy: config.proxy.clone(),
            fast_open: config.listen_options.fast_open,
        }
    }
}

/// How the PROXY protocol is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRules {
    /// Peers that begin with a header, which is believed. All others are clients.
    pub from: Networks,
    /// For a header to be complete.
    pub timeout: Duration,
    /// What backends get.
    pub send: ProxySend,
}

/// What a backend gets before a client's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxySend {
    /// Nothing.
    #[default]
    Off,
    /// A header of version 1.
    V1,
    /// A header of version 2.
    V2,
}

impl ProxySend {
    /// The header for a client that connected to `destination`; none where none is sent.
    pub(crate) fn header(self, client: SocketAddr, destination: SocketAddr) -> Option<Encoded> {
        match self {
            Self::Off => None,
            Self::V1 => Some(encode_v1(client, destination)),
            Self::V2 => Some(encode_v2(client, destination)),
        }
    }

    /// The header of a connection that stands for no client.
    pub(crate) fn header_of_nobody(self) -> Option<Encoded> {
        match self {
            Self::Off => None,
            Self::V1 => Some(encode_v1_unknown()),
            Self::V2 => Some(encode_v2_local()),
        }
    }
}
