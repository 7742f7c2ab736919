//! Whether any backend of a pool takes sessions, and since when none does: what no backend alone tells, least of all where
//! operators have taken out the last one.

use std::time::SystemTime;

use tracing::{info, warn};

use crate::core::health::Supply;

#[derive(Debug, Default)]
pub(super) struct Outage {
    /// What was logged last; `None`: nothing is known yet.
    logged: Option<bool>,
    /// Since when no healthy backend takes sessions.
    pub(super) since: Option<SystemTime>,
}

impl Outage {
    /// Logs the begin and the end.
    pub(super) fn watch(&mut self, pool: &str, supply: Supply) {
        self.since = match supply {
            Supply::Usable => None,
            _ => self.since.or_else(|| Some(SystemTime::now())),
        };
        let is_out = self.logged == Some(true);
        match &supply {
            Supply::Usable if is_out => info!(pool, "backends take sessions again"),
            Supply::None(why) if !is_out => warn!(pool, why, "no backend takes sessions"),
            // Names are looked up after the start.
            Supply::Empty if self.logged == Some(false) => {
                warn!(pool, why = "there is none", "no backend takes sessions");
            }
            _ => {}
        }
        self.logged = match supply {
            Supply::Usable | Supply::FailingOpen => Some(false),
            Supply::None(_) => Some(true),
            Supply::Empty => self.logged.map(|_| true),
            Supply::Unchecked => self.logged,
        };
    }
}
