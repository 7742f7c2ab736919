//! The end of the load, which everybody who is a part of it waits for.

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Whether the load is over.
#[derive(Debug, Default)]
pub(super) struct Over(watch::Sender<bool>);

impl Over {
    /// From now on it is.
    pub(super) fn come(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn has_come(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until then, or until it is over. Says whether it is.
    pub(super) async fn by(&self, then: Instant) -> bool {
        let mut told = self.0.subscribe();
        // Neither outcome is an error: which of them it was is asked below.
        let _ = timeout_at(then, told.wait_for(|over| *over)).await;
        self.has_come()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_wait_ends_with_its_time_or_with_everything() {
        let over = Over::default();
        assert!(!over.by(Instant::now() + Duration::from_millis(1)).await);
        let far = Instant::now() + Duration::from_secs(3_600);
        let (ended, ()) = tokio::join!(over.by(far), async { over.come() });
        assert!(ended && over.by(far).await);
    }
}
