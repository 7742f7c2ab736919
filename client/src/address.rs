//! Where the service is: `HOST:PORT`.

use std::fmt;
use std::str::FromStr;

/// A host name or address and a port, not yet resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// The name or address, an IPv6 address without its brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

/// The text is no `HOST:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("HOST:PORT with a port from 1 to 65535, an IPv6 address in brackets")]
pub struct AddressError;

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(inner) => inner,
            // Without brackets nobody can tell the port from the last group.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read_and_shown_alike() {
        for text in ["127.0.0.1:8081", "files.example:1", "[::1]:65535"] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), text);
        }
        let address: ServerAddress = "[::1]:80".parse().unwrap();
        assert_eq!((address.host.as_str(), address.port), ("::1", 80));
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
        ] {
            assert_eq!(text.parse::<ServerAddress>(), Err(AddressError), "{text}");
        }
    }
}
