//! A trusted peer says who the client is: the header of the PROXY protocol, before anything else.

use std::net::SocketAddr;

use netsocket_proxy_protocol::{Command, Error, Header, Parsed, parse};
use tokio::time::Instant;

use crate::data_path::relay::{Early, SessionSocket};

/// A header on its way.
pub(super) struct ProxyHeader {
    received: Vec<u8>,
    since: Instant,
}

/// What the peer has said so far.
pub(super) enum HeaderProgress {
    /// Not enough.
    Incomplete,
    /// Nothing more will come.
    Closed,
    /// Something else.
    Invalid(Error),
    /// All of it.
    Complete {
        /// The real client; `None` where the peer speaks for itself.
        address: Option<SocketAddr>,
        /// Where that one connected to.
        destination: Option<SocketAddr>,
        /// What came behind the header.
        early: Vec<u8>,
    },
}

impl ProxyHeader {
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
    pub(super) fn read(&mut self, client: &mut SessionSocket, buffer: &mut [u8]) -> HeaderProgress {
        loop {
            match client.read_some(buffer) {
                Early::Nothing => return HeaderProgress::Incomplete,
                Early::Gone => return HeaderProgress::Closed,
                Early::Bytes(bytes) => self.received.extend_from_slice(bytes),
            }
            match parse(&self.received) {
                // There may be more, or the end.
                Ok(Parsed::Incomplete { .. }) => {}
                Err(error) => return HeaderProgress::Invalid(error),
                Ok(Parsed::Header(header)) => return self.complete(&header),
            }
        }
    }

    fn complete(&self, header: &Header<'_>) -> HeaderProgress {
        let local = header.command == Command::Local;
        let rest = self.received.get(header.len..);
        HeaderProgress::Complete {
            address: header.source().filter(|_| !local),
            destination: header.destination().filter(|_| !local),
            early: rest.unwrap_or_default().to_vec(),
        }
    }
}
