//! Which process a record or an event comes from.

use serde::{Deserialize, Serialize};
use sysinfo::System;

use crate::names::UNKNOWN_HOST;

/// The kind of process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It relays clients to backends.
    Balancer,
    /// It serves files.
    Fileserver,
}

impl Role {
    /// The name in records and tags.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balancer => "balancer",
            Self::Fileserver => "fileserver",
        }
    }
}

/// Identifies a process. Two processes that run at the same time must differ in it, or their points overwrite each other.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::{Identity, Role};
///
/// let host = "box".to_owned();
/// let identity = Identity { host, ..Identity::new(Role::Fileserver, "mirror1") };
/// assert_eq!(identity.key(), "box/fileserver/mirror1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The host name of the machine.
    pub host: String,
    /// What the process is.
    pub role: Role,
    /// The process among those of its role on this host, for example a server's name or a listen address.
    pub instance: String,
}

impl Identity {
    /// An identity on this machine.
    pub fn new(role: Role, instance: impl Into<String>) -> Self {
        Self {
            host: host_name(),
            role,
            instance: instance.into(),
        }
    }

    /// The Kafka key of this process: records of one key keep their order.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.host, self.role.as_str(), self.instance)
    }
}

/// The name of this machine in tags.
pub(crate) fn host_name() -> String {
    System::host_name()
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| UNKNOWN_HOST.to_owned())
}
