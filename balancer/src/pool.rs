//! The backends of the balancer, who of them is fit, and who takes the next session.
//!
//! Workers read an immutable snapshot without a lock. The control side tells what it learns ([`Pool::observe_check`],
//! [`Pool::attend`], [`Pool::set_admin_state`], [`Pool::replace`]); whenever that changes who may be picked, it swaps in
//! a new one. What is decided, is decided by [`Roster`] and [`Policy`]; the pool remembers, publishes and announces it.

mod history;
mod snapshot;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use netsocket_telemetry::Events;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use history::PastTransition;
pub use snapshot::NoBackend;

use self::history::History;
use self::snapshot::Snapshot;
use crate::backend::{Assigned, Backend, BackendSpec, CheckReport, HealthReport};
use crate::balance::{BackendId, Cursor, Policy};
use crate::health::{AdminState, Changes, HealthRules, Pace, Roster, Signal, Slate};

/// The name of the only pool there is.
pub const DEFAULT_POOL: &str = "default";

/// A set of interchangeable backends.
#[derive(Debug)]
pub struct Pool {
    policy: Policy,
    cursor: Cursor,
    snapshot: ArcSwap<Snapshot>,
    core: Mutex<Core>,
    /// Something has happened that [`Self::attend`] is to look at.
    judge: Arc<Notify>,
    /// Where transitions are told besides the log.
    events: OnceLock<Events>,
}

/// What only the control side touches.
#[derive(Debug)]
struct Core {
    roster: Roster,
    slate: Slate,
    history: History,
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
            policy,
            cursor: Cursor::starting_at(start),
            snapshot: ArcSwap::default(),
            core: Mutex::new(Core {
                roster: Roster::new(rules),
                slate: Slate::default(),
                history: History::default(),
                next_id: 0,
            }),
            judge: Arc::default(),
            events: OnceLock::new(),
        };
        pool.set_backends(backends, false, Instant::now());
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
        self.policy
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
    /// sessions, and takes on the attributes given here; one that goes takes no new sessions; the weight of one that
    /// comes ramps where a slow start is set.
    pub fn replace(&self, backends: Vec<BackendSpec>) {
        self.replace_at(backends, Instant::now());
    }

    /// The same at a given time.
    pub fn replace_at(&self, backends: Vec<BackendSpec>, now: Instant) {
        self.set_backends(backends, true, now);
        self.judge.notify_one();
    }

    fn set_backends(&self, specs: Vec<BackendSpec>, eased: bool, now: Instant) {
        let mut core = self.core();
        let mut before = self.backends();
        let mut backends = Vec::new();
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
                    let id = BackendId(core.next_id);
                    core.next_id += 1;
                    Arc::new(Backend::new(id, spec, Arc::clone(&self.judge)))
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
        self.install(&mut core, backends, slate);
        self.apply(&mut core, changes, now);
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
        core.roster.due(now)
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
        let snapshot = Snapshot::new(backends, &slate, self.policy);
        snapshot.publish_weights();
        core.slate = slate;
        self.snapshot.store(Arc::new(snapshot));
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

#[cfg(test)]
mod tests;
