//! Where a command finds a running program: its admin address, or a host name that has still to be resolved.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::Duration;

use super::admin_address::{AdminAddress, AdminStream};
use super::socket_address::meant_address;

/// The port of a balancer's admin HTTP where nothing else is said.
const DEFAULT_PORT: u16 = 8404;

/// A place to connect to, as `--admin` names it for a command: what an [`AdminAddress`] is, or `NAME:PORT`; also as the URL of
/// its page.
///
/// # Examples
///
/// ```
/// use netsocket_settings::AdminTarget;
///
/// let named: AdminTarget = "localhost:8404".parse()?;
/// assert!(matches!(named, AdminTarget::Named(_)));
/// // What listens everywhere is reached on this machine.
/// let known: AdminTarget = "0.0.0.0:8404".parse()?;
/// assert_eq!(known.to_string(), "127.0.0.1:8404");
/// // As it stands in a browser.
/// let pasted: AdminTarget = "http://127.0.0.1:8404/".parse()?;
/// assert_eq!(pasted, known);
/// assert!("localhost".parse::<AdminTarget>().is_err());
/// # Ok::<(), netsocket_settings::NoAdminTarget>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminTarget {
    /// An address or a socket.
    Known(AdminAddress),
    /// `NAME:PORT`.
    Named(String),
}

/// The text is neither; perhaps what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAdminTarget {
    meant: Option<String>,
}

impl fmt::Display for NoAdminTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NAME:PORT, or {}", AdminAddress::FORM)?;
        match &self.meant {
            Some(meant) => write!(f, "; did you mean {meant}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NoAdminTarget {}

impl NoAdminTarget {
    /// Of a text that is not understood.
    fn new(text: &str) -> Self {
        let meant = match text
            .strip_prefix("https://")
            .map(|it| it.trim_end_matches('/'))
        {
            Some(rest) => understood(rest).map(|_| format!("{rest} with --ca-file FILE")),
            None => {
                let with_port = || format!("{}:{DEFAULT_PORT}", bare(text));
                let meant = meant_address(text, "127.0.0.1").unwrap_or_else(with_port);
                understood(&meant).map(|_| meant)
            }
        };
        Self { meant }
    }
}

/// A URL without its scheme and the slash at its end; any other text as it is.
fn bare(text: &str) -> &str {
    let rest = text.strip_prefix("http://");
    rest.map_or(text, |rest| rest.strip_suffix('/').unwrap_or(rest))
}

impl AdminTarget {
    /// What the flag `--admin` says, if it can be understood. Nothing else of the settings is needed then, so none of it can
    /// be wrong; and it may be a name, on which no program listens.
    #[must_use]
    pub fn given(flag: Option<&str>) -> Option<Self> {
        flag?.parse().ok()
    }

    /// Whether it is certainly on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Known(address) if address.is_local())
    }

    /// The value of a request's `Host` header.
    #[must_use]
    pub fn host(&self) -> String {
        match self {
            Self::Known(address) => address.host(),
            Self::Named(name) => name.clone(),
        }
    }

    /// Every address that it has.
    ///
    /// # Errors
    /// The name cannot be resolved.
    pub fn addresses(&self) -> io::Result<Vec<AdminAddress>> {
        match self {
            Self::Known(address) => Ok(vec![address.clone()]),
            Self::Named(name) => Ok(name.to_socket_addrs()?.map(AdminAddress::Tcp).collect()),
        }
    }

    /// Connects to the first of its addresses that accepts; each TCP connect gives up after `limit`.
    ///
    /// # Errors
    /// That of the last address, or of the resolver.
    pub fn connect(&self, limit: Duration) -> io::Result<AdminStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address has that name");
        for address in self.addresses()? {
            match address.connect(limit) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl From<AdminAddress> for AdminTarget {
    /// The way to what listens there.
    fn from(listens: AdminAddress) -> Self {
        Self::Known(listens.reachable())
    }
}

impl From<SocketAddr> for AdminTarget {
    fn from(listens: SocketAddr) -> Self {
        AdminAddress::from(listens).into()
    }
}

impl fmt::Display for AdminTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(address) => address.fmt(f),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl FromStr for AdminTarget {
    type Err = NoAdminTarget;

    fn from_str(text: &str) -> Result<Self, NoAdminTarget> {
        understood(text).ok_or_else(|| NoAdminTarget::new(text))
    }
}

fn understood(text: &str) -> Option<AdminTarget> {
    let text = bare(text);
    if let Ok(address) = text.parse::<AdminAddress>() {
        return Some(address.into());
    }
    let (name, port) = text.rsplit_once(':')?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    // Four numbers that are no address are a mistake, not a name.
    let named = !name.is_empty()
        && name.bytes().all(sound)
        && !name
            .split('.')
            .all(|part| !part.is_empty() && numeric(part));
    let ported = numeric(port) && port.parse::<u16>().is_ok_and(|port| port != 0);
    (named && ported).then(|| AdminTarget::Named(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_told_apart() {
        let known = |text: &str| match text.parse() {
            Ok(AdminTarget::Known(address)) => Some(address.to_string()),
            _ => None,
        };
        assert_eq!(known("[::]:1").as_deref(), Some("[::1]:1"));
        assert_eq!(known("unix:/x").as_deref(), Some("unix:/x"));
        assert!(known("[::1%lo]:1").is_some());
        for named in ["localhost:8404", "lb-1.example.:1", "a_b:65535"] {
            assert_eq!(named.parse(), Ok(AdminTarget::Named(named.to_owned())));
        }
        for wrong in [
            "",
            ":1",
            "localhost",
            "localhost:",
            "localhost:0",
            "localhost:+1",
            "a:65536",
            "a b:1",
            "unix:x",
            "127.0.0:1",
            "999.0.0.1:1",
            "[::1%nosuch0]:1",
            "http://a:1/metrics",
            "http://",
        ] {
            assert!(wrong.parse::<AdminTarget>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_pasted_is_taken_or_put_right() {
        for (given, meant) in [
            ("http://127.0.0.1:8404", "127.0.0.1:8404"),
            ("http://localhost:1/", "localhost:1"),
            ("http://[::1]:8404/", "[::1]:8404"),
        ] {
            assert_eq!(given.parse::<AdminTarget>(), meant.parse(), "{given}");
        }
        for (given, meant) in [
            (":8404", Some("127.0.0.1:8404")),
            ("9000", Some("127.0.0.1:9000")),
            ("localhost", Some("localhost:8404")),
            ("127.0.0.1", Some("127.0.0.1:8404")),
            ("http://lb.example/", Some("lb.example:8404")),
            (
                "https://lb.example:8404/",
                Some("lb.example:8404 with --ca-file FILE"),
            ),
            ("", None),
            ("a b", None),
            ("localhost:", None),
            ("unix:x", None),
        ] {
            let said = given.parse::<AdminTarget>().unwrap_err().to_string();
            let told = said
                .split_once("; did you mean ")
                .map(|it| it.1.trim_end_matches('?'));
            assert_eq!(told, meant, "{given}");
        }
    }
}
