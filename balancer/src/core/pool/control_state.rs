//! The state of a pool that only the control side uses: health, history, backends that come and go.

use std::sync::Arc;

use netsocket_telemetry::Events;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::history::{self, History};
use super::leaving::{self, LeavingBackends};
use super::outage::Outage;
use crate::core::backend::{Backend, BackendSpec};
use crate::core::balance::{BackendId, Policy};
use crate::core::health::{EligibleBackends, HealthRegistry, HealthRules, Reason};

/// How many backends a pool may have in its life: the ID of a backend begins with the number of its pool.
const IDS_PER_POOL: usize = 1 << 32;

/// State that only the control side uses.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) policy: Policy,
    pub(super) registry: HealthRegistry,
    pub(super) eligible: EligibleBackends,
    pub(super) history: History,
    pub(super) leaving: LeavingBackends,
    outage: Outage,
    /// Of the pool.
    name: Arc<str>,
    next_id: usize,
}

impl Core {
    /// That of a pool without backends. `number` is unique among the pools of a balancer.
    pub(super) fn new(policy: Policy, rules: HealthRules, name: Arc<str>, number: usize) -> Self {
        Self {
            policy,
            registry: HealthRegistry::new(rules),
            eligible: EligibleBackends::default(),
            history: History::default(),
            leaving: LeavingBackends::default(),
            outage: Outage::default(),
            name,
            next_id: number * IDS_PER_POOL,
        }
    }

    /// Tells the log when no backend takes sessions any more, and when one does again.
    pub(super) fn watch_outage(&mut self) {
        self.outage.watch(&self.name, self.registry.supply());
    }

    /// A new backend, or one that returns before its last session has ended and starts afresh.
    pub(super) fn enter(&mut self, spec: BackendSpec, evaluator: &Arc<Notify>) -> Arc<Backend> {
        let same =
            |backend: &Backend| backend.name() == spec.name && *backend.address() == spec.address;
        if let Some(backend) = self.leaving.take_back(same) {
            backend.set_attributes(spec.attributes);
            backend.streak().clear();
            backend.checker.notify_one();
            return backend;
        }
        let id = BackendId(self.next_id);
        self.next_id += 1;
        let pool = Arc::clone(&self.name);
        Arc::new(Backend::new(id, pool, spec, Arc::clone(evaluator)))
    }

    /// The backend takes no new sessions from now on.
    pub(super) fn leave(
        &mut self,
        backend: Arc<Backend>,
        is_resolved: bool,
        events: Option<&Events>,
        now: Instant,
    ) {
        let reason = match is_resolved {
            true => Reason::NotResolved,
            false => Reason::NotNamed,
        };
        let transition = leaving::transition(&backend, reason.clone());
        backend.count_transition(&transition);
        if let Some(events) = events {
            history::tell(events, &backend, &transition);
        }
        backend.set_weight_tenths(0);
        self.history.add(&backend, transition);
        backend.publish(leaving::report(&backend, reason));
        self.leaving.add(backend, now);
    }
}
