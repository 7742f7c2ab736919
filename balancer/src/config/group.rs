//! A group of backends behind a DNS name, as configured.

use std::fmt;

use crate::core::backend::Attributes;
use crate::core::group_member::could_be_member;

/// Backends behind a DNS name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Prefix of the names of its backends.
    pub name: String,
    /// The DNS query.
    pub question: Question,
    /// The role of each backend. With [`Question::Services`] the weights of the SRV records replace this weight.
    pub attributes: Attributes,
}

/// The DNS query of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The addresses of a host: each is a backend, all with this port.
    Addresses {
        /// The host name.
        host: String,
        /// The port of every backend.
        port: u16,
        /// Which addresses.
        family: IpFamily,
    },
    /// The servers of a service: its SRV records give the host, port, priority and weight of each.
    Services {
        /// The name of the service, such as `_files._tcp.example`.
        name: String,
        /// Which addresses of the servers.
        family: IpFamily,
    },
}

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpFamily {
    /// Those of both families.
    #[default]
    Any,
    /// IPv4: A records.
    V4,
    /// IPv6: AAAA records.
    V6,
}

impl IpFamily {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Any, Self::V4, Self::V6];

    /// The value of the key `ip_family`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

impl Question {
    /// The value of the key `resolve`.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Addresses { .. } => "dns",
            Self::Services { .. } => "srv",
        }
    }

    /// The value of the key `ip_family`.
    #[must_use]
    pub fn family(&self) -> IpFamily {
        match self {
            Self::Addresses { family, .. } | Self::Services { family, .. } => *family,
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Services { name, .. } => f.write_str(name),
        }
    }
}

impl Group {
    /// Which of the groups `old` this one was, if `new` are all there are now: the one of its name, or else one that asked
    /// the same and whose name is gone.
    #[must_use]
    pub(crate) fn before(&self, old: &[&Self], new: &[Self]) -> Option<usize> {
        let named = old.iter().position(|old| old.name == self.name);
        let renamed = |old: &&Self| {
            old.question == self.question && new.iter().all(|group| group.name != old.name)
        };
        named.or_else(|| old.iter().position(renamed))
    }

    /// Whether this name could clash with that of a backend of this group.
    #[must_use]
    pub fn could_have(&self, name: &str) -> bool {
        could_be_member(&self.name, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_members_could_have_are_told_from_others() {
        let group = Group {
            name: "files".into(),
            question: Question::Services {
                name: "x".into(),
                family: IpFamily::default(),
            },
            attributes: Attributes::default(),
        };
        for taken in ["files-10-0-0-7", "files-fd00--7-9000", "files-2"] {
            assert!(group.could_have(taken), "{taken}");
        }
        for free in ["files", "files2", "files-spare", "other-10-0-0-7"] {
            assert!(!group.could_have(free), "{free}");
        }
    }
}
