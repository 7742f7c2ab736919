//! Which balancer this is, so that two of them side by side are told apart.

use std::fmt;

use serde::Serialize;

use crate::data_path::shared::Shared;

/// Addresses in the name of a balancer.
const MAX_ADDRESSES: usize = 4;

/// Who answers.
#[derive(Debug, Default, Serialize)]
pub(super) struct Identity {
    /// The key `instance`; `null` where it is not set.
    pub(super) instance: Option<String>,
    /// The name of the machine; `null` until the first second is over.
    pub(super) host_name: Option<String>,
    /// Where clients connect, of all services.
    pub(super) listen: Vec<String>,
}

impl Identity {
    /// `instance`: as configured; `host_name`: where a record has told it.
    pub(super) fn of(shared: &Shared, instance: Option<String>, host_name: Option<String>) -> Self {
        let listeners = shared.listeners.all();
        let addresses = listeners
            .iter()
            .filter_map(|listener| listener.bound.socket.address());
        Self {
            instance,
            host_name,
            listen: addresses.map(|address| address.to_string()).collect(),
        }
    }

    /// The shortest that tells it from others.
    pub(super) fn name(&self) -> &str {
        let name = self.instance.as_deref().or(self.host_name.as_deref());
        let first = self.listen.first().map(String::as_str);
        name.or(first).unwrap_or("balancer")
    }
}

impl fmt::Display for Identity {
    /// The addresses, the first few of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.listen.iter().take(MAX_ADDRESSES).cloned().collect();
        f.write_str(&shown.join(", "))?;
        match self.listen.len().saturating_sub(MAX_ADDRESSES) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balancer_is_called_by_what_tells_it_from_others() {
        let mut identity = Identity::default();
        assert_eq!(identity.name(), "balancer");
        identity.listen = (1..=6).map(|port| format!("10.0.0.1:{port}")).collect();
        assert_eq!(identity.name(), "10.0.0.1:1");
        assert_eq!(
            identity.to_string(),
            "10.0.0.1:1, 10.0.0.1:2, 10.0.0.1:3, 10.0.0.1:4 and 2 more"
        );
        identity.host_name = Some("db7".to_owned());
        assert_eq!(identity.name(), "db7");
        identity.instance = Some("lb1".to_owned());
        assert_eq!(identity.name(), "lb1");
    }
}
