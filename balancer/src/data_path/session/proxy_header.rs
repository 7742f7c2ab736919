//! A trusted peer says who the client is: the header of the PROXY protocol, before anything else.

use std::net::SocketAddr;

use netsocket_proxy_protocol::{Command, Error, Header, Parsed, parse};
use tokio::time::Instant;

use crate::data_path::relay::{Early, Wire};

/// A header on its way.
pub(super) struct Introduction {
    received: Vec<u8>,
    since: Instant,
}

/// What the peer has said so far.
pub(super) enum Heard {
    /// Not enough.
    Nothing,
    /// Nothing more will come.
    Gone,
    /// Something else.
    Wrong(Error),
    /// All of it.
    Client {
        /// The real client; `None` where the peer speaks for itself.
        address: Option<SocketAddr>,
        /// Where that one connected to.
        destination: Option<SocketAddr>,
        /// What came behind the header.
        early: Vec<u8>,
    },
}

impl Introduction {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            received: Vec::new(),
            since: now,
        }
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Takes in what has come.
    pub(super) fn listen(&mut self, client: &mut Wire, buffer: &mut [u8]) -> Heard {
        loop {
            match client.read_some(buffer) {
                Early::Nothing => return Heard::Nothing,
                Early::Gone => return Heard::Gone,
                Early::Bytes(bytes) => self.received.extend_from_slice(bytes),
            }
            match parse(&self.received) {
                // There may be more, or the end.
                Ok(Parsed::Incomplete { .. }) => {}
                Err(error) => return Heard::Wrong(error),
                Ok(Parsed::Header(header)) => return self.heard(&header),
            }
        }
    }

    fn heard(&self, header: &Header<'_>) -> Heard {
        let local = header.command == Command::Local;
        let rest = self.received.get(header.len..);
        Heard::Client {
            address: header.source().filter(|_| !local),
            destination: header.destination().filter(|_| !local),
            early: rest.unwrap_or_default().to_vec(),
        }
    }
}
