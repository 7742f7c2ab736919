//! Options of the socket that clients connect to.

/// What a listening socket can do beside listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListenOptions {
    /// Hand a connection over only when the client has sent something.
    pub defer_accept: bool,
    /// Take a client's first bytes with its first packet.
    pub fast_open: bool,
}
