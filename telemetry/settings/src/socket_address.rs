//! `IP:PORT` as every program reads it.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use rustix::net::netdevice::name_to_index;

/// Reads `IP:PORT`, with an IPv6 address in brackets. A link-local address may name its interface, by number or by name:
/// `[fe80::1%eth0]:8404`. None for anything else, and for an interface that this machine does not have.
///
/// # Examples
///
/// ```
/// use netsocket_settings::parse_socket_address;
///
/// let by_name = parse_socket_address("[fe80::1%lo]:8404");
/// assert_eq!(by_name, parse_socket_address("[fe80::1%1]:8404"));
/// assert!(parse_socket_address("127.0.0.1:8404").is_some());
/// assert_eq!(parse_socket_address("localhost:8404"), None);
/// ```
#[must_use]
pub fn parse_socket_address(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| with_interface(text))
}

/// `[IP%NAME]:PORT`.
fn with_interface(text: &str) -> Option<SocketAddr> {
    let (ip, rest) = text.strip_prefix('[')?.split_once('%')?;
    let (name, port) = rest.split_once("]:")?;
    let ip: Ipv6Addr = ip.parse().ok()?;
    // `u16::from_str` would take a plus sign.
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits)?;
    // Any socket will do to ask with.
    let socket =
        UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).or_else(|_| UdpSocket::bind("127.0.0.1:0"));
    let scope = name_to_index(socket.ok()?, name).ok()?;
    Some(SocketAddrV6::new(ip, port, 0, scope).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_named_by_number_or_name() {
        let scope = |text: &str| match parse_socket_address(text) {
            Some(SocketAddr::V6(address)) => Some((address.ip().to_string(), address.scope_id())),
            _ => None,
        };
        assert_eq!(scope("[::1%lo]:5"), Some(("::1".to_owned(), 1)));
        assert_eq!(scope("[::1%1]:5"), Some(("::1".to_owned(), 1)));
        assert_eq!(scope("[::1]:5"), Some(("::1".to_owned(), 0)));
        for wrong in [
            "[::1%nosuch0]:5",
            "[::1%]:5",
            "[::1%lo]:",
            "[::1%lo]:+5",
            "[::1%lo]:65536",
            "[::1%lo]",
            "::1%lo:5",
            "[127.0.0.1%lo]:5",
            "localhost:5",
            "",
        ] {
            assert_eq!(parse_socket_address(wrong), None, "{wrong}");
        }
    }
}
