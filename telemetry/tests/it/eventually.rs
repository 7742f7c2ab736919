//! Waiting for a condition, with a bound that only a broken program reaches.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Far more than anything here takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Returns once `condition` holds.
///
/// # Panics
/// When it does not hold within [`PATIENCE`], with `what` it was.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "never happened: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
