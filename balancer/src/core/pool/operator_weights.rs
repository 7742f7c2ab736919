//! Weights that operators set at run time, and what the settings and DNS say in their place.

use tokio::time::Instant;

use super::{Pool, UnknownBackend};
use crate::core::balance::BackendId;
use crate::core::health::{AdminState, Changes};

impl Pool {
    /// Changes the weight of a backend until the next reload. `who` has set it, with `by` or the like.
    ///
    /// # Errors
    /// The pool has no such backend.
    pub fn set_weight(&self, id: BackendId, weight: u32, who: &str) -> Result<(), UnknownBackend> {
        let backend = self.backend(id).ok_or(UnknownBackend)?;
        let now = Instant::now();
        let mut core = self.core();
        core.weigh(&backend, weight, who);
        self.share_anew(&mut core, Changes::new(), now);
        self.evaluator.notify_one();
        Ok(())
    }

    /// From the next settings on, weights are theirs again: that of the backend of this name, or of all.
    pub(crate) fn forget_weights(&self, name: Option<&str>) {
        let backends = self.backends();
        let is_meant = |id: &BackendId| {
            let mut backends = backends.iter().filter(|backend| backend.id() == *id);
            name.is_none() || backends.any(|backend| name == Some(backend.name()))
        };
        let mut core = self.core();
        core.configured_weights.retain(|id, _| !is_meant(id));
    }

    /// Whether an operator has set the state or the weight of a backend to something else than the settings and DNS say.
    pub(crate) fn is_set_otherwise(&self) -> bool {
        let backends = self.backends();
        let core = self.core();
        let mut set = backends.iter().filter(|backend| {
            let configured = core.configured_weights.get(&backend.id());
            let weight = backend.attributes().weight;
            backend.report().admin != AdminState::Ready
                || configured.is_some_and(|configured| *configured != weight)
        });
        set.next().is_some()
    }
}
