//! Whether any backend of a pool takes sessions, for the log: what no backend alone tells, least of all where operators have taken
//! out the last one.

use tracing::{info, warn};

use crate::core::health::Supply;

/// What was found last; `None`: nothing is known yet.
#[derive(Debug, Default)]
pub(super) struct Outage(Option<bool>);

impl Outage {
    /// Logs the begin and the end.
    pub(super) fn watch(&mut self, pool: &str, supply: Supply) {
        let is_out = self.0 == Some(true);
        match &supply {
            Supply::Usable if is_out => info!(pool, "backends take sessions again"),
            Supply::None(why) if !is_out => warn!(pool, why, "no backend takes sessions"),
            // Names are looked up after the start.
            Supply::Empty if self.0 == Some(false) => {
                warn!(pool, why = "there is none", "no backend takes sessions");
            }
            _ => {}
        }
        self.0 = match supply {
            Supply::Usable | Supply::FailingOpen => Some(false),
            Supply::None(_) => Some(true),
            Supply::Empty => self.0.map(|_| true),
            Supply::Unchecked => self.0,
        };
    }
}
