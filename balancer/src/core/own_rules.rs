//! What one backend has for itself and not from its pool.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::health::{Checks, Thresholds};
use super::proxy_protocol::ProxySend;

/// What one backend has for itself.
#[derive(Debug, Clone, Default)]
pub struct OwnRules {
    /// How it is checked.
    pub checks: Option<Arc<Checks>>,
    /// How many checks in a row change its state.
    pub thresholds: Option<Thresholds>,
    /// Where it is checked, if not at its own address.
    pub check_address: Option<IpAddr>,
    /// The header that it gets.
    pub proxy_send: Option<ProxySend>,
    /// Addresses of this machine to connect from, in turn.
    pub sources: Vec<IpAddr>,
    /// What becomes of its sessions when it goes down.
    pub on_down: OnDown,
    /// The settings as they were given, by which two are compared.
    pub given: BTreeMap<String, String>,
}

impl PartialEq for OwnRules {
    fn eq(&self, other: &Self) -> bool {
        self.given == other.given && format!("{:?}", self.checks) == format!("{:?}", other.checks)
    }
}

impl Eq for OwnRules {}

/// What becomes of the sessions of a backend that goes down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDown {
    /// They go on as long as the backend lets them.
    #[default]
    Keep,
    /// They are closed.
    Close,
}
