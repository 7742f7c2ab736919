//! Addresses and sockets of the tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use crate::PATIENCE;

/// A loopback address that nobody else has: a server that must come back on its old port is then not in the way of
/// other tests, whose ports the system chooses on 127.0.0.1.
#[must_use]
pub fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // From a place in 127.64.0.1 to 127.255.255.240 that differs between runs; all of 127/8 is this machine.
    let place = std::process::id()
        .wrapping_mul(0x9E37_79B1)
        .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    Ipv4Addr::from_bits(0x7F40_0001 + place % 0x00BF_FFF0)
}

/// A connection whose reads and writes end in an error after [`PATIENCE`] instead of never.
///
/// # Errors
/// Where there is no connection.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    with_patience(stream)
}

/// Gives an accepted connection the same limits.
///
/// # Errors
/// Where the socket refuses.
pub fn with_patience(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Closes with a reset.
///
/// # Panics
/// Where the socket refuses.
pub fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).expect("SO_LINGER");
    drop(stream);
}
