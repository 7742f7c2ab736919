//! The PROXY protocol header that a trusted peer sends before anything else.

use std::net::SocketAddr;

use netsocket_proxy_protocol::{Command, Error, Header, Parsed, parse};
use tokio::time::Instant;

use crate::data_path::relay::{Early, SessionSocket};

/// A header being received.
pub(super) struct ProxyHeader {
    received: Vec<u8>,
    since: Instant,
}

/// The progress of a header.
pub(super) enum HeaderProgress {
    /// More bytes are needed.
    Incomplete,
    /// The connection ended before the header was complete.
    Closed,
    /// The bytes are not a valid header.
    Invalid(Error),
    /// The header is complete.
    Complete {
        /// The real client; `None` if the peer connects on its own behalf.
        address: Option<SocketAddr>,
        /// The address that the client connected to.
        destination: Option<SocketAddr>,
        /// The bytes after the header.
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

    /// Reads what has arrived.
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
