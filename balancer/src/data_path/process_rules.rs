//! Settings of the whole process that a reload may change: swapped as a whole, read without a lock.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Secrets};
use crate::core::secret::Secret;
use crate::core::tls::ServerTls;

/// The rules that no service has for itself.
pub(crate) struct ProcessRules {
    /// The token for changes through the admin HTTP from other machines.
    pub(crate) admin_token: Option<String>,
    /// The secret for reading there, where it is not for everybody.
    pub(crate) read_secret: Option<Secret>,
    /// TLS of the admin HTTP.
    pub(crate) admin_tls: Option<Arc<ServerTls>>,
    /// For sessions to end by themselves when the balancer stops.
    pub(crate) drain_timeout: Duration,
}

impl ProcessRules {
    pub(crate) fn new(config: &Config, secrets: Secrets) -> Self {
        Self {
            admin_token: secrets.change,
            read_secret: secrets.read,
            admin_tls: config.admin_tls.clone(),
            drain_timeout: config.timeouts.drain,
        }
    }
}
