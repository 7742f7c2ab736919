//! What is wrong with the address of a backend, where that can be told.

use std::net::{IpAddr, Ipv6Addr};

use super::host_port::{host_port, is_host_name};
use super::name::is_name;

/// The end of a sentence about `NAME=HOST:PORT`; empty where nothing can be told.
pub(super) fn fault(text: &str) -> String {
    let said = match text.split_once('=') {
        None if host_port(text).is_some() => {
            Some(format!("the name is missing, as in mirror1={text}"))
        }
        None => None,
        Some((name, _)) if !is_name(name) => None,
        Some((name, address)) => address_fault_of(address, &format!("{name}=")),
    };
    said.map(|said| format!("; {said}")).unwrap_or_default()
}

/// What is wrong with `HOST:PORT`.
pub(super) fn address_fault(text: &str) -> Option<String> {
    address_fault_of(text, "")
}

fn address_fault_of(text: &str, before: &str) -> Option<String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.trim_end_matches('/');
        return Some(match host_port(rest) {
            Some(_) => format!("did you mean {before}{rest}?"),
            None => format!("without {scheme}://, and with a port"),
        });
    }
    let is_v6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    if let Some((host, port)) = text.rsplit_once(':')
        && is_v6(host)
    {
        let bracketed = format!("[{host}]:{port}");
        if host_port(&bracketed).is_some() {
            return Some(format!(
                "an IPv6 address stands in brackets; did you mean {before}{bracketed}?"
            ));
        }
    }
    let inner = text.trim_start_matches('[').trim_end_matches([']', ':']);
    if is_v6(text) || text.starts_with('[') && is_v6(inner) {
        return Some(format!("the port is missing, as in {before}[{inner}]:9000"));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let is_host = host.parse::<IpAddr>().is_ok() || is_host_name(host);
    match (is_host, port) {
        (false, _) => None,
        (true, "") => Some(format!("the port is missing, as in {before}{host}:9000")),
        (true, _) => Some("a port is from 1 to 65535".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told() {
        for (text, said) in [
            ("e=http://1.1.1.1:80/", "; did you mean e=1.1.1.1:80?"),
            ("e=http://one", "; without http://, and with a port"),
            (
                "y=127.0.0.1",
                "; the port is missing, as in y=127.0.0.1:9000",
            ),
            ("y=host:", "; the port is missing, as in y=host:9000"),
            (
                "c=::1:9000",
                "; an IPv6 address stands in brackets; did you mean c=[::1]:9000?",
            ),
            ("c=[::1]", "; the port is missing, as in c=[::1]:9000"),
            ("c=::1", "; the port is missing, as in c=[::1]:9000"),
            ("a=h:0", "; a port is from 1 to 65535"),
            ("a=h:http", "; a port is from 1 to 65535"),
            (
                "10.0.0.7:80",
                "; the name is missing, as in mirror1=10.0.0.7:80",
            ),
            ("a b", ""),
            ("a b=h:1", ""),
            ("a=", ""),
        ] {
            assert_eq!(fault(text), said, "{text}");
        }
    }
}
