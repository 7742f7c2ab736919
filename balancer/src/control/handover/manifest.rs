//! The manifest that the old process passes to the new one: which descriptor is which socket, and the admin states of
//! backends.

use std::collections::BTreeMap;
use std::os::fd::RawFd;

use serde::{Deserialize, Serialize};

/// The environment variable that contains the manifest.
pub const VARIABLE: &str = "NETSOCKET_INHERITED";
/// What the new process writes once it serves. Anything else is the reason why it does not.
pub(super) const READY: &str = "ready\n";

/// The manifest, as JSON. The two processes may have different versions: unknown fields are ignored, and fields added
/// later must have a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) listen: InheritedSocket,
    /// Further sockets for clients.
    #[serde(default)]
    pub(crate) more_listen: Vec<InheritedSocket>,
    pub(crate) admin: InheritedSocket,
    /// The pipe for the answer.
    pub(crate) ready: RawFd,
    /// Restarts so far, this one included.
    #[serde(default)]
    pub(crate) restarts: u32,
    /// What operators want of backends, by name or `POOL/NAME`, where that is not `ready`.
    #[serde(default)]
    pub(crate) backends: BTreeMap<String, String>,
}

/// A listening socket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InheritedSocket {
    /// Its number.
    pub(crate) fd: RawFd,
    /// Whether it came from the service manager, whose address takes precedence over the settings.
    #[serde(default)]
    pub(crate) managed: bool,
    /// The name that the service manager gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The service that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
}

impl Manifest {
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let manifest = Manifest {
            listen: InheritedSocket {
                fd: 7,
                managed: true,
                name: Some("listen".to_owned()),
                service: Some("default".to_owned()),
            },
            more_listen: vec![InheritedSocket {
                fd: 10,
                managed: true,
                ..InheritedSocket::default()
            }],
            admin: InheritedSocket {
                fd: 8,
                ..InheritedSocket::default()
            },
            ready: 9,
            restarts: 3,
            backends: [("mirror1".to_owned(), "drain".to_owned())].into(),
        };
        assert_eq!(Manifest::read(&manifest.to_text()).unwrap(), manifest);
    }

    #[test]
    fn versions_may_differ_but_what_is_needed_is_there() {
        let text = r#"{"listen":{"fd":7,"of":"later"},"admin":{"fd":8},"ready":9,"later":[1]}"#;
        let manifest = Manifest::read(text).unwrap();
        assert_eq!((manifest.listen.fd, manifest.restarts), (7, 0));
        for wrong in [
            "",
            "{}",
            r#"{"listen":{"fd":7},"ready":9}"#,
            r#"{"listen":7,"admin":8,"ready":9}"#,
        ] {
            assert!(Manifest::read(wrong).is_err(), "{wrong}");
        }
    }
}
