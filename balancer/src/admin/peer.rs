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

    /// What it is remembered by where it has changed something.
    pub(super) fn name(self) -> String {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().to_string(),
            Self::Unix(_) => self.to_string(),
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
