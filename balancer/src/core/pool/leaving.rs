//! Backends removed from the pool that still have sessions. They are neither picked nor checked.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::info;

use crate::core::backend::{Backend, HealthReport};
use crate::core::health::{Reason, State, Transition};

/// A worker with an older snapshot may still pick a backend that has just been removed, so it is kept for this long even
/// without sessions. Also the interval at which the end of the last session is checked.
const SETTLE: Duration = Duration::from_secs(1);

/// A backend removed from the pool.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// The backend.
    pub backend: Arc<Backend>,
    /// When it was removed.
    pub since: Instant,
}

#[derive(Debug, Default)]
pub(super) struct LeavingBackends(Vec<Leaving>);

impl LeavingBackends {
    pub(super) fn add(&mut self, backend: Arc<Backend>, now: Instant) {
        self.0.push(Leaving {
            backend,
            since: now,
        });
    }

    /// Takes back a backend, with its counters and the sessions it still has.
    pub(super) fn take_back(&mut self, is: impl Fn(&Backend) -> bool) -> Option<Arc<Backend>> {
        let at = self.0.iter().position(|leaving| is(&leaving.backend))?;
        Some(self.0.swap_remove(at).backend)
    }

    pub(super) fn with_sessions(&self) -> Vec<Leaving> {
        let active = |leaving: &&Leaving| leaving.backend.active() > 0;
        self.0.iter().filter(active).cloned().collect()
    }

    /// Drops those without sessions. Returns when to look again.
    pub(super) fn look(&mut self, now: Instant) -> Option<Instant> {
        self.0.retain(|Leaving { backend, since }| {
            let stays = backend.active() > 0 || now < *since + SETTLE;
            if !stays {
                let (name, address) = (backend.full_name(), backend.address());
                let sessions = backend.figures().finished;
                info!(backend = name, %address, sessions, "backend removed");
            }
            stays
        });
        (!self.0.is_empty()).then(|| now + SETTLE)
    }
}

/// The last transition of a backend.
pub(super) fn transition(backend: &Backend, reason: Reason) -> Transition {
    Transition {
        from: backend.report().state,
        to: State::Leaving,
        reason,
    }
}

/// The report that is published from then on.
pub(super) fn report(backend: &Backend, reason: Reason) -> HealthReport {
    HealthReport {
        state: State::Leaving,
        reason,
        since: SystemTime::now(),
        ..HealthReport::clone(&backend.report())
    }
}
