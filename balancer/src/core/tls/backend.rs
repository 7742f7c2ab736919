//! How the backends of a pool are reached within TLS.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use netsocket_settings::AdminAddress;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::core::group_member::could_be_member;

/// How the backends of a pool are reached within TLS: judged settings, with the certificates and keys that they name.
pub struct BackendTls {
    pub(crate) config: Arc<ClientConfig>,
    /// The name that every backend's certificate must be for; `None`: its own.
    pub(crate) server_name: Option<ServerName<'static>>,
    /// The names of backends, by what they are called, and of groups of them.
    pub(crate) hosts: Vec<Host>,
    /// Protocols that are offered; empty: the one that the client has agreed on, if any.
    pub(crate) alpn: Vec<Vec<u8>>,
    /// Whether health checks use TLS as well.
    pub(crate) checks: bool,
    /// The settings, and a digest of what is in their files.
    pub(crate) given: String,
}

/// The host of a backend, or of a group of backends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// What the backend is called, or the group.
    pub(crate) called: String,
    pub(crate) is_group: bool,
    pub(crate) name: ServerName<'static>,
}

impl BackendTls {
    /// The name that the certificate of a backend must be for.
    pub(crate) fn name_of(&self, called: &str, address: &AdminAddress) -> ServerName<'static> {
        if let Some(name) = &self.server_name {
            return name.clone();
        }
        let own = |host: &&Host| !host.is_group && host.called == called;
        let of_group = |host: &&Host| host.is_group && could_be_member(&host.called, called);
        let mut hosts = self.hosts.iter();
        let known = self.hosts.iter().find(own).or_else(|| hosts.find(of_group));
        // Behind a unix socket is this machine.
        let ip = address
            .tcp()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |it| it.ip());
        known.map_or_else(|| ip.into(), |host| host.name.clone())
    }

    /// What is offered to a backend, for a client that has agreed on `protocol`.
    pub(crate) fn offered(&self, protocol: Option<&[u8]>) -> Vec<Vec<u8>> {
        match protocol {
            Some(protocol) if self.alpn.is_empty() => vec![protocol.to_vec()],
            _ => self.alpn.clone(),
        }
    }
}

impl fmt::Debug for BackendTls {
    /// Without keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl PartialEq for BackendTls {
    /// Whether settings and files say the same.
    fn eq(&self, other: &Self) -> bool {
        self.given == other.given && self.hosts == other.hosts
    }
}

#[cfg(test)]
mod tests {
    use netsocket_credentials::client_config;
    use rustls::RootCertStore;

    use super::*;

    #[test]
    fn each_backend_has_its_name() {
        let config = client_config()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let host = |called: &str, is_group, name: &str| Host {
            called: called.to_owned(),
            is_group,
            name: ServerName::try_from(name.to_owned()).unwrap(),
        };
        let mut tls = BackendTls {
            config: Arc::new(config),
            server_name: None,
            hosts: vec![
                host("a", false, "a.test"),
                host("g", true, "group.test"),
                host("g-1", false, "one.test"),
            ],
            alpn: Vec::new(),
            checks: true,
            given: String::new(),
        };
        let address: AdminAddress = "10.0.0.1:443".parse().unwrap();
        let name = |tls: &BackendTls, called| match tls.name_of(called, &address) {
            ServerName::DnsName(name) => name.as_ref().to_owned(),
            _ => "an address".to_owned(),
        };
        let asked = ["a", "g-1", "g-10-0-0-1", "g-eu-10-0-0-1", "g", "other"];
        let names = asked.map(|called| name(&tls, called));
        assert_eq!(
            names,
            [
                "a.test",
                "one.test",
                "group.test",
                // A member of another group, whose name only begins alike.
                "an address",
                "an address",
                "an address"
            ]
        );
        assert_eq!(tls.offered(None), Vec::<Vec<u8>>::new());
        assert_eq!(tls.offered(Some(b"h2")), [b"h2"]);
        tls.alpn = vec![b"x".to_vec()];
        assert_eq!(tls.offered(Some(b"h2")), [b"x"]);
        tls.server_name = Some("all.test".try_into().unwrap());
        assert_eq!(name(&tls, "a"), "all.test");
    }
}
