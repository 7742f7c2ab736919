//! Backends that the pool does not have any more, as long as they have sessions. They are not picked and not checked.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::info;

use crate::core::backend::{Backend, HealthReport};
use crate::core::health::{Reason, State, Transition};

/// A worker that had read the snapshot before may still pick a backend that has just left: it is kept for so long even
/// without sessions. Also how often is looked whether the last session has ended.
const SETTLE: Duration = Duration::from_secs(1);

/// A backend that the pool does not have any more.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// The backend.
    pub backend: Arc<Backend>,
    /// Since when.
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

    /// One that comes back, with its counters and the sessions that it still has.
    pub(super) fn take_back(&mut self, is: impl Fn(&Backend) -> bool) -> Option<Arc<Backend>> {
        let at = self.0.iter().position(|leaving| is(&leaving.backend))?;
        Some(self.0.swap_remove(at).backend)
    }

    pub(super) fn with_sessions(&self) -> Vec<Leaving> {
        let active = |leaving: &&Leaving| leaving.backend.active() > 0;
        self.0.iter().filter(active).cloned().collect()
    }

    /// Lets go of those without sessions; when to look again.
    pub(super) fn look(&mut self, now: Instant) -> Option<Instant> {
        self.0.retain(|Leaving { backend, since }| {
            let stays = backend.active() > 0 || now < *since + SETTLE;
            if !stays {
                let (name, address) = (backend.name(), backend.address());
                let sessions = backend.figures().finished;
                info!(backend = name, %address, sessions, "backend removed");
            }
            stays
        });
        (!self.0.is_empty()).then(|| now + SETTLE)
    }
}

/// The last one of a backend.
pub(super) fn transition(backend: &Backend) -> Transition {
    Transition {
        from: backend.report().state,
        to: State::Leaving,
        reason: Reason::NotNamed,
    }
}

/// What is published of it from then on.
pub(super) fn report(backend: &Backend) -> HealthReport {
    HealthReport {
        state: State::Leaving,
        reason: Reason::NotNamed,
        since: SystemTime::now(),
        ..HealthReport::clone(&backend.report())
    }
}
