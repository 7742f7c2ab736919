//! The immutable snapshot of eligible backends that workers pick from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::core::backend::{Assigned, Backend, Place};
use crate::core::balance::{
    BackendId, Candidates, Chooser, Cursor, FEW, Policy, Ranking, name_key,
};
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
    first: Arc<Selection>,
    backups: Arc<Selection>,
    last_resort: Arc<Selection>,
}

impl Snapshot {
    /// What is as in `before` is taken from there.
    pub(super) fn new(
        backends: Vec<Arc<Backend>>,
        eligible: &EligibleBackends,
        policy: Policy,
        before: &Self,
        cursor: &Cursor,
    ) -> Self {
        let by_id: HashMap<BackendId, &Arc<Backend>> = backends
            .iter()
            .map(|backend| (backend.id(), backend))
            .collect();
        let select = |weights: &[(BackendId, u32)], old: &Arc<Selection>| {
            let old = Some(old).filter(|_| before.policy == policy);
            match old.filter(|old| old.is_of(&by_id, weights)) {
                Some(same) => Arc::clone(same),
                None => Arc::new(Selection::new(&by_id, weights, policy, (old, cursor))),
            }
        };
        Self {
            policy,
            first: select(&eligible.first, &before.first),
            backups: select(&eligible.backups, &before.backups),
            last_resort: select(&eligible.last_resort, &before.last_resort),
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

    /// Publishes to the backends where they are ranked, and their effective weights, for display.
    pub(super) fn publish(&self) {
        let all = self.first.candidates.iter().chain(&self.backups.candidates);
        let weights: HashMap<BackendId, u32> = all
            .map(|(backend, weight)| (backend.id(), *weight))
            .collect();
        for backend in &self.backends {
            let weight = weights.get(&backend.id());
            let full = backend.attributes().weight.max(1);
            backend.set_weight_tenths(weight.map_or(0, |weight| weight / full));
            backend.set_place(None);
        }
        for selection in [&self.first, &self.backups, &self.last_resort] {
            selection.take_places();
        }
    }
}

/// Candidates, and a policy prepared for them.
#[derive(Debug, Default)]
struct Selection {
    candidates: Vec<(Arc<Backend>, u32)>,
    chooser: Option<Chooser>,
    /// For least connections among many.
    ranking: Option<Arc<Ranking>>,
}

impl Selection {
    /// `before` is one of the same policy.
    fn new(
        backends: &HashMap<BackendId, &Arc<Backend>>,
        weights: &[(BackendId, u32)],
        policy: Policy,
        (before, cursor): (Option<&Arc<Self>>, &Cursor),
    ) -> Self {
        let candidates: Vec<(Arc<Backend>, u32)> = weights
            .iter()
            .filter_map(|&(id, weight)| Some((Arc::clone(*backends.get(&id)?), weight)))
            .collect();
        let keys: Vec<(u64, u32)> = candidates
            .iter()
            .map(|(backend, weight)| (name_key(backend.name()), *weight))
            .collect();
        let before = before.and_then(|before| before.chooser.as_ref());
        let chooser = (!keys.is_empty()).then(|| policy.prepare_after(&keys, before));
        let is_ranked = policy == Policy::LeastConnections && candidates.len() > FEW;
        let ranking = is_ranked.then(|| {
            let each = candidates.iter();
            let loads = each.map(|(backend, weight)| (Arc::clone(backend.load()), *weight));
            Arc::new(Ranking::new(loads.collect(), cursor.turn(candidates.len())))
        });
        Self {
            candidates,
            chooser,
            ranking,
        }
    }

    /// Whether it has these backends with these weights.
    fn is_of(
        &self,
        backends: &HashMap<BackendId, &Arc<Backend>>,
        weights: &[(BackendId, u32)],
    ) -> bool {
        let same = |((backend, weight), (id, now)): (&(Arc<Backend>, u32), &(BackendId, u32))| {
            let is_it = backends.get(id).is_some_and(|it| Arc::ptr_eq(it, backend));
            is_it && weight == now
        };
        self.candidates.len() == weights.len() && self.candidates.iter().zip(weights).all(same)
    }

    /// Has the backends tell the ranking when their load changes.
    fn take_places(&self) {
        for (index, (backend, _)) in self.candidates.iter().enumerate() {
            let place = self.ranking.as_ref().map(|ranking| Place {
                ranking: Arc::clone(ranking),
                index,
            });
            backend.set_place(place);
        }
        // What changed before they did.
        if let Some(ranking) = &self.ranking {
            ranking.settle();
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
        if let Some(backend) = self.highest_ranked(tried) {
            return Ok(backend);
        }
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

    /// The least loaded of many, with a slot taken there. A session that has failed to connect looks at all of them.
    fn highest_ranked(&self, tried: &[BackendId]) -> Option<&Arc<Backend>> {
        let ranking = self.ranking.as_ref().filter(|_| tried.is_empty())?;
        let (backend, _) = self.candidates.get(ranking.next()?)?;
        backend.acquire().then_some(backend)
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
