//! From where to where a peer relays, and for how many connections.

use std::net::SocketAddr;

/// Proxied connections that a peer must have room for: more than any case opens at a time.
pub(super) const CONNECTIONS: usize = 5_000;

/// From where to where a peer relays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) listen: SocketAddr,
    pub(super) backend: SocketAddr,
    pub(super) traffic: Traffic,
}

/// What the connections of a case carry, and so how an expert sets a peer up for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Few flows of as many bytes as go through.
    Bulk,
    /// Many connections, short messages.
    Small,
    /// Both, and the end of one direction leaves the other open: the peer must hand on a half-close.
    HalfCloses,
}
