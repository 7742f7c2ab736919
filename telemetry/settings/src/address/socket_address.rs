//! `IP:PORT` as every program reads it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use rustix::net::netdevice::name_to_index;

use crate::scalar::Scalar;

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

/// Whether the system lets only one of both be listened on. Whether `[::]` takes IPv4 as well is a setting of the machine, so this
/// leaves it to the start.
///
/// # Examples
///
/// ```
/// use netsocket_settings::addresses_overlap;
///
/// let everywhere = "0.0.0.0:9000".parse()?;
/// assert!(addresses_overlap(everywhere, "127.0.0.1:9000".parse()?));
/// assert!(!addresses_overlap(everywhere, "127.0.0.1:9404".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn addresses_overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_wildcard = one.ip().is_unspecified() || other.ip().is_unspecified();
    let same_host = one.ip() == other.ip() || is_wildcard && one.is_ipv4() == other.is_ipv4();
    // The system chooses port 0 anew each time.
    one.port() != 0 && one.port() == other.port() && same_host
}

/// What was probably meant by a text that is no `IP:PORT`: a port alone, as `:8404` or `*:8404` in the words of other programs,
/// is one of `any`; a URL is its host and port; and this machine has an address.
///
/// # Examples
///
/// ```
/// use netsocket_settings::meant_address;
///
/// let meant = |text| meant_address(text, "0.0.0.0");
/// assert_eq!(meant("*:8081").as_deref(), Some("0.0.0.0:8081"));
/// assert_eq!(meant("http://localhost:8404/").as_deref(), Some("127.0.0.1:8404"));
/// assert_eq!(meant("nowhere"), None);
/// ```
#[must_use]
pub fn meant_address(text: &str, any: &str) -> Option<String> {
    let (_, bare) = text.trim().split_once("://").unwrap_or(("", text.trim()));
    let bare = bare.trim_end_matches('/');
    let (host, port) = bare.rsplit_once(':').unwrap_or(("", bare));
    let host = match host {
        "" | "*" => any,
        "localhost" => "127.0.0.1",
        other => other,
    };
    let meant = format!("{host}:{port}");
    let is_one = parse_socket_address(&meant).is_some_and(|address| address.port() != 0);
    (is_one && meant != text).then_some(meant)
}

/// The form of an address, and what was probably meant where it is not kept; see [`meant_address`].
#[must_use]
pub fn address_form(form: &str, given: Option<&Scalar>, any: &str) -> String {
    match given.and_then(|given| meant_address(given.as_str(), any)) {
        Some(meant) => format!("{form}; did you mean {meant}?"),
        None if given.is_some_and(|it| it.as_str().parse::<IpAddr>().is_ok()) => {
            format!("{form}; the port is missing")
        }
        None => form.to_owned(),
    }
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
    fn what_other_programs_take_leads_to_an_address() {
        for (text, meant) in [
            (":8404", Some("0.0.0.0:8404")),
            ("*:8404", Some("0.0.0.0:8404")),
            ("8404", Some("0.0.0.0:8404")),
            ("localhost:1", Some("127.0.0.1:1")),
            ("http://127.0.0.1:8404/", Some("127.0.0.1:8404")),
            ("tcp://[::1]:1", Some("[::1]:1")),
            ("", None),
            ("0", None),
            ("127.0.0.1", None),
            ("99999", None),
            ("lb.example:1", None),
        ] {
            assert_eq!(meant_address(text, "0.0.0.0").as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn an_address_alone_lacks_its_port() {
        let said = |text: &str| address_form("IP:PORT", Some(&text.into()), "127.0.0.1");
        assert_eq!(said("127.0.0.1"), "IP:PORT; the port is missing");
        assert_eq!(said("nowhere"), "IP:PORT");
    }

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
