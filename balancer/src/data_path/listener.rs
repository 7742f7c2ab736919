//! Listening sockets and their options.
//!
//! On Linux every accepted connection inherits the options of its listening socket, so options set here cost nothing per
//! client.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::ListenOptions;
use crate::data_path::dead_peer::keepalive;
use crate::data_path::socket_options::{set_defer_accept, set_fast_open_listen};

/// Connections that the system queues until a worker accepts them; capped by `net.core.somaxconn`.
pub(crate) const BACKLOG: i32 = 4096;

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
    socket.set_tcp_keepalive(&keepalive())?;
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

    use socket2::SockRef;

    use super::*;
    use crate::data_path::dead_peer::KEEPALIVE_IDLE;

    #[test]
    fn a_socket_that_was_bound_elsewhere_gets_the_same_options() {
        let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = foreign.local_addr().unwrap();
        let both = ListenOptions {
            defer_accept: true,
            fast_open: true,
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
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into(), ListenOptions::default()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
        let socket = SockRef::from(&accepted);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
    }
}
