//! The alert of a balancer that has as many sessions as it may have, or nearly.

use super::alert::{Alert, Severity};
use crate::admin::commands::Commands;

/// From this part of its limit on, the number of sessions is worth a warning.
const NEAR: f64 = 0.9;

/// How many sessions there are, and may be.
pub(super) struct Room {
    pub(super) active: u64,
    pub(super) limit: u64,
    /// How many there are, if the limit comes from them.
    pub(super) descriptors: Option<u64>,
}

impl Room {
    pub(super) fn alert(&self, commands: &Commands) -> Option<Alert> {
        let (active, limit) = (self.active, self.limit);
        let full = active >= limit;
        if !full && (active as f64) < limit as f64 * NEAR {
            return None;
        }
        let mut what = format!("{active} of at most {limit} sessions are open");
        if let Some(descriptors) = self.descriptors {
            what.push_str(&format!(", as there are {descriptors} descriptors"));
        }
        let clients = match (full, self.descriptors) {
            (false, _) => "are served until the limit is reached",
            // They are not accepted.
            (true, Some(_)) => "wait in the queue of the listening socket until a session ends",
            (true, None) => "are refused until a session ends (RR)",
        };
        let raise = match self.descriptors {
            Some(_) => "Raise `ulimit -n` (with systemd `LimitNOFILE`) and restart",
            None => "Raise `max_connections`",
        };
        Some(Alert {
            severity: match full {
                true => Severity::Emergency,
                false => Severity::Warning,
            },
            what,
            clients: clients.to_owned(),
            since: None,
            todo: vec![format!(
                "{raise}, or close sessions: {} shows which.",
                commands.ctl(&["sessions"])
            )],
        })
    }
}
