//! The immutable snapshot of eligible backends that workers pick from.

use std::net::IpAddr;
use std::sync::Arc;

use crate::core::backend::{Assigned, Backend};
use crate::core::balance::{BackendId, Candidates, Chooser, Cursor, Policy, name_key};
use crate::core::health::EligibleBackends;

/// Why no backend was picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoBackend {
    /// No backend is in service and healthy.
    #[error("no backend is up")]
    NoneUp,
    /// Every eligible backend that this session has not tried is at its connection limit.
    #[error("every backend is full")]
    AllFull,
    /// The session has tried every eligible backend.
    #[error("every backend was tried")]
    AllTried,
}

#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) policy: Policy,
    pub(super) backends: Vec<Arc<Backend>>,
    pub(super) usable: usize,
    pub(super) failing_open: bool,
    first: Selection,
    backups: Selection,
    last_resort: Selection,
}

impl Snapshot {
    pub(super) fn new(
        backends: Vec<Arc<Backend>>,
        eligible: &EligibleBackends,
        policy: Policy,
    ) -> Self {
        Self {
            policy,
            first: Selection::new(&backends, &eligible.first, policy),
            backups: Selection::new(&backends, &eligible.backups, policy),
            last_resort: Selection::new(&backends, &eligible.last_resort, policy),
            usable: eligible.usable,
            failing_open: eligible.failing_open,
            backends,
        }
    }

    pub(super) fn pick(
        &self,
        cursor: &Cursor,
        client: IpAddr,
        tried: &[BackendId],
    ) -> Result<Assigned, NoBackend> {
        let first = self.first.pick(cursor, client, tried);
        first
            .map(Assigned::acquired)
            .or_else(|why| self.pick_otherwise(why, cursor, client, tried))
    }

    /// Picks a backup or, if none of them is available either, an unusable backend as a last resort. For backends that are
    /// merely full the session queues instead: a limit is no reason to use an unhealthy backend.
    #[cold]
    fn pick_otherwise(
        &self,
        mut why: NoBackend,
        cursor: &Cursor,
        client: IpAddr,
        tried: &[BackendId],
    ) -> Result<Assigned, NoBackend> {
        if why == NoBackend::AllTried && !self.backups.candidates.is_empty() {
            match self.backups.pick(cursor, client, tried) {
                Ok(backend) => return Ok(Assigned::acquired(backend)),
                Err(error) => why = error,
            }
        }
        match why {
            NoBackend::AllFull => Err(why),
            NoBackend::NoneUp | NoBackend::AllTried => {
                match self.last_resort.pick(cursor, client, tried) {
                    Ok(backend) => Ok(Assigned::as_last_resort(backend)),
                    Err(_) => Err(why),
                }
            }
        }
    }

    pub(super) fn last_resort_count(&self) -> usize {
        self.last_resort.candidates.len()
    }

    /// Publishes the effective weights to the backends, for display.
    pub(super) fn publish_weights(&self) {
        for backend in &self.backends {
            let all = self.first.candidates.iter().chain(&self.backups.candidates);
            let weight = all
                .clone()
                .find(|(candidate, _)| candidate.id() == backend.id());
            let full = backend.attributes().weight.max(1);
            backend.set_weight_tenths(weight.map_or(0, |(_, weight)| weight / full));
        }
    }
}

/// Candidates, and a policy prepared for them.
#[derive(Debug, Default)]
struct Selection {
    candidates: Vec<(Arc<Backend>, u32)>,
    chooser: Option<Chooser>,
}

impl Selection {
    fn new(backends: &[Arc<Backend>], weights: &[(BackendId, u32)], policy: Policy) -> Self {
        let candidates: Vec<(Arc<Backend>, u32)> = weights
            .iter()
            .filter_map(|&(id, weight)| {
                let backend = backends.iter().find(|backend| backend.id() == id)?;
                Some((Arc::clone(backend), weight))
            })
            .collect();
        let keys: Vec<(u64, u32)> = candidates
            .iter()
            .map(|(backend, weight)| (name_key(backend.name()), *weight))
            .collect();
        let chooser = (!keys.is_empty()).then(|| policy.prepare(&keys));
        Self {
            candidates,
            chooser,
        }
    }

    /// Picks one and takes a slot there.
    fn pick(
        &self,
        cursor: &Cursor,
        client: IpAddr,
        tried: &[BackendId],
    ) -> Result<&Arc<Backend>, NoBackend> {
        let Some(chooser) = &self.chooser else {
            return Err(NoBackend::NoneUp);
        };
        let session = Session {
            candidates: &self.candidates,
            tried,
        };
        let chosen = chooser.choose(&session, cursor, client);
        let (backend, _) = chosen
            .and_then(|index| self.candidates.get(index))
            .ok_or_else(|| {
                let all_tried = self
                    .candidates
                    .iter()
                    .all(|(backend, _)| tried.contains(&backend.id()));
                if all_tried {
                    NoBackend::AllTried
                } else {
                    NoBackend::AllFull
                }
            })?;
        Ok(backend)
    }
}

/// The candidates as one session sees them.
struct Session<'a> {
    candidates: &'a [(Arc<Backend>, u32)],
    tried: &'a [BackendId],
}

impl Candidates for Session<'_> {
    fn count(&self) -> usize {
        self.candidates.len()
    }

    fn weight(&self, index: usize) -> u32 {
        self.candidates.get(index).map_or(1, |(_, weight)| *weight)
    }

    fn active(&self, index: usize) -> u64 {
        self.candidates
            .get(index)
            .map_or(0, |(backend, _)| backend.active())
    }

    fn is_open(&self, index: usize) -> bool {
        let open = |backend: &Backend| !self.tried.contains(&backend.id()) && !backend.is_full();
        self.candidates
            .get(index)
            .is_some_and(|(backend, _)| open(backend))
    }

    fn acquire(&self, index: usize) -> bool {
        self.candidates
            .get(index)
            .is_some_and(|(backend, _)| backend.acquire())
    }
}
