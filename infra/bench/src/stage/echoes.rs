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

    /// All of them share one thread: for more than there should be threads.
    pub(crate) fn start_together(host: &Host, count: u16) -> Outcome<Self> {
        let port = host.ports.free()?.port();
        let address = |number: u16| {
            // The last byte is neither 0 nor 255.
            let [net, last] = [number / 250 + 4, number % 250 + 1].map(u16::to_be_bytes);
            SocketAddr::from(([127, 0, net[1], last[1]], port))
        };
        let addresses: Vec<SocketAddr> = (0..count).map(address).collect();
        let server = Backend::start_all(&addresses, Service::Echo)?;
        Ok(Self {
            addresses,
            _servers: vec![server],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_of_a_thousand_has_an_address_and_answers() {
        let host = Host::new("bench".into()).unwrap();
        host.need_open_files(3_000).unwrap();
        let echoes = Echoes::start_together(&host, 1_000).unwrap();
        let all: std::collections::BTreeSet<_> = echoes.addresses.iter().collect();
        assert_eq!(all.len(), 1_000);
        for address in [echoes.addresses[0], echoes.addresses[999]] {
            let mut stream = crate::stage::sessions::connect(address, 3, 1)
                .await
                .unwrap();
            crate::stage::sessions::echo(&mut stream, b"?")
                .await
                .unwrap();
        }
    }
}
