//! The address for clients: whether it is free, and whether other machines can read there what a file server serves.

use std::net::{IpAddr, SocketAddr};

use netsocket_settings::{Check, addresses_overlap};

use super::settings::Config;

/// Whether the address for clients is free, and meant for everybody.
pub(super) fn judge_address(check: &mut Check, listen: SocketAddr, config: &Config) {
    if let Some(admin) = config
        .admin
        .filter(|admin| addresses_overlap(*admin, listen))
    {
        let allowed = format!("another address: this file server listens for clients on {listen}");
        check.problem("admin", admin, allowed);
    }
    let files = &config.credentials;
    let (tls, tokens) = (files.certificate.is_some(), files.tokens.is_some());
    if let Some(said) = exposed(listen.ip(), tls, tokens) {
        check.doubt("listen", listen, said);
    }
}

/// Why the address is exposed to other machines; nothing if it is protected or on loopback.
pub(crate) fn exposed(address: IpAddr, tls: bool, tokens: bool) -> Option<&'static str> {
    match (address.to_canonical().is_loopback(), tls, tokens) {
        (true, ..) | (_, true, _) => None,
        (false, false, true) => Some(
            "tokens and files cross the network unencrypted: set tls_certificate, or listen on loopback",
        ),
        (false, false, false) => Some(
            "anyone who can reach this address can read all files, and files cross the network unencrypted: set \
             tls_certificate and tls_client_ca or token_file, or listen on loopback",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_can_reach_is_exposed() {
        let said = |address: &str, tls, tokens| exposed(address.parse().unwrap(), tls, tokens);
        for loopback in ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(said(loopback, false, false), None);
        }
        for reachable in ["0.0.0.0", "192.0.2.1", "::", "2001:db8::1"] {
            assert!(said(reachable, false, false).is_some_and(|said| said.contains("all files")));
            assert!(said(reachable, false, true).is_some_and(|said| said.contains("tokens")));
            assert_eq!(said(reachable, true, false), None);
            assert_eq!(said(reachable, true, true), None);
        }
    }
}
