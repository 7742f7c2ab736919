//! The peer of a request to the admin HTTP.

use std::fmt;
use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::{TcpListener, UnixListener};

use crate::control::admin_listener::ClosableListener;

/// Whoever is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// Over the network, from there.
    Tcp(SocketAddr),
    /// By the unix socket: a process of this user, as this process sees its number.
    Unix(Option<u32>),
}

impl Peer {
    /// Whether it is on this machine.
    pub(super) fn is_local(self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// What it is remembered by where it has changed something. From another machine nobody changes anything without the token.
    pub(super) fn doer(self) -> String {
        match self {
            Self::Tcp(address) => {
                let from = format!("from {}", address.ip().to_canonical());
                match self.is_local() {
                    true => from,
                    false => format!("with the token, {from}"),
                }
            }
            Self::Unix(_) => format!("by {self}"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(Some(user)) => write!(f, "uid {user}"),
            Self::Unix(None) => f.write_str("the unix socket"),
        }
    }
}

impl Connected<IncomingStream<'_, ClosableListener<TcpListener>>> for Peer {
    fn connect_info(stream: IncomingStream<'_, ClosableListener<TcpListener>>) -> Self {
        Self::Tcp(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, ClosableListener<UnixListener>>> for Peer {
    fn connect_info(stream: IncomingStream<'_, ClosableListener<UnixListener>>) -> Self {
        let credentials = stream.io().peer_cred();
        Self::Unix(credentials.ok().map(|credentials| credentials.uid()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_changed_something_is_told_as_far_as_it_is_known() {
        let tcp = |text: &str| Peer::Tcp(text.parse().unwrap()).doer();
        assert_eq!(tcp("127.0.0.1:4711"), "from 127.0.0.1");
        assert_eq!(tcp("10.0.0.5:4711"), "with the token, from 10.0.0.5");
        assert_eq!(Peer::Unix(Some(1000)).doer(), "by uid 1000");
    }
}
