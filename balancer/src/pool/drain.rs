//! Draining one backend: it takes no new sessions, and those that it has may end.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Pool, UnknownBackend};
use crate::balance::BackendId;
use crate::health::AdminState;

/// How often is looked whether the last session has ended: nothing in a session's way has to tell.
const LOOK: Duration = Duration::from_millis(50);

/// How waiting for the sessions of a backend ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// What ended it.
    pub end: DrainEnd,
    /// The sessions that are left.
    pub active: u64,
    /// How long it took.
    pub took: Duration,
}

/// What ended the wait for the sessions of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrainEnd {
    /// The last one has ended.
    Empty,
    /// The deadline.
    Deadline,
    /// Somebody has put the backend back to work.
    Recalled,
}

impl Pool {
    /// Has a backend take no new sessions, as `who` wants it, and waits until those that it has are over, for `limit`
    /// at the most. What is left then goes on; the backend stays draining. If the future is dropped, it does, too.
    ///
    /// # Errors
    /// The pool has no such backend.
    pub async fn drain(
        &self,
        id: BackendId,
        who: &str,
        limit: Duration,
    ) -> Result<Drained, UnknownBackend> {
        let began = Instant::now();
        let backend = self.backend(id).ok_or(UnknownBackend)?;
        self.set_admin_state_at(id, AdminState::Drain, who, began)?;
        loop {
            // Not at once: a worker that read the snapshot before may still be picking it.
            sleep_until((Instant::now() + LOOK).min(began + limit)).await;
            let active = backend.active();
            let took = began.elapsed();
            let end = if active == 0 {
                Some(DrainEnd::Empty)
            } else if backend.report().admin == AdminState::Ready {
                Some(DrainEnd::Recalled)
            } else {
                (took >= limit).then_some(DrainEnd::Deadline)
            };
            if let Some(end) = end {
                return Ok(Drained { end, active, took });
            }
        }
    }
}
