//! `HOST:PORT` as it is written in the settings.

use std::net::Ipv6Addr;

/// Splits `HOST:PORT`; an IPv6 address stands in brackets.
pub(super) fn host_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port
        .parse()
        .ok()
        .filter(|&port: &u16| digits && port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .filter(|inner| inner.parse::<Ipv6Addr>().is_ok())?,
        None => Some(host).filter(|host| is_host_name(host))?,
    };
    Some((host.to_owned(), port))
}

pub(super) fn is_host_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for (text, host, port) in [
            ("10.0.0.7:9000", "10.0.0.7", 9000),
            ("mirror-1.example:65535", "mirror-1.example", 65535),
            ("[::1]:1", "::1", 1),
        ] {
            assert_eq!(host_port(text), Some((host.to_owned(), port)), "{text}");
        }
        for text in [
            "",
            "host",
            "host:",
            ":1",
            "host:0",
            "host:65536",
            "host:+1",
            "::1:80",
            "[::1]",
            "[x]:1",
            "a b:1",
        ] {
            assert_eq!(host_port(text), None, "{text}");
        }
    }
}
