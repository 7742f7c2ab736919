//! A group of backends as it is set.

use std::fmt;

use crate::core::backend::Attributes;

/// Backends behind a name in DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// With what the names of its members begin.
    pub name: String,
    /// What is asked.
    pub question: Question,
    /// The part of every member. With [`Question::Services`] the weights of the records take the place of this one.
    pub attributes: Attributes,
}

/// What is asked about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The addresses of a host: each is a member, all with this port.
    Addresses {
        /// The host's name.
        host: String,
        /// The port of every member.
        port: u16,
    },
    /// The servers of a service: its SRV records say host, port, priority and weight of each.
    Services {
        /// The name of the service, such as `_files._tcp.example`.
        name: String,
    },
}

impl Question {
    /// The label of the key `resolve`.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Addresses { .. } => "dns",
            Self::Services { .. } => "srv",
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses { host, port } => write!(f, "{host}:{port}"),
            Self::Services { name } => f.write_str(name),
        }
    }
}

impl Group {
    /// Whether something of that name could be taken for a member of this group.
    #[must_use]
    pub fn could_have(&self, name: &str) -> bool {
        let rest = name
            .strip_prefix(self.name.as_str())
            .and_then(|rest| rest.strip_prefix('-'));
        rest.is_some_and(|rest| {
            rest.bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_members_could_have_are_told_from_others() {
        let group = Group {
            name: "files".into(),
            question: Question::Services { name: "x".into() },
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
