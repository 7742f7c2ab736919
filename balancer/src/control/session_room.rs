//! Tells the log how many sessions there are descriptors for, and warns where that is less than what is asked for.

use tracing::{info, warn};

use crate::data_path::shared::Shared;

/// Fewer sessions than this are hardly meant.
const FEW: u64 = 100;

/// At the start, and when a reload asks for another number of sessions.
pub(crate) fn announce(shared: &Shared) {
    let budget = shared.budget;
    let (limit, sessions) = (budget.limit, budget.sessions);
    let asked = shared.sessions_set();
    let wanted = asked.unwrap_or(FEW);
    let needed = budget.needed_for(wanted);
    if budget.is_starved() {
        warn!(
            limit,
            needed,
            "too few descriptors: health checks, the admin address and sessions may find none; raise `ulimit -n` (LimitNOFILE)"
        );
    } else if sessions >= wanted {
        info!(limit, sessions, "descriptors");
    } else if let Some(max_connections) = asked {
        warn!(
            limit,
            sessions,
            max_connections,
            needed,
            "descriptors for fewer sessions than max_connections; raise `ulimit -n` (LimitNOFILE)"
        );
    } else {
        warn!(
            limit,
            sessions, needed, "descriptors for few sessions; raise `ulimit -n` (LimitNOFILE)"
        );
    }
}
