//! Where an admin HTTP is, an address of the network or a socket in the file system, and the way to it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// What stands before the path of a socket.
const UNIX: &str = "unix:";
/// The longest path of a socket, in bytes: `sun_path` of unix(7) without the zero behind it.
const MOST_PATH: usize = 107;

/// Where an admin HTTP listens: `IP:PORT` or `unix:/PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AdminAddress {
    /// An address of the network; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The absolute path of a unix socket.
    Unix(PathBuf),
}

/// A text that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", AdminAddress::FORM)]
pub struct NoAdminAddress;

impl AdminAddress {
    /// What an address is, for people.
    pub const FORM: &str = "IP:PORT, such as 127.0.0.1:8404 or [::1]:8404, or unix: and an absolute path of at most 107 bytes, \
         such as unix:/run/netsocket/balancer.sock";

    /// The path, where it is a socket in the file system.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(path) => Some(path),
        }
    }

    /// The address of the network, where it is one.
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

    /// Where to connect for what listens there.
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

    /// What a request calls the host.
    #[must_use]
    pub fn host(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Connects, within `limit` where that is a matter of a network.
    ///
    /// # Errors
    /// What the system says.
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
            return text.parse().map(Self::Tcp).map_err(|_| NoAdminAddress);
        };
        let fits = path.len() <= MOST_PATH && !path.contains('\0') && !path.ends_with('/');
        if fits && Path::new(path).is_absolute() {
            Ok(Self::Unix(path.into()))
        } else {
            Err(NoAdminAddress)
        }
    }
}

/// A connection to an admin HTTP.
#[derive(Debug)]
pub enum AdminStream {
    /// Over the network.
    Tcp(TcpStream),
    /// By a unix socket.
    Unix(UnixStream),
}

impl AdminStream {
    /// Bounds each read and each write.
    ///
    /// # Errors
    /// What the system says; a limit of zero is none.
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
        for text in ["127.0.0.1:8404", "[::1]:1", "unix:/run/x/balancer.sock"] {
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
