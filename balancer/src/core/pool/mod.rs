//! The pool: all backends, which of them are eligible, and which takes the next session.
//!
//! Workers read an immutable snapshot without a lock. The control side reports what it learns ([`Pool::observe_check`],
//! [`Pool::attend`], [`Pool::set_admin_state`], [`Pool::replace`], [`Pool::reconfigure`]); when that changes which
//! backends are eligible, the pool swaps in a new snapshot. Decisions are made by
//! [`HealthRegistry`](crate::core::health::HealthRegistry) and [`Policy`]; the pool stores, publishes and logs them.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use netsocket_balancer::Config;
//! use netsocket_balancer::backend::{Attributes, BackendSpec, CheckReport};
//! use netsocket_balancer::balance::Policy;
//! use netsocket_balancer::pool::{NoBackend, Pool};
//!
//! let spec = |name: &str, port| BackendSpec {
//!     name: name.to_owned(),
//!     address: ([127, 0, 0, 1], port).into(),
//!     attributes: Attributes::default(),
//! };
//! let both = vec![spec("server", 9000), spec("mirror1", 9001)];
//! let pool = Pool::new(both, Policy::RoundRobin, Config::default().health, 0);
//! let client = "192.0.2.7".parse()?;
//! assert_eq!(pool.pick(client, &[]).err(), Some(NoBackend::NoneUp));
//!
//! for backend in pool.backends() {
//!     let passed = CheckReport::new(Ok(()), Duration::from_millis(1));
//!     pool.observe_check(&backend, passed, tokio::time::Instant::now());
//! }
//! let first = pool.pick(client, &[])?;
//! // The connect failed: pick another one.
//! let tried = [first.backend().id()];
//! let second = pool.pick(client, &tried)?;
//! assert_ne!(first.backend().name(), second.backend().name());
//! let tried = [first.backend().id(), second.backend().id()];
//! assert_eq!(pool.pick(client, &tried).err(), Some(NoBackend::AllTried));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod control_state;
mod group_report;
mod history;
mod identity;
mod leaving;
mod operator_weights;
mod outage;
mod snapshot;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};
use netsocket_telemetry::Events;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::info;

pub use group_report::{GroupReport, Outcome};
pub use history::PastTransition;
pub(crate) use history::{Change, PastChange};
pub(crate) use identity::PoolIdentity;
pub use leaving::Leaving;
pub use snapshot::NoBackend;

use self::control_state::Core;
use self::snapshot::Snapshot;
use crate::core::backend::{Assigned, Backend, BackendSpec, CheckReport, HealthReport};
use crate::core::balance::{BackendId, Cursor, Policy};
pub use crate::core::full_name::DEFAULT_POOL;
use crate::core::group_member::could_be_member;
use crate::core::health::{
    AdminState, AgentWish, Changes, EligibleBackends, HealthRules, Pace, Reason, Signal,
};
use crate::core::shortage::Shortages;
use crate::core::tls::BackendTls;

/// A set of interchangeable backends.
#[derive(Debug)]
pub struct Pool {
    name: Arc<str>,
    cursor: Cursor,
    snapshot: ArcSwap<Snapshot>,
    core: Mutex<Core>,
    /// Reports of the DNS groups.
    groups: ArcSwap<Vec<GroupReport>>,
    /// How its backends are reached within TLS.
    tls: ArcSwapOption<BackendTls>,
    /// Notified when [`Self::attend`] has something to evaluate.
    evaluator: Arc<Notify>,
    /// Notified when the eligible backends have changed.
    eligible_changed: Notify,
    /// Where transitions are reported besides the log.
    events: OnceLock<Events>,
    /// What the system had none left of, for connections to backends and for clients. All pools share it.
    pub(crate) shortages: Arc<Shortages>,
}

/// The pool has no such backend, or no longer has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such backend")]
pub struct UnknownBackend;

impl Pool {
    /// Creates a pool with these backends, whose health is not known yet. Round robin starts at position `start`.
    #[must_use]
    pub fn new(backends: Vec<BackendSpec>, policy: Policy, rules: HealthRules, start: u64) -> Self {
        Self::identified(PoolIdentity::default(), backends, policy, rules, start)
    }

    /// One of several.
    pub(crate) fn identified(
        identity: PoolIdentity,
        backends: Vec<BackendSpec>,
        policy: Policy,
        rules: HealthRules,
        start: u64,
    ) -> Self {
        let pool = Self {
            name: Arc::clone(&identity.name),
            cursor: Cursor::starting_at(start),
            snapshot: ArcSwap::default(),
            core: Mutex::new(Core::new(policy, rules, identity.name, identity.number)),
            groups: ArcSwap::default(),
            tls: ArcSwapOption::empty(),
            evaluator: Arc::default(),
            eligible_changed: Notify::new(),
            events: OnceLock::new(),
            shortages: identity.shortages,
        };
        let mut core = pool.core();
        pool.set_backends(&mut core, backends, false, None, Instant::now());
        drop(core);
        pool
    }

    /// How its backends are reached within TLS; `None`: without.
    pub(crate) fn tls(&self) -> Option<Arc<BackendTls>> {
        self.tls.load_full()
    }

    /// Changes that, for connections that are still to come.
    pub(crate) fn set_tls(&self, tls: Option<Arc<BackendTls>>) {
        self.tls.store(tls);
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name, to be kept.
    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Every backend, in the order of the configuration.
    #[must_use]
    pub fn backends(&self) -> Vec<Arc<Backend>> {
        self.snapshot.load().backends.clone()
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.snapshot.load().policy
    }

    /// Number of backends that are healthy and take sessions.
    #[must_use]
    pub fn up_count(&self) -> usize {
        self.snapshot.load().usable
    }

    /// Whether no backend is healthy, so that every backend in service takes sessions.
    #[must_use]
    pub fn is_failing_open(&self) -> bool {
        self.snapshot.load().failing_open
    }

    /// The latest state changes, oldest first.
    #[must_use]
    pub fn transitions(&self) -> Vec<PastTransition> {
        self.core().history.transitions()
    }

    /// The latest `count` changes of any kind, oldest first.
    pub(crate) fn latest_changes(&self, count: usize) -> Vec<PastChange> {
        self.core().history.latest(count)
    }

    /// Since when no healthy backend takes sessions.
    pub(crate) fn outage_since(&self) -> Option<SystemTime> {
        self.core().outage.since
    }

    /// Number of backends that sessions try if no other takes them.
    pub(crate) fn last_resort_count(&self) -> usize {
        self.snapshot.load().last_resort_count()
    }

    /// Picks a backend for a session of `client` that has already failed to connect to `tried`, and takes a slot there.
    /// Takes no lock.
    ///
    /// # Errors
    /// Why no backend was picked.
    pub fn pick(&self, client: IpAddr, tried: &[BackendId]) -> Result<Assigned, NoBackend> {
        self.snapshot.load().pick(&self.cursor, client, tried)
    }

    /// The same for one of several users of the pool, each of which has its own turn.
    pub(crate) fn pick_for(
        &self,
        cursor: &Cursor,
        client: IpAddr,
        tried: &[BackendId],
    ) -> Result<Assigned, NoBackend> {
        self.snapshot.load().pick(cursor, client, tried)
    }

    /// Replaces the backends. One that stays, by name and address, keeps its health, counters and sessions and takes on the
    /// attributes given here. One that is removed takes no new sessions and is [`Self::leaving`] until its last session
    /// has ended. A new one ramps up its weight if a slow start is set.
    pub fn replace(&self, backends: Vec<BackendSpec>) {
        self.replace_at(backends, Instant::now());
    }

    /// Like [`Self::replace`], at a given time.
    pub fn replace_at(&self, backends: Vec<BackendSpec>, now: Instant) {
        self.follow(backends, true, now);
    }

    /// Takes all backends out, as the pool is no longer in the settings. `who`: the operator who has removed it, if one has.
    pub(crate) fn empty(&self, who: Option<&Arc<str>>) {
        let mut core = self.core();
        self.set_backends(&mut core, Vec::new(), true, who, Instant::now());
        drop(core);
        self.welcome(&[]);
    }

    /// Like [`Self::replace_at`]; without `eased`, new backends start at their full weight, as at the start of the balancer.
    pub fn follow(&self, backends: Vec<BackendSpec>, eased: bool, now: Instant) {
        let mut core = self.core();
        let come = self.set_backends(&mut core, backends, eased, None, now);
        drop(core);
        self.welcome(&come);
    }

    /// Replaces the backends, the policy and the rules in one step. `who`: the operator who wants that, where it is not the
    /// settings file.
    pub fn reconfigure(
        &self,
        backends: Vec<BackendSpec>,
        policy: Policy,
        rules: HealthRules,
        who: Option<&Arc<str>>,
    ) {
        let mut core = self.core();
        core.policy = policy;
        core.registry.set_rules(rules);
        let come = self.set_backends(&mut core, backends, true, who, Instant::now());
        drop(core);
        self.welcome(&come);
    }

    fn welcome(&self, come: &[Arc<Backend>]) {
        for backend in come {
            info!(backend = backend.full_name(), address = %backend.address(), "backend added");
        }
        self.evaluator.notify_one();
    }

    /// Returns the new backends.
    fn set_backends(
        &self,
        core: &mut Core,
        specs: Vec<BackendSpec>,
        eased: bool,
        who: Option<&Arc<str>>,
        now: Instant,
    ) -> Vec<Arc<Backend>> {
        // Each name once.
        let before = self.backends();
        let mut known: HashMap<&str, &Arc<Backend>> = before
            .iter()
            .map(|backend| (backend.name(), backend))
            .collect();
        let groups = self.groups.load();
        let is_resolved = |backend: &Backend| {
            let mut groups = groups.iter();
            groups.any(|group| could_be_member(&group.name, backend.name()))
        };
        let mut backends = Vec::new();
        let mut come = Vec::new();
        for spec in specs {
            let same = known.get(spec.name.as_str()).copied();
            let backend = match same.filter(|backend| *backend.address() == spec.address) {
                Some(backend) => {
                    known.remove(spec.name.as_str());
                    let differs = backend.own() != spec.attributes.own;
                    core.assign(backend, spec.attributes, is_resolved(backend), who);
                    if differs {
                        backend.checker.notify_one();
                    }
                    Arc::clone(backend)
                }
                None => {
                    let backend = core.enter(spec, &self.evaluator);
                    come.push(Arc::clone(&backend));
                    backend
                }
            };
            backends.push(backend);
        }
        let changes = self.share_out(core, backends, eased, now);
        for backend in &come {
            // One that comes back begins anew: what was published is from before it left.
            self.republish(core, backend, None);
        }
        // Those of the start are no news.
        for backend in come.iter().filter(|_| eased) {
            let (is_resolved, who) = (is_resolved(backend), who.cloned());
            core.history
                .note(backend, Change::Added { is_resolved, who });
        }
        for gone in before.iter().filter(|it| known.contains_key(it.name())) {
            let reason = match who {
                Some(who) => Reason::Removed(Arc::clone(who)),
                None if is_resolved(gone) => Reason::NotResolved,
                None => Reason::NotNamed,
            };
            core.leave(Arc::clone(gone), reason, self.events.get(), now);
        }
        self.apply(core, changes, now);
        come
    }

    /// Backends removed from the pool that still have sessions.
    #[must_use]
    pub fn leaving(&self) -> Vec<Leaving> {
        self.core().leaving.with_sessions()
    }

    /// Every backend, then those that are leaving, each name once.
    #[must_use]
    pub fn shown(&self) -> Vec<Arc<Backend>> {
        let mut shown = self.backends();
        for Leaving { backend, .. } in self.leaving() {
            if shown.iter().all(|other| other.name() != backend.name()) {
                shown.push(backend);
            }
        }
        shown
    }

    /// The state of each DNS group.
    #[must_use]
    pub fn groups(&self) -> Arc<Vec<GroupReport>> {
        self.groups.load_full()
    }

    /// Publishes the state of each DNS group.
    pub(crate) fn report_groups(&self, groups: Vec<GroupReport>) {
        self.groups.store(Arc::new(groups));
    }

    /// Sets the admin state of a backend on behalf of `who`, with `by` or the like.
    ///
    /// # Errors
    /// The pool has no such backend.
    pub fn set_admin_state(
        &self,
        id: BackendId,
        state: AdminState,
        who: &str,
    ) -> Result<(), UnknownBackend> {
        self.set_admin_state_at(id, state, who, Instant::now())
    }

    /// Like [`Self::set_admin_state`], at a given time.
    ///
    /// # Errors
    /// The pool has no such backend.
    pub fn set_admin_state_at(
        &self,
        id: BackendId,
        state: AdminState,
        who: &str,
        now: Instant,
    ) -> Result<(), UnknownBackend> {
        let backend = self.backend(id).ok_or(UnknownBackend)?;
        let mut core = self.core();
        let before = backend.report();
        let changes = core.registry.set_admin(id, state, who, now);
        if changes.is_empty() && before.admin != state {
            let (from, who) = (before.state, Arc::from(who));
            core.history.note(&backend, Change::Ready { from, who });
        }
        self.apply(&mut core, changes, now);
        // One that waits for its first check again has made no transition.
        self.republish(&core, &backend, None);
        backend.checker.notify_one();
        self.evaluator.notify_one();
        Ok(())
    }

    /// Takes in what the agent of a backend wants: state, weight and limit in one step.
    pub(crate) fn set_agent(&self, backend: &Backend, wish: AgentWish, now: Instant) {
        if *backend.agent() == wish {
            return;
        }
        let mut core = self.core();
        let changes = core.registry.set_agent(backend.id(), &wish, now);
        backend.set_agent(wish);
        self.share_anew(&mut core, changes, now);
        self.republish(&core, backend, None);
        self.evaluator.notify_one();
    }

    /// Shares sessions out by the present weights.
    fn share_anew(&self, core: &mut Core, mut changes: Changes, now: Instant) {
        changes.extend(self.share_out(core, self.backends(), true, now));
        self.apply(core, changes, now);
    }

    /// Gives each of the backends its share, and lets workers pick among those that are eligible now.
    fn share_out(
        &self,
        core: &mut Core,
        backends: Vec<Arc<Backend>>,
        eased: bool,
        now: Instant,
    ) -> Changes {
        let shares: Vec<_> = backends
            .iter()
            .map(|backend| (backend.id(), backend.share()))
            .collect();
        let changes = core.registry.set_backends(&shares, eased, now);
        let eligible = core.registry.eligible(now);
        self.install(core, backends, eligible);
        changes
    }

    /// Records the result of a check. Returns how soon to check the backend again.
    pub fn observe_check(&self, backend: &Backend, check: CheckReport, now: Instant) -> Pace {
        backend.count_check(&check);
        let signal = match &check.outcome {
            Ok(()) => Signal::CheckPassed,
            Err(failure) => Signal::CheckFailed(failure.clone()),
        };
        let mut core = self.core();
        let changes = core.registry.observe(backend.id(), signal, now);
        let changed = !changes.is_empty();
        self.apply(&mut core, changes, now);
        self.republish(&core, backend, Some(check));
        if changed {
            // There may be a time now at which something is due.
            self.evaluator.notify_one();
        }
        core.registry
            .health(backend.id())
            .map_or(Pace::Normal, |health| health.pace())
    }

    /// Evaluates what sessions have reported and what is due by `now`. Returns when time alone will change something next.
    pub fn attend(&self, now: Instant) -> Option<Instant> {
        let mut core = self.core();
        let changes = core.registry.tick(now);
        self.apply(&mut core, changes, now);
        for backend in self.backends() {
            for signal in backend.streak().signals() {
                let changes = core.registry.observe(backend.id(), signal, now);
                self.apply(&mut core, changes, now);
            }
        }
        let look = core.leaving.look(now);
        core.registry.due(now).into_iter().chain(look).min()
    }

    /// Waits until the eligible backends change: a queued session may find a slot now. For a single waiter.
    pub(crate) async fn eligible_changed(&self) {
        self.eligible_changed.notified().await;
    }

    /// Reports transitions as telemetry events too. Only the first call counts.
    pub(crate) fn tell_events(&self, events: Events) {
        let _ = self.events.set(events);
    }

    /// Waits until [`Self::attend`] has something to evaluate, including a changed set of backends.
    pub(crate) async fn changed(&self) {
        self.evaluator.notified().await;
    }

    /// Publishes, records and logs what changed, and swaps in the eligible backends.
    fn apply(&self, core: &mut Core, changes: Changes, now: Instant) {
        for (id, transition) in changes {
            if let Some(backend) = self.backend(id) {
                backend.count_transition(&transition);
                // What sessions met belongs to the state that has ended.
                backend.streak().clear();
                if let Some(events) = self.events.get() {
                    history::tell(events, &backend, &transition);
                }
                core.history.add(&backend, transition);
                self.republish(core, &backend, None);
            }
        }
        let eligible = core.registry.eligible(now);
        if eligible != core.eligible {
            self.install(core, self.backends(), eligible);
        }
        core.watch_outage();
    }

    /// Swaps in a snapshot with the eligible backends.
    fn install(&self, core: &mut Core, backends: Vec<Arc<Backend>>, eligible: EligibleBackends) {
        if eligible.failing_open != core.eligible.failing_open {
            let events = self.events.get();
            history::announce_fail_open(
                events,
                &self.name,
                eligible.failing_open,
                eligible.first.len(),
            );
        }
        let before = self.snapshot.load();
        let snapshot = Snapshot::new(backends, &eligible, core.policy, &before, &self.cursor);
        snapshot.publish();
        core.eligible = eligible;
        self.snapshot.store(Arc::new(snapshot));
        self.eligible_changed.notify_one();
    }

    fn republish(&self, core: &Core, backend: &Backend, check: Option<CheckReport>) {
        let Some(health) = core.registry.health(backend.id()) else {
            return;
        };
        let before = backend.report();
        let last_change = core.history.last_transition(backend.id());
        let since = match last_change.filter(|at| *at > before.since) {
            Some(at) => at,
            None if health.state() != before.state => SystemTime::now(),
            None => before.since,
        };
        backend.publish(HealthReport {
            state: health.state(),
            reason: health.reason(),
            since,
            admin: health.admin(),
            progress: health.progress(&core.registry.rules_of(backend.id())),
            last_check: check.or_else(|| before.last_check.clone().filter(|_| health.is_known())),
        });
    }

    fn backend(&self, id: BackendId) -> Option<Arc<Backend>> {
        let snapshot = self.snapshot.load();
        snapshot
            .backends
            .iter()
            .find(|backend| backend.id() == id)
            .cloned()
    }

    /// A panic while the lock was held leaves a state that is outdated but consistent.
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
