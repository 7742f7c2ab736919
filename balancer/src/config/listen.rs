//! Options of the socket that clients connect to.

/// Options of the listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListenOptions {
    /// Deferred accept: hand over a connection only when the client has sent something.
    pub defer_accept: bool,
    /// TCP fast open: accept a client's first bytes with its first packet.
    pub fast_open: bool,
}
