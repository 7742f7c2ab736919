//! The settings that sessions use and a reload may change: swapped as a whole, read without a lock.

use std::time::Duration;

use crate::config::{Config, Timeouts};
use crate::core::admission::Admission;
use crate::core::proxy_protocol::ProxyRules;

/// The rules of a running balancer.
pub(crate) struct RuntimeRules {
    /// The token for changes through the admin HTTP from other machines.
    pub(crate) admin_token: Option<String>,
    pub(crate) timeouts: Timeouts,
    pub(crate) admission: Admission,
    /// How long a client may wait in the queue.
    pub(crate) queue_timeout: Duration,
    pub(crate) proxy: ProxyRules,
    /// TCP fast open to backends.
    pub(crate) fast_open: bool,
}

impl RuntimeRules {
    pub(crate) fn new(config: &Config, admin_token: Option<String>) -> Self {
        Self::with(config, admin_token, Admission::new(config.limits.clone()))
    }

    /// New rules; open connections stay counted.
    pub(crate) fn changed(&self, config: &Config, admin_token: Option<String>) -> Self {
        let admission = self.admission.with_limits(config.limits.clone());
        Self::with(config, admin_token, admission)
    }

    fn with(config: &Config, admin_token: Option<String>, admission: Admission) -> Self {
        Self {
            admin_token,
            timeouts: config.timeouts,
            admission,
            queue_timeout: config.queue.timeout,
            proxy: config.proxy.clone(),
            fast_open: config.listen_options.fast_open,
        }
    }
}
