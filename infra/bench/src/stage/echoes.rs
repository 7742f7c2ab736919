//! Echo servers, each at an address of its own: the ports of one would not do for all sessions.

use std::net::SocketAddr;

use crate::backend::{Backend, Service};
use crate::failure::{Failure, Outcome};
use crate::host::Host;

/// Echo servers at work. Dropping them ends them.
#[derive(Debug)]
pub(crate) struct Echoes {
    pub(crate) addresses: Vec<SocketAddr>,
    /// Kept for their end.
    _servers: Vec<Backend>,
}

impl Echoes {
    /// Each has a thread of its own.
    pub(crate) fn start(host: &Host, count: u8) -> Outcome<Self> {
        let mut addresses = Vec::new();
        let mut servers = Vec::new();
        for number in 1..=count {
            let port = host.ports.free()?.port();
            let address = SocketAddr::from(([127, 0, 2, number], port));
            servers.push(Backend::start(address, Service::Echo)?);
            addresses.push(address);
        }
        if addresses.is_empty() {
            return Err(Failure::new("at least one backend is needed"));
        }
        Ok(Self {
            addresses,
            _servers: servers,
        })
    }
}
