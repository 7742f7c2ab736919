//! Listening sockets, TCP or unix, and their options.
//!
//! On Linux every accepted connection inherits the options of its listening socket, so options set here cost nothing per
//! client.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;

use netsocket_settings::AdminAddress;
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{Keepalive, ListenOptions};
use crate::data_path::dead_peer::keep_alive;
use crate::data_path::socket_options::{set_defer_accept, set_fast_open_listen};
use crate::data_path::unix_listener;

/// Connections that the system queues until a worker accepts them; capped by `net.core.somaxconn`.
pub(crate) const BACKLOG: i32 = 4096;

/// A listening socket.
#[derive(Debug)]
pub(crate) enum ListenSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl ListenSocket {
    /// Listens at `address`. A unix socket is for those whom `mode` lets connect; a socket file that nothing listens on any
    /// more is replaced.
    pub(crate) fn bind(
        address: &AdminAddress,
        options: ListenOptions,
        mode: u32,
    ) -> io::Result<Self> {
        match address {
            AdminAddress::Tcp(address) => listen(*address, options).map(Self::Tcp),
            AdminAddress::Unix(path) => unix_listener::bind(path, mode, BACKLOG).map(Self::Unix),
        }
    }

    /// Adopts a socket bound by another process. The file of a unix socket stays as it is.
    pub(crate) fn adopt(self, options: ListenOptions) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => adopt(listener, options).map(Self::Tcp),
            Self::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Ok(Self::Unix(listener))
            }
        }
    }

    /// Changes what later connections inherit from it. If the system refuses, they have what the earlier ones have.
    pub(crate) fn set_keepalive(&self, keepalive: &Keepalive) {
        if let Self::Tcp(listener) = self {
            let _ = keep_alive(listener, keepalive);
        }
    }

    /// The same socket once more.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(listener) => Self::Unix(listener.try_clone()?),
        })
    }

    /// Where it is; `None` for a unix socket without a name.
    pub(crate) fn address(&self) -> Option<AdminAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(AdminAddress::Tcp),
            Self::Unix(listener) => {
                let address = listener.local_addr().ok()?;
                Some(AdminAddress::Unix(address.as_pathname()?.to_owned()))
            }
        }
    }
}

impl AsFd for ListenSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

/// Binds the socket that clients connect to.
pub(crate) fn listen(address: SocketAddr, options: ListenOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    set_options(&socket, options)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Adopts a listening socket bound by another process. Clients that wait in its queue already have the options of that
/// process.
pub(crate) fn adopt(listener: TcpListener, options: ListenOptions) -> io::Result<TcpListener> {
    let socket = Socket::from(listener);
    set_options(&socket, options)?;
    // Also for a socket that listens: its queue becomes as long as ours.
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn set_options(socket: &Socket, options: ListenOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    keep_alive(socket, &options.keepalive)?;
    socket.set_nonblocking(true)?;
    set_defer_accept(socket, options.defer_accept)?;
    if options.fast_open || socket.is_listener()? {
        set_fast_open_listen(socket, options.fast_open)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};
    use std::time::Duration;

    use socket2::SockRef;

    use super::*;

    #[test]
    fn a_socket_that_was_bound_elsewhere_gets_the_same_options() {
        let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = foreign.local_addr().unwrap();
        let both = ListenOptions {
            defer_accept: true,
            fast_open: true,
            ..ListenOptions::default()
        };
        let listener = adopt(adopt(foreign, both).unwrap(), ListenOptions::default()).unwrap();
        let _client = TcpStream::connect(address).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert_eq!(accepted.local_addr().unwrap(), address);
        assert!(accepted.nodelay().unwrap());
    }

    #[test]
    fn a_connection_has_the_options_of_its_listener() {
        let mut options = ListenOptions::default();
        options.keepalive.user_timeout = Duration::from_secs(9);
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into(), options).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
        let socket = SockRef::from(&accepted);
        assert!(socket.keepalive().unwrap());
        let keepalive = options.keepalive;
        assert_eq!(socket.tcp_keepalive_time().unwrap(), keepalive.time);
        assert_eq!(
            socket.tcp_user_timeout().unwrap(),
            Some(keepalive.user_timeout)
        );
    }
}
