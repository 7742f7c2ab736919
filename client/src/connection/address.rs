//! Addresses of the service: `HOST:PORT`, or a list.
//!
//! # Examples
//!
//! ```
//! use netsocket_client::connection::address::Servers;
//!
//! let servers: Servers = "files.example:8081, [::1]:8081".parse()?;
//! let order: Vec<String> = servers.round_from(1).map(|(_, server)| server.to_string()).collect();
//! assert_eq!(order, ["[::1]:8081", "files.example:8081"]);
//! assert!("files.example".parse::<Servers>().is_err());
//! # Ok::<(), netsocket_client::connection::address::ServersError>(())
//! ```

use std::fmt;
use std::str::FromStr;

/// A host name or IP address and a port, not resolved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// The name or address; an IPv6 address without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

/// The text is not a `HOST:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("HOST:PORT with a port from 1 to 65535, an IPv6 address in brackets")]
pub struct AddressError;

impl FromStr for ServerAddress {
    type Err = AddressError;

    /// Takes `http://HOST:PORT/` as well, which can mean nothing else.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = match text.strip_prefix("http://") {
            Some(address) => address.strip_suffix('/').unwrap_or(address),
            None => text,
        };
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(inner) => inner,
            // Without brackets, the port cannot be told from the last group of the address.
            None if host.contains(':') => return Err(AddressError),
            None => host,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(AddressError);
        }
        // `u16::from_str` would take a plus sign.
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AddressError);
        }
        match port.parse() {
            Ok(port) if port > 0 => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(AddressError),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The address in a URL, or of a host whose port is missing; `None` if there is nothing to mend.
pub(crate) fn meant(text: &str, port: u16) -> Option<ServerAddress> {
    let address = text.split_once("://").map_or(text, |(_, address)| address);
    let (address, _) = address.split_once('/').unwrap_or((address, ""));
    let (_, address) = address.rsplit_once('@').unwrap_or(("", address));
    // Who types a port alone means this machine.
    if !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("127.0.0.1:{address}").parse().ok();
    }
    let with_port = || match address.parse::<std::net::Ipv6Addr>() {
        Ok(host) => format!("[{host}]:{port}"),
        Err(_) => format!("{}:{port}", address.trim_end_matches(':')),
    };
    let server: ServerAddress = address.parse().or_else(|_| with_port().parse()).ok()?;
    (text.parse().as_ref() != Ok(&server) && !text.contains(',')).then_some(server)
}

/// The addresses to try, in order; at least one, without duplicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers(Vec<ServerAddress>);

impl Servers {
    /// The number of addresses, at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// All addresses, starting at index `first` and wrapping around.
    pub fn round_from(&self, first: usize) -> impl Iterator<Item = (usize, &ServerAddress)> {
        let count = self.0.len();
        let numbered = self.0.iter().enumerate();
        numbered.cycle().skip(first % count.max(1)).take(count)
    }
}

impl From<ServerAddress> for Servers {
    fn from(server: ServerAddress) -> Self {
        Self(vec![server])
    }
}

/// The text is not a list of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{AddressError}; several with commas between them, each once")]
pub struct ServersError;

impl FromStr for Servers {
    type Err = ServersError;

    fn from_str(text: &str) -> Result<Self, ServersError> {
        let mut servers: Vec<ServerAddress> = Vec::new();
        for part in text.split(',') {
            let server = part.trim().parse().map_err(|_| ServersError)?;
            if servers.contains(&server) {
                return Err(ServersError);
            }
            servers.push(server);
        }
        Ok(Self(servers))
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, server) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            write!(f, "{server}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_tried_round_from_any_of_them() {
        let servers: Servers = "a:1, b:2,[::1]:3".parse().unwrap();
        assert_eq!(servers.to_string(), "a:1,b:2,[::1]:3");
        let round = |first| {
            let round = servers.round_from(first);
            round.map(|(number, _)| number).collect::<Vec<_>>()
        };
        assert_eq!(round(0), [0, 1, 2]);
        assert_eq!(round(2), [2, 0, 1]);
        assert_eq!(round(7), [1, 2, 0]);
        assert_eq!(servers.round_from(1).next().unwrap().1.host, "b");
    }

    #[test]
    fn a_list_with_a_gap_or_a_repetition_is_refused() {
        for text in ["", ",", "a:1,", "a:1,,b:2", "a:1,a:1", "a:1 b:2"] {
            assert_eq!(text.parse::<Servers>(), Err(ServersError), "{text}");
        }
    }

    #[test]
    fn a_url_without_a_path_is_an_address() {
        for (text, server) in [
            ("http://127.0.0.1:8081", "127.0.0.1:8081"),
            ("http://files.example:80/", "files.example:80"),
            ("http://[::1]:8081/", "[::1]:8081"),
        ] {
            let address: ServerAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), server);
        }
        assert_eq!(
            "http://a:1,http://b:2/".parse::<Servers>().unwrap().count(),
            2
        );
    }

    #[test]
    fn names_and_addresses_are_read_and_shown_alike() {
        for text in ["127.0.0.1:8081", "files.example:1", "[::1]:65535"] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), text);
        }
        let address: ServerAddress = "[::1]:80".parse().unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 80));
    }

    #[test]
    fn what_was_meant_is_an_address() {
        for (text, server) in [
            ("127.0.0.1", Some("127.0.0.1:8081")),
            ("files.example:", Some("files.example:8081")),
            ("8082", Some("127.0.0.1:8082")),
            ("http://127.0.0.1", Some("127.0.0.1:8081")),
            ("http://127.0.0.1:8081/music/", Some("127.0.0.1:8081")),
            ("https://127.0.0.1:8443/", Some("127.0.0.1:8443")),
            ("http://127.0.0.1:8081/", None),
            ("sftp://ada@files.example/music", Some("files.example:8081")),
            ("::1", Some("[::1]:8081")),
            ("https://[::1]", Some("[::1]:8081")),
            ("files.example:1", None),
            ("files.example:99999", None),
            ("a:1,b", None),
            ("", None),
        ] {
            let meant = meant(text, 8081).map(|server| server.to_string());
            assert_eq!(meant.as_deref(), server, "{text}");
        }
    }

    #[test]
    fn the_rest_is_refused() {
        for text in [
            "",
            "host",
            "host:",
            ":80",
            "host:0",
            "host:65536",
            "host:+1",
            "::1:80",
            "a b:1",
            "[]:1",
            "http://",
            "http:///",
            "http://a:1//",
            "http://http://a:1",
            "https://a:1",
            "a:1/",
        ] {
            assert_eq!(text.parse::<ServerAddress>(), Err(AddressError), "{text}");
        }
    }
}
