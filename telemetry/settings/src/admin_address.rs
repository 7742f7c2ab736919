//! The address of an admin HTTP server, a TCP address or a Unix socket, and how to connect to it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::socket_address::parse_socket_address;

/// The prefix of a socket path.
const UNIX: &str = "unix:";
/// The longest socket path in bytes: `sun_path` of unix(7) without the terminating zero.
const MOST_PATH: usize = 107;

/// Where an admin HTTP server listens: `IP:PORT` or `unix:/PATH`.
///
/// # Examples
///
/// ```
/// use netsocket_settings::AdminAddress;
///
/// let everywhere: AdminAddress = "0.0.0.0:8404".parse()?;
/// assert!(!everywhere.is_local());
/// assert_eq!(everywhere.reachable().to_string(), "127.0.0.1:8404");
///
/// let socket: AdminAddress = "unix:/run/netsocket/balancer.sock".parse()?;
/// assert!(socket.is_local() && socket.tcp().is_none());
/// assert!("unix:balancer.sock".parse::<AdminAddress>().is_err());
/// # Ok::<(), netsocket_settings::NoAdminAddress>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AdminAddress {
    /// A TCP address; with port 0 the system chooses one.
    Tcp(SocketAddr),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

/// The text is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", AdminAddress::FORM)]
pub struct NoAdminAddress;

impl AdminAddress {
    /// The form of an address, for messages.
    pub const FORM: &str = "IP:PORT, such as 127.0.0.1:8404 or [::1]:8404, or unix: and an absolute path of at most 107 bytes, \
         such as unix:/run/netsocket/balancer.sock";

    /// The path, if it is a Unix socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(path) => Some(path),
        }
    }

    /// The TCP address, if it is one.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.tcp()
            .is_none_or(|address| address.ip().to_canonical().is_loopback())
    }

    /// The address to connect to in order to reach a server that listens there.
    #[must_use]
    pub fn reachable(&self) -> Self {
        let Self::Tcp(listens) = self else {
            return self.clone();
        };
        let ip = match listens.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Self::Tcp(SocketAddr::new(ip, listens.port()))
    }

    /// The value of a request's `Host` header.
    #[must_use]
    pub fn host(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Connects; a TCP connect gives up after `limit`.
    ///
    /// # Errors
    /// The system's error.
    pub fn connect(&self, limit: Duration) -> io::Result<AdminStream> {
        match self {
            Self::Tcp(address) => TcpStream::connect_timeout(address, limit).map(AdminStream::Tcp),
            Self::Unix(path) => UnixStream::connect(path).map(AdminStream::Unix),
        }
    }
}

impl From<SocketAddr> for AdminAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for AdminAddress {
    fn from(address: (I, u16)) -> Self {
        Self::Tcp(address.into())
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl FromStr for AdminAddress {
    type Err = NoAdminAddress;

    fn from_str(text: &str) -> Result<Self, NoAdminAddress> {
        let Some(path) = text.strip_prefix(UNIX) else {
            return parse_socket_address(text)
                .map(Self::Tcp)
                .ok_or(NoAdminAddress);
        };
        let fits = path.len() <= MOST_PATH && !path.contains('\0') && !path.ends_with('/');
        if fits && Path::new(path).is_absolute() {
            Ok(Self::Unix(path.into()))
        } else {
            Err(NoAdminAddress)
        }
    }
}

/// A connection to an admin HTTP server.
#[derive(Debug)]
pub enum AdminStream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

impl AdminStream {
    /// Sets a timeout for each read and each write.
    ///
    /// # Errors
    /// The system's error; a limit of zero is refused.
    pub fn set_timeouts(&self, limit: Duration) -> io::Result<()> {
        let limit = Some(limit);
        match self {
            Self::Tcp(stream) => {
                stream.set_read_timeout(limit)?;
                stream.set_write_timeout(limit)
            }
            Self::Unix(stream) => {
                stream.set_read_timeout(limit)?;
                stream.set_write_timeout(limit)
            }
        }
    }
}

impl Read for AdminStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for AdminStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Unix(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_it_is_written() {
        for text in [
            "127.0.0.1:8404",
            "[::1]:1",
            "[::1%1]:1",
            "unix:/run/x/balancer.sock",
        ] {
            let address: AdminAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let longest = format!("unix:/{}", "x".repeat(106));
        assert!(longest.parse::<AdminAddress>().is_ok());
        let too_long = longest + "x";
        for wrong in [
            "",
            "x",
            "8404",
            "host:1",
            "unix:",
            "unix:x",
            "unix:./x",
            "unix:/",
            "/run/x",
            "unix:/a\0",
            &too_long,
        ] {
            assert_eq!(
                wrong.parse::<AdminAddress>(),
                Err(NoAdminAddress),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_this_machine() {
        for (listens, reached, local) in [
            ("0.0.0.0:8404", "127.0.0.1:8404", true),
            ("[::]:8404", "[::1]:8404", true),
            ("10.0.0.5:1", "10.0.0.5:1", false),
            ("unix:/x", "unix:/x", true),
        ] {
            let address = listens.parse::<AdminAddress>().unwrap().reachable();
            assert_eq!(
                (address.to_string().as_str(), address.is_local()),
                (reached, local)
            );
        }
    }
}
