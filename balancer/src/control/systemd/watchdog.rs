//! The sign of life: given only while the balancer does its work.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

use super::notify::Manager;
use crate::control::process_health::trouble;
use crate::data_path::shared::Shared;
use crate::observe::units;

/// How often the status is looked at where the manager asks for no sign of life.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Tells how it is, and that it lives, for ever. Trouble is noticed within half of the silence that the manager takes,
/// which then does what its unit says.
pub(crate) async fn attend(manager: &Manager, shared: &Shared) {
    let period = manager.watchdog().map(|silence| silence / 2);
    let mut ticks = interval(period.map_or(STATUS_EVERY, |period| period.min(STATUS_EVERY)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(period) = period {
            // An answer after that would be too late for the next sign.
            match trouble(shared, period / 2).await {
                None => manager.alive(),
                Some(reason) => error!(reason, "no watchdog notification sent"),
            }
        }
        // Also where nothing has changed: a manager hears its main process only, which this one may have become since.
        if !shared.is_draining() {
            manager.status(&status(shared));
        }
    }
}

/// One line for people.
pub(crate) fn status(shared: &Shared) -> String {
    let all: usize = shared
        .pools()
        .iter()
        .map(|pool| pool.backends().len())
        .sum();
    let up = shared.up_count();
    let sessions = units::counted(shared.counters.active(), "session");
    format!("{up} of {} up, {sessions}", units::counted(all, "backend"))
}
