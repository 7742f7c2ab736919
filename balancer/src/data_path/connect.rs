//! The non-blocking connect to a backend: starts it, and classifies its failure.
//!
//! Does not own which backend is used, nor what follows a failure: the session decides that. Failures themselves are
//! `core/connect_failure`.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use netsocket_settings::AdminAddress;
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_quickack;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, getsockname, socket_with,
};

use crate::core::connect_failure::ConnectFailure;
use crate::data_path::socket_options::{set_bind_address_no_port, set_fast_open_connect};

const NONBLOCKING: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Options of a connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ConnectOptions {
    /// TCP fast open: the first bytes go with the first packet, if this backend was connected to before.
    pub(crate) fast_open: bool,
    /// There are bytes to send as soon as it is connected: they go with the last packet of the handshake, which is delayed
    /// for them.
    pub(crate) has_early_data: bool,
}

/// Starts a connect. The poller reports the result: writable, or an error.
///
/// # Errors
/// A failure that is known immediately.
pub(crate) fn start_connect(
    address: &AdminAddress,
    options: ConnectOptions,
    source: Option<IpAddr>,
) -> Result<OwnedFd, ConnectFailure> {
    match address {
        AdminAddress::Tcp(address) => connect_tcp(*address, options, source),
        AdminAddress::Unix(path) => connect_unix(path),
    }
}

/// Connects to a unix socket, which is done at once or fails at once.
fn connect_unix(path: &Path) -> Result<OwnedFd, ConnectFailure> {
    let address = SocketAddrUnix::new(path).map_err(classify)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, NONBLOCKING, None);
    let socket = socket.map_err(classify)?;
    connect(&socket, &address).map_err(classify)?;
    Ok(socket)
}

fn connect_tcp(
    address: SocketAddr,
    options: ConnectOptions,
    source: Option<IpAddr>,
) -> Result<OwnedFd, ConnectFailure> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, NONBLOCKING, None).map_err(classify)?;
    if let Some(source) = source {
        // The port is chosen by the connect, so that one port serves several peers.
        let _ = set_bind_address_no_port(&socket);
        let source = SocketAddr::new(source, 0);
        bind(&socket, &source).map_err(classify)?;
    }
    // Where the system does not know one of these the connection is an ordinary one.
    if options.fast_open {
        let _ = set_fast_open_connect(&socket);
    }
    if options.has_early_data {
        let _ = set_tcp_quickack(&socket, false);
    }
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(classify(error)),
    }
}

/// Classifies an error of the system.
pub(crate) fn classify(error: Errno) -> ConnectFailure {
    ConnectFailure::from(&io::Error::from(error))
}

/// The range of local ports for outgoing connections.
#[derive(Debug, Clone)]
pub(crate) struct LocalPorts(RangeInclusive<u16>);

impl LocalPorts {
    /// The range of the system; all ports if it is unknown.
    pub(crate) fn of_system() -> Self {
        let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        Self(parse(&text.unwrap_or_default()).unwrap_or(0..=u16::MAX))
    }

    /// Whether a connect to this address could connect to itself: see [`is_self_connect`].
    pub(crate) fn may_self_connect(&self, address: SocketAddr) -> bool {
        address.ip().is_loopback() && self.0.contains(&address.port())
    }
}

/// Two numbers with white space between.
fn parse(range: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = range.trim().split_once(char::is_whitespace)?;
    Some(first.parse().ok()?..=last.trim().parse().ok()?)
}

/// Whether the socket is connected to itself. A dead port of this machine within the range of local ports may be chosen
/// as the local port of the very connection to it, which then succeeds: TCP's simultaneous open.
pub(crate) fn is_self_connect(socket: impl AsFd, address: SocketAddr) -> bool {
    getsockname(socket)
        .ok()
        .and_then(|local| SocketAddr::try_from(local).ok())
        .is_some_and(|local| local == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_this_machine_can_be_its_own_peer() {
        let ports = LocalPorts(parse("32768\t60999\n").unwrap());
        for (address, may) in [
            ("127.0.0.1:40000", true),
            ("[::1]:60999", true),
            ("127.0.0.1:9000", false),
            ("10.0.0.1:40000", false),
        ] {
            assert_eq!(
                ports.may_self_connect(address.parse().unwrap()),
                may,
                "{address}"
            );
        }
        assert_eq!(parse("what"), None);
        assert!(!LocalPorts::of_system().0.is_empty());
    }
}
