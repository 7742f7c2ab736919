//! From where to where a peer relays, and for how many connections.

use std::net::SocketAddr;

/// Proxied connections that a peer must have room for: more than any case opens at a time.
pub(super) const CONNECTIONS: usize = 5_000;

/// From where to where a peer relays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) listen: SocketAddr,
    pub(super) backend: SocketAddr,
    pub(super) closing: Closing,
}

/// What the end of one direction means to the flows of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The end of both. Peers keep their usual setting.
    Both,
    /// The other direction goes on: the peer must hand on a half-close.
    One,
}
