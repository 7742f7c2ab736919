//! The backends of the balancer, who of them is fit, and who takes the next session.
//!
//! Workers read an immutable snapshot without a lock. The control side tells what it learns ([`Pool::observe_check`],
//! [`Pool::attend`], [`Pool::set_admin_state`], [`Pool::replace`], [`Pool::reconfigure`]); whenever that changes who may
//! be picked, it swaps in a new one. What is decided, is decided by [`Roster`] and [`Policy`]; the pool remembers, publishes and announces it.
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
//! // It could not be connected to: another one.
//! let tried = [first.backend().id()];
//! let second = pool.pick(client, &tried)?;
//! assert_ne!(first.backend().name(), second.backend().name());
//! let tried = [first.backend().id(), second.backend().id()];
//! assert_eq!(pool.pick(client, &tried).err(), Some(NoBackend::AllTried));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod group_report;
mod history;
mod leaving;
mod snapshot;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use netsocket_telemetry::Events;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::info;

pub use group_report::{GroupReport, Outcome};
pub use history::PastTransition;
pub use leaving::Leaving;
pub use snapshot::NoBackend;

use self::history::History;
use self::leaving::Leavers;
use self::snapshot::Snapshot;
use crate::core::backend::{Assigned, Attributes, Backend, BackendSpec, CheckReport, HealthReport};
use crate::core::balance::{BackendId, Cursor, Policy};
use crate::core::health::{AdminState, Changes, HealthRules, Pace, Roster, Signal, Slate};
use crate::core::shortage::Shortages;

/// The name of the only pool there is.
pub const DEFAULT_POOL: &str = "default";

/// A set of interchangeable backends.
#[derive(Debug)]
pub struct Pool {
    cursor: Cursor,
    snapshot: ArcSwap<Snapshot>,
    core: Mutex<Core>,
    /// What is told about the names behind which backends are looked for.
    groups: ArcSwap<Vec<GroupReport>>,
    /// Something has happened that [`Self::attend`] is to look at.
    judge: Arc<Notify>,
    /// Others may be picked than before.
    turned: Notify,
    /// Where transitions are told besides the log.
    events: OnceLock<Events>,
    /// What the system had none left of, for connections to these backends and for their clients.
    pub(crate) shortages: Shortages,
}

/// What only the control side touches.
#[derive(Debug)]
struct Core {
    policy: Policy,
    roster: Roster,
    slate: Slate,
    history: History,
    leavers: Leavers,
    next_id: usize,
}

/// A backend that the pool does not have, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such backend")]
pub struct UnknownBackend;

impl Pool {
    /// With these backends, of which nothing is known yet. The first turn is at `start`.
    #[must_use]
    pub fn new(backends: Vec<BackendSpec>, policy: Policy, rules: HealthRules, start: u64) -> Self {
        let pool = Self {
            cursor: Cursor::starting_at(start),
            snapshot: ArcSwap::default(),
            core: Mutex::new(Core {
                policy,
                roster: Roster::new(rules),
                slate: Slate::default(),
                history: History::default(),
                leavers: Leavers::default(),
                next_id: 0,
            }),
            groups: ArcSwap::default(),
            judge: Arc::default(),
            turned: Notify::new(),
            events: OnceLock::new(),
            shortages: Shortages::new(Instant::now()),
        };
        let mut core = pool.core();
        pool.set_backends(&mut core, backends, false, Instant::now());
        drop(core);
        pool
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

    /// How many backends are healthy and take sessions.
    #[must_use]
    pub fn up_count(&self) -> usize {
        self.snapshot.load().usable
    }

    /// Whether nobody is healthy, so that every backend in service takes sessions.
    #[must_use]
    pub fn is_failing_open(&self) -> bool {
        self.snapshot.load().failing_open
    }

    /// The latest transitions, oldest first.
    #[must_use]
    pub fn transitions(&self) -> Vec<PastTransition> {
        self.core().history.transitions()
    }

    /// Chooses a backend for a session of `client` that has tried `tried` in vain, and takes a place there. Takes no
    /// lock.
    ///
    /// # Errors
    /// Why there is none.
    pub fn pick(&self, client: IpAddr, tried: &[BackendId]) -> Result<Assigned, NoBackend> {
        self.snapshot.load().pick(&self.cursor, client, tried)
    }

    /// Makes these the backends from now on. One that stays, by name and address, keeps its health, counters and
    /// sessions, and takes on the attributes given here; one that goes takes no new sessions and is [`Self::leaving`]
    /// until its last one has ended; the weight of one that comes ramps where a slow start is set.
    pub fn replace(&self, backends: Vec<BackendSpec>) {
        self.replace_at(backends, Instant::now());
    }

    /// The same at a given time.
    pub fn replace_at(&self, backends: Vec<BackendSpec>, now: Instant) {
        self.follow(backends, true, now);
    }

    /// The same, where those that come need not be `eased` in, as at the start of the balancer.
    pub fn follow(&self, backends: Vec<BackendSpec>, eased: bool, now: Instant) {
        let mut core = self.core();
        let come = self.set_backends(&mut core, backends, eased, now);
        drop(core);
        self.welcome(&come);
    }

    /// The same together with another policy and other rules, all at once for whoever picks.
    pub fn reconfigure(&self, backends: Vec<BackendSpec>, policy: Policy, rules: HealthRules) {
        let mut core = self.core();
        core.policy = policy;
        core.roster.set_rules(rules);
        let come = self.set_backends(&mut core, backends, true, Instant::now());
        drop(core);
        self.welcome(&come);
    }

    fn welcome(&self, come: &[Arc<Backend>]) {
        for backend in come {
            info!(backend = backend.name(), address = %backend.address(), "backend joined");
        }
        self.judge.notify_one();
    }

    /// Returns those that have come.
    fn set_backends(
        &self,
        core: &mut Core,
        specs: Vec<BackendSpec>,
        eased: bool,
        now: Instant,
    ) -> Vec<Arc<Backend>> {
        let mut before = self.backends();
        let mut backends = Vec::new();
        let mut come = Vec::new();
        for spec in specs {
            let same = |backend: &Arc<Backend>| {
                backend.name() == spec.name && backend.address() == spec.address
            };
            let backend = match before.iter().position(same) {
                Some(at) => {
                    let backend = before.swap_remove(at);
                    backend.set_attributes(spec.attributes);
                    backend
                }
                None => {
                    let backend = core.enter(spec, &self.judge);
                    come.push(Arc::clone(&backend));
                    backend
                }
            };
            backends.push(backend);
        }
        let members: Vec<_> = backends
            .iter()
            .map(|backend| (backend.id(), backend.share()))
            .collect();
        let changes = core.roster.set_members(&members, eased, now);
        let slate = core.roster.slate(now);
        self.install(core, backends, slate);
        for backend in &come {
            // One that comes back begins anew: what was published is from before it left.
            self.republish(core, backend, None);
        }
        for gone in before {
            core.leave(gone, self.events.get(), now);
        }
        self.apply(core, changes, now);
        come
    }

    /// The backends that the pool does not have any more, as long as they have sessions.
    #[must_use]
    pub fn leaving(&self) -> Vec<Leaving> {
        self.core().leavers.with_sessions()
    }

    /// Every backend, then those that are leaving and whose name no other has: as many as may be shown by name.
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

    /// What is known about the names behind which backends are looked for.
    #[must_use]
    pub fn groups(&self) -> Arc<Vec<GroupReport>> {
        self.groups.load_full()
    }

    /// Tells what is known about those names.
    pub(crate) fn report_groups(&self, groups: Vec<GroupReport>) {
        self.groups.store(Arc::new(groups));
    }

    /// What an operator, `who`, wants of a backend from now on.
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

    /// The same at a given time.
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
        let changes = core.roster.set_admin(id, state, who, now);
        self.apply(&mut core, changes, now);
        backend.checker.notify_one();
        self.judge.notify_one();
        Ok(())
    }

    /// Changes the weight of a backend, until the configuration is read again.
    ///
    /// # Errors
    /// The pool has no such backend.
    pub fn set_weight(&self, id: BackendId, weight: u32) -> Result<(), UnknownBackend> {
        let backend = self.backend(id).ok_or(UnknownBackend)?;
        let now = Instant::now();
        let mut core = self.core();
        backend.set_attributes(Attributes {
            weight,
            ..backend.attributes()
        });
        let backends = self.backends();
        let members: Vec<_> = backends
            .iter()
            .map(|backend| (backend.id(), backend.share()))
            .collect();
        let changes = core.roster.set_members(&members, true, now);
        let slate = core.roster.slate(now);
        self.install(&mut core, backends, slate);
        self.apply(&mut core, changes, now);
        self.judge.notify_one();
        Ok(())
    }

    /// Takes in a check of a backend; how soon to check it again.
    pub fn observe_check(&self, backend: &Backend, check: CheckReport, now: Instant) -> Pace {
        backend.count_check(&check);
        let signal = match &check.outcome {
            Ok(()) => Signal::CheckPassed,
            Err(failure) => Signal::CheckFailed(failure.clone()),
        };
        let mut core = self.core();
        let changes = core.roster.observe(backend.id(), signal, now);
        let changed = !changes.is_empty();
        self.apply(&mut core, changes, now);
        self.republish(&core, backend, Some(check));
        if changed {
            // There may be a time now at which something is due.
            self.judge.notify_one();
        }
        core.roster
            .health(backend.id())
            .map_or(Pace::Normal, |health| health.pace())
    }

    /// Looks at what sessions have met and at what is due by `now`; when time alone will change something again.
    pub fn attend(&self, now: Instant) -> Option<Instant> {
        let mut core = self.core();
        let changes = core.roster.tick(now);
        self.apply(&mut core, changes, now);
        for backend in self.backends() {
            for signal in backend.streak().signals() {
                let changes = core.roster.observe(backend.id(), signal, now);
                self.apply(&mut core, changes, now);
            }
        }
        let look = core.leavers.look(now);
        core.roster.due(now).into_iter().chain(look).min()
    }

    /// Waits until others may be picked than before: somebody who waits for a place may have one now. For one waiter.
    pub(crate) async fn turned(&self) {
        self.turned.notified().await;
    }

    /// Has transitions told as events, too. Only the first call counts.
    pub(crate) fn tell_events(&self, events: Events) {
        let _ = self.events.set(events);
    }

    /// Wakes when [`Self::attend`] has something to look at, the set of backends included.
    pub(crate) async fn changed(&self) {
        self.judge.notified().await;
    }

    /// Publishes, remembers and announces what changed, and swaps in who may be picked now.
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
        let slate = core.roster.slate(now);
        if slate != core.slate {
            self.install(core, self.backends(), slate);
        }
    }

    /// Lets workers know who may be picked from now on.
    fn install(&self, core: &mut Core, backends: Vec<Arc<Backend>>, slate: Slate) {
        if slate.failing_open != core.slate.failing_open {
            let events = self.events.get();
            history::announce_fail_open(events, slate.failing_open, slate.first.len());
        }
        let snapshot = Snapshot::new(backends, &slate, core.policy);
        snapshot.publish_weights();
        core.slate = slate;
        self.snapshot.store(Arc::new(snapshot));
        self.turned.notify_one();
    }

    fn republish(&self, core: &Core, backend: &Backend, check: Option<CheckReport>) {
        let Some(health) = core.roster.health(backend.id()) else {
            return;
        };
        let before = backend.report();
        backend.publish(HealthReport {
            state: health.state(),
            reason: health.reason(),
            since: core
                .history
                .last_change(backend.id())
                .unwrap_or(before.since),
            admin: health.admin(),
            progress: health.progress(core.roster.rules()),
            last_check: check.or_else(|| before.last_check.clone()),
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

    /// A panic while it was held leaves a state that is old, not wrong.
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// A new backend; or one that comes back before its last session has ended, which begins anew.
    fn enter(&mut self, spec: BackendSpec, judge: &Arc<Notify>) -> Arc<Backend> {
        let same =
            |backend: &Backend| backend.name() == spec.name && backend.address() == spec.address;
        if let Some(backend) = self.leavers.take_back(same) {
            backend.set_attributes(spec.attributes);
            backend.streak().clear();
            backend.checker.notify_one();
            return backend;
        }
        let id = BackendId(self.next_id);
        self.next_id += 1;
        Arc::new(Backend::new(id, spec, Arc::clone(judge)))
    }

    /// From now on the backend is only there for the sessions that it has.
    fn leave(&mut self, backend: Arc<Backend>, events: Option<&Events>, now: Instant) {
        let transition = leaving::transition(&backend);
        backend.count_transition(&transition);
        if let Some(events) = events {
            history::tell(events, &backend, &transition);
        }
        backend.set_weight_tenths(0);
        self.history.add(&backend, transition);
        backend.publish(leaving::report(&backend));
        self.leavers.add(backend, now);
    }
}

#[cfg(test)]
mod tests;
