//! The first bytes of a session whose pool is not known yet.

use std::sync::Arc;

use tokio::time::Instant;

use crate::core::routing::Opening;
use crate::data_path::service::ServiceRules;

/// First bytes being received.
pub(super) struct PendingRoute {
    pub(super) opening: Opening,
    pub(super) since: Instant,
    /// Those of the beginning, whatever is reloaded meanwhile.
    pub(super) rules: Arc<ServiceRules>,
}

impl PendingRoute {
    pub(super) fn deadline(&self) -> Instant {
        self.since + self.rules.timeouts.route
    }
}
