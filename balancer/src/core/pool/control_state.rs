//! The state of a pool that only the control side uses: health, history, backends that come and go.

use std::collections::HashMap;
use std::sync::Arc;

use netsocket_telemetry::Events;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::history::{self, Change, History};
use super::leaving::{self, LeavingBackends};
use super::outage::Outage;
use crate::core::backend::{Attributes, Backend, BackendSpec};
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
    pub(super) outage: Outage,
    /// What those backends would weigh whose weight was set by an operator.
    pub(super) configured_weights: HashMap<BackendId, u32>,
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
            configured_weights: HashMap::new(),
            name,
            next_id: number * IDS_PER_POOL,
        }
    }

    /// Tells the log when no backend takes sessions any more, and when one does again.
    pub(super) fn watch_outage(&mut self) {
        self.outage.watch(&self.name, self.registry.supply());
    }

    /// Takes on the attributes that settings or DNS give to a backend that stays, but not the weight if an operator has set one.
    /// `who`: the operator who has changed the settings, if one has.
    pub(super) fn assign(
        &mut self,
        backend: &Backend,
        mut given: Attributes,
        is_resolved: bool,
        who: Option<&Arc<str>>,
    ) {
        given.weight = self.weight_of(backend, given.weight, is_resolved);
        let who = match who {
            Some(who) => who,
            None if is_resolved => "in DNS or in the settings",
            None => "in the settings",
        };
        self.note_weight(backend, given.weight, who);
        backend.set_attributes(given);
    }

    /// The weight of a backend that is given this one.
    fn weight_of(&mut self, backend: &Backend, given: u32, is_resolved: bool) -> u32 {
        let now = backend.attributes().weight;
        match self.configured_weights.get_mut(&backend.id()) {
            None => given,
            Some(configured) if is_resolved || given == *configured => {
                *configured = given;
                now
            }
            // Other settings say another weight than before.
            Some(_) => {
                self.configured_weights.remove(&backend.id());
                given
            }
        }
    }

    /// Sets the weight of a backend on behalf of an operator.
    pub(super) fn weigh(&mut self, backend: &Backend, weight: u32, who: &str) {
        let before = backend.attributes();
        let configured = self.configured_weights.entry(backend.id());
        configured.or_insert(before.weight);
        self.note_weight(backend, weight, who);
        backend.set_attributes(Attributes { weight, ..before });
    }

    fn note_weight(&mut self, backend: &Backend, to: u32, who: &str) {
        let from = backend.attributes().weight;
        if from != to {
            let who = Arc::from(who);
            self.history.note(backend, Change::Weight { from, to, who });
        }
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
        reason: Reason,
        events: Option<&Events>,
        now: Instant,
    ) {
        let transition = leaving::transition(&backend, reason.clone());
        backend.count_transition(&transition);
        if let Some(events) = events {
            history::tell(events, &backend, &transition);
        }
        backend.set_weight_tenths(0);
        self.configured_weights.remove(&backend.id());
        self.history.add(&backend, transition);
        backend.publish(leaving::report(&backend, reason));
        self.leaving.add(backend, now);
    }
}
