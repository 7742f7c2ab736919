//! Addresses that clients connect to, and options of their sockets.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use netsocket_settings::{
    AdminAddress, Check, Scalar, address_form, addresses_overlap, parse_socket_address,
};

use super::keepalive::Keepalive;
use super::name::is_name;

const FORM: &str =
    "IP:PORT, such as 127.0.0.1:8081 or [::1]:8081; unix:/PATH; or fd:NAME, a socket from systemd";

/// Address that clients connect to.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8081);
/// Options of the listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListenOptions {
    /// Deferred accept: hand over a connection only when the client has sent something.
    pub defer_accept: bool,
    /// TCP fast open: accept a client's first bytes with its first packet.
    pub fast_open: bool,
    /// Keepalive, also for connections to backends.
    pub keepalive: Keepalive,
}

/// One address that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenAddress {
    /// An IP address; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
    /// The name of a socket that the service manager has bound.
    Named(String),
}

impl FromStr for ListenAddress {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        if let Some(name) = text.strip_prefix("fd:") {
            return if is_name(name) {
                Ok(Self::Named(name.to_owned()))
            } else {
                Err(ListenError)
            };
        }
        if text.starts_with("unix:") {
            return match text.parse() {
                Ok(AdminAddress::Unix(path)) => Ok(Self::Unix(path)),
                _ => Err(ListenError),
            };
        }
        parse_socket_address(text).map(Self::Tcp).ok_or(ListenError)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Named(name) => write!(f, "fd:{name}"),
        }
    }
}

/// A text that is not an address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{FORM}")]
pub struct ListenError;

/// All addresses of one service, in the order given, each once.
///
/// # Examples
///
/// ```
/// use netsocket_balancer::Listen;
///
/// let both: Listen = "127.0.0.1:8081,[::1]:8081".parse()?;
/// assert_eq!(both.addresses().len(), 2);
/// let one = Listen::from(([127, 0, 0, 1], 0));
/// assert_eq!(one.to_string(), "127.0.0.1:0");
/// assert!("localhost".parse::<Listen>().is_err());
/// # Ok::<(), netsocket_balancer::ListenError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listen(Vec<ListenAddress>);

impl Listen {
    /// Whether one of them is a socket that the service manager has bound.
    pub(super) fn has_named(&self) -> bool {
        let is_named = |address: &ListenAddress| matches!(address, ListenAddress::Named(_));
        self.0.iter().any(is_named)
    }

    /// The addresses.
    #[must_use]
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.0
    }
}

impl From<Vec<ListenAddress>> for Listen {
    fn from(addresses: Vec<ListenAddress>) -> Self {
        Self(addresses)
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self(vec![ListenAddress::Tcp(address)])
    }
}

impl From<([u8; 4], u16)> for Listen {
    fn from(address: ([u8; 4], u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    /// Addresses with commas between.
    fn from_str(text: &str) -> Result<Self, ListenError> {
        let each = text.split(',').map(|one| one.trim().parse());
        each.collect::<Result<Vec<_>, _>>().map(Self)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{address}")?;
        }
        Ok(())
    }
}

/// The key `listen` in any of its forms. Wrong forms are taken in as well, to be reported with all other problems.
#[derive(Debug)]
pub(super) enum RawListen {
    /// One address, or several with commas between.
    Text(Scalar),
    List(Vec<Scalar>),
    Other,
}

/// Judges the key; `None` where nothing is said.
pub(super) fn read(check: &mut Check, raw: Option<&RawListen>) -> Option<Listen> {
    let texts: Vec<(String, &str)> = match raw? {
        RawListen::Other => {
            check.problem_at("listen", format!("a text, or a list of texts: {FORM}"));
            return None;
        }
        RawListen::Text(text) if !text.as_str().contains(',') => {
            vec![("listen".to_owned(), text.as_str())]
        }
        RawListen::Text(text) => numbered(text.as_str().split(',').map(str::trim)),
        RawListen::List(list) if list.is_empty() => {
            check.problem_at("listen", "at least one address");
            return None;
        }
        RawListen::List(list) => numbered(list.iter().map(Scalar::as_str)),
    };
    let mut addresses = Vec::new();
    for (key, text) in texts {
        match text.parse::<ListenAddress>() {
            Ok(address) if addresses.iter().any(|other| overlap(other, &address)) => {
                check.problem(&key, text, "an address may be used only once");
            }
            Ok(address) => {
                if let ListenAddress::Unix(path) = &address {
                    check.file_place(&key, text, path);
                }
                addresses.push(address);
            }
            Err(ListenError) => {
                let form = address_form(FORM, Some(&text.into()), "0.0.0.0");
                check.problem(&key, text, form);
            }
        }
    }
    Some(Listen(addresses))
}

fn numbered<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<(String, &'a str)> {
    let texts = texts.enumerate();
    texts
        .map(|(index, text)| (format!("listen[{index}]"), text))
        .collect()
}

/// Whether the system lets only one of both be listened on.
pub(super) fn overlap(one: &ListenAddress, other: &ListenAddress) -> bool {
    let (ListenAddress::Tcp(first), ListenAddress::Tcp(second)) = (one, other) else {
        return one == other;
    };
    addresses_overlap(*first, *second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_takes_the_addresses_of_its_family() {
        for (one, other, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("127.0.0.1:1", "0.0.0.0:1", true),
            ("0.0.0.0:1", "0.0.0.0:2", false),
            ("[::]:1", "[::1]:1", true),
            ("[::]:1", "127.0.0.1:1", false),
            ("0.0.0.0:0", "0.0.0.0:0", false),
            ("unix:/x", "unix:/x", true),
            ("unix:/x", "fd:x", false),
        ] {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(overlap(&one, &other), expected, "{one} {other}");
            assert_eq!(overlap(&other, &one), expected, "{other} {one}");
        }
    }

    #[test]
    fn every_kind_of_address_is_shown_as_it_is_written() {
        for text in [
            "127.0.0.1:8081",
            "[::1]:8081",
            "unix:/run/x.sock",
            "fd:web.socket",
            "127.0.0.1:1,unix:/x,fd:y",
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "x",
            "unix:x",
            "unix:",
            "fd:",
            "fd:a b",
            "127.0.0.1",
            "1.2.3.4:1,",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
