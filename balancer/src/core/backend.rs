//! One backend: its settings, its published health and its counters.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use netsocket_settings::AdminAddress;
use tokio::sync::Notify;

use crate::core::balance::{BackendId, Load, Ranking};
use crate::core::connect_times::ConnectTimes;
use crate::core::full_name::full_name;
use crate::core::health::{
    AdminState, AgentWish, CheckFailure, Reason, SessionSignal, Share, State, Streak, Transition,
    Wake,
};
pub use crate::core::limits::MAX_WEIGHT;
pub use crate::core::own_rules::{OnDown, OwnRules};
use crate::core::proxy_protocol::ProxySend;
use crate::core::termination::Termination;
use crate::core::traffic::Traffic;

/// The weight of a backend without a configured one.
pub const DEFAULT_WEIGHT: u32 = 1;

/// A backend as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendSpec {
    /// Its name in logs, metrics and the API.
    pub name: String,
    /// The address it listens on, TCP or a unix socket.
    pub address: AdminAddress,
    /// Its role in the pool.
    pub attributes: Attributes,
}

/// The role of a backend in its pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// Its share of sessions relative to the other backends; 0: no new sessions.
    pub weight: u32,
    /// Whether it serves only when no primary is usable.
    pub backup: bool,
    /// Maximum number of open sessions; `None`: unlimited.
    pub max_connections: Option<NonZeroU32>,
    /// The port that health checks use; `None`: the port it serves on.
    pub check_port: Option<NonZeroU16>,
    /// What it has for itself and not from its pool; `None`: nothing.
    pub own: Option<Arc<OwnRules>>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            weight: DEFAULT_WEIGHT,
            backup: false,
            max_connections: None,
            check_port: None,
            own: None,
        }
    }
}

/// A backend, shared by the workers: everything that changes is an atomic or swapped as a whole.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use netsocket_balancer::Config;
/// use netsocket_balancer::backend::{Attributes, BackendSpec, CheckReport};
/// use netsocket_balancer::balance::Policy;
/// use netsocket_balancer::pool::Pool;
///
/// let spec = BackendSpec {
///     name: "server".to_owned(),
///     address: "127.0.0.1:9000".parse()?,
///     attributes: Attributes::default(),
/// };
/// let pool = Pool::new(vec![spec], Policy::default(), Config::default().health, 0);
/// let backend = &pool.backends()[0];
/// assert_eq!(backend.weight_tenths(), 0);
/// let passed = CheckReport::new(Ok(()), Duration::from_millis(1));
/// pool.observe_check(backend, passed, tokio::time::Instant::now());
/// assert_eq!(backend.weight_tenths(), 10);
///
/// let session = pool.pick("192.0.2.7".parse()?, &[])?;
/// assert_eq!(backend.figures().active, 1);
/// drop(session);
/// assert_eq!(backend.figures().active, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Backend {
    id: BackendId,
    /// The name of its pool.
    pool: Arc<str>,
    name: String,
    address: AdminAddress,
    attributes: ArcSwap<Attributes>,
    report: ArcSwap<HealthReport>,
    /// What its agent wants.
    agent: ArcSwap<AgentWish>,
    pub(crate) agent_counts: AgentCounts,
    /// The effective share of its weight, in tenths.
    tenths: AtomicU32,
    streak: Streak,
    /// Wakes the task that evaluates the health of the pool.
    evaluator: Arc<Notify>,
    /// Wakes the task that checks this backend.
    pub(crate) checker: Notify,
    load: Arc<Load>,
    /// Where it is ranked by its load, if anywhere.
    place: ArcSwapOption<Place>,
    finished: AtomicU64,
    errors: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
    connect_micros: AtomicU64,
    connect_times: ConnectTimes,
    checks_passed: AtomicU64,
    checks_failed: AtomicU64,
    /// Which of its sources is next.
    source_turn: AtomicUsize,
    no_ports: AtomicU64,
    transitions: Mutex<BTreeMap<(State, &'static str), u64>>,
}

/// How often the agent of a backend was asked, by what came of it.
#[derive(Debug, Default)]
pub(crate) struct AgentCounts {
    pub(crate) answered: AtomicU64,
    /// Answers with a word that means nothing.
    pub(crate) unknown: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Why the latest question failed; empty if it did not.
    pub(crate) problem: ArcSwap<String>,
}

/// The place of a backend in a ranking.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) ranking: Arc<Ranking>,
    pub(crate) index: usize,
}

/// The health of a backend as last published.
#[derive(Debug, Clone)]
pub struct HealthReport {
    /// The state.
    pub state: State,
    /// Why it is in that state.
    pub reason: Reason,
    /// When it entered that state.
    pub since: SystemTime,
    /// The state an operator has set.
    pub admin: AdminState,
    /// Consecutive checks that contradict the state, and how many of them change it.
    pub progress: (u32, NonZeroU32),
    /// The most recent check.
    pub last_check: Option<CheckReport>,
}

/// The result of one health check.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// Passed, or why it failed.
    pub outcome: Result<(), CheckFailure>,
    /// How long it took.
    pub took: Duration,
    /// When it ended.
    pub at: SystemTime,
}

impl CheckReport {
    /// A check that ended just now.
    #[must_use]
    pub fn new(outcome: Result<(), CheckFailure>, took: Duration) -> Self {
        Self {
            outcome,
            took,
            at: SystemTime::now(),
        }
    }
}

/// A snapshot of the counters of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendFigures {
    /// Open sessions, including those that are still connecting.
    pub active: u64,
    /// Sessions since the start, including the open ones.
    pub total: u64,
    /// Finished sessions.
    pub finished: u64,
    /// Failed connects, and sessions that it broke or left without an answer.
    pub errors: u64,
    /// Bytes from clients to it; bytes of open sessions are counted some seconds late.
    pub bytes_up: u64,
    /// Bytes from it to clients, counted in the same way.
    pub bytes_down: u64,
    /// Duration of the latest successful connect.
    pub connect: Duration,
    /// Checks that passed.
    pub checks_passed: u64,
    /// Checks that failed.
    pub checks_failed: u64,
}

impl Backend {
    pub(crate) fn new(
        id: BackendId,
        pool: Arc<str>,
        spec: BackendSpec,
        evaluator: Arc<Notify>,
    ) -> Self {
        let report = HealthReport {
            state: State::Down,
            reason: Reason::NotChecked,
            since: SystemTime::now(),
            admin: AdminState::Ready,
            progress: (0, NonZeroU32::MIN),
            last_check: None,
        };
        let backend = Self {
            id,
            pool,
            name: spec.name,
            address: spec.address,
            attributes: ArcSwap::from_pointee(spec.attributes.clone()),
            report: ArcSwap::from_pointee(report),
            agent: ArcSwap::default(),
            agent_counts: AgentCounts::default(),
            tenths: AtomicU32::new(0),
            streak: Streak::default(),
            evaluator,
            checker: Notify::new(),
            load: Arc::default(),
            place: ArcSwapOption::default(),
            finished: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
            connect_micros: AtomicU64::new(0),
            connect_times: ConnectTimes::default(),
            checks_passed: AtomicU64::new(0),
            checks_failed: AtomicU64::new(0),
            source_turn: AtomicUsize::new(0),
            no_ports: AtomicU64::new(0),
            transitions: Mutex::default(),
        };
        backend.set_attributes(spec.attributes);
        backend
    }

    /// Its identifier, unique among all backends that the pool has or had.
    #[must_use]
    pub fn id(&self) -> BackendId {
        self.id
    }

    /// Its name in the settings.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its pool.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// What tells it from the backends of all pools.
    #[must_use]
    pub fn full_name(&self) -> String {
        full_name(&self.pool, &self.name)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> &AdminAddress {
        &self.address
    }

    /// Its role in the pool.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        Attributes::clone(&self.attributes.load())
    }

    /// What it has for itself.
    pub(crate) fn own(&self) -> Option<Arc<OwnRules>> {
        self.attributes.load().own.clone()
    }

    /// The header that it gets, where it has one of its own.
    pub(crate) fn proxy_send(&self) -> Option<ProxySend> {
        self.attributes.load().own.as_ref()?.proxy_send
    }

    /// The address of this machine to connect from, the next in turn; `None`: any. `again`: how many have had no port left.
    pub(crate) fn source(&self, again: usize) -> Option<IpAddr> {
        let attributes = self.attributes.load();
        let sources = &attributes.own.as_ref()?.sources;
        let turn = match again {
            0 => self.source_turn.fetch_add(1, Relaxed),
            _ => self.source_turn.load(Relaxed).wrapping_add(again - 1),
        };
        sources.get(turn % sources.len().max(1)).copied()
    }

    /// How many addresses there are to connect from.
    pub(crate) fn source_count(&self) -> usize {
        let attributes = self.attributes.load();
        attributes.own.as_ref().map_or(0, |own| own.sources.len())
    }

    /// Counts a connect for which no local port was left.
    pub(crate) fn count_no_port(&self) {
        self.no_ports.fetch_add(1, Relaxed);
    }

    /// How often no local port was left for it.
    #[must_use]
    pub fn no_ports(&self) -> u64 {
        self.no_ports.load(Relaxed)
    }

    /// Its settings.
    #[must_use]
    pub fn spec(&self) -> BackendSpec {
        BackendSpec {
            name: self.name.clone(),
            address: self.address.clone(),
            attributes: self.attributes(),
        }
    }

    /// Its effective share of the weight in tenths: 0 while it takes no sessions, less than 10 during a slow start.
    #[must_use]
    pub fn weight_tenths(&self) -> u32 {
        self.tenths.load(Relaxed)
    }

    /// Tells how often it entered each state, by the label of the reason. Without a copy: all backends are asked at once.
    pub(crate) fn each_transition(&self, mut tell: impl FnMut(State, &'static str, u64)) {
        let transitions = self.transitions.lock();
        let transitions = transitions.unwrap_or_else(PoisonError::into_inner);
        for (&(state, reason), &count) in transitions.iter() {
            tell(state, reason, count);
        }
    }

    /// Its health as last published.
    #[must_use]
    pub fn report(&self) -> Arc<HealthReport> {
        self.report.load_full()
    }

    /// Its counters.
    #[must_use]
    pub fn figures(&self) -> BackendFigures {
        let active = self.load.active();
        let finished = self.finished.load(Relaxed);
        BackendFigures {
            active,
            total: finished + active,
            finished,
            errors: self.errors.load(Relaxed),
            bytes_up: self.bytes_up.load(Relaxed),
            bytes_down: self.bytes_down.load(Relaxed),
            connect: Duration::from_micros(self.connect_micros.load(Relaxed)),
            checks_passed: self.checks_passed.load(Relaxed),
            checks_failed: self.checks_failed.load(Relaxed),
        }
    }

    /// Duration of connects of sessions.
    #[must_use]
    pub fn connect_times(&self) -> &ConnectTimes {
        &self.connect_times
    }

    /// Reports what a session experienced. Never blocks; while the backend works it reads one number and writes nothing.
    pub fn observe_session(&self, signal: SessionSignal) {
        let wake = self.streak.count(signal);
        if wake == Wake::Evaluator {
            self.evaluator.notify_one();
        }
        if wake != Wake::Nobody {
            self.checker.notify_one();
        }
    }

    pub(crate) fn streak(&self) -> &Streak {
        &self.streak
    }

    pub(crate) fn set_attributes(&self, attributes: Attributes) {
        self.attributes.store(Arc::new(attributes));
        self.set_most();
    }

    /// The limit of the settings, unless its agent says another.
    fn set_most(&self) {
        let configured = self.attributes.load().max_connections.map(NonZeroU32::get);
        let most = self.agent.load().most.or(configured);
        self.load
            .set_most(most.filter(|&most| most > 0).map(u64::from));
        self.load_changed();
    }

    /// What its agent wants.
    #[must_use]
    pub fn agent(&self) -> Arc<AgentWish> {
        self.agent.load_full()
    }

    /// How often its agent has answered, understood or not.
    #[must_use]
    pub fn agent_answers(&self) -> u64 {
        let AgentCounts {
            answered, unknown, ..
        } = &self.agent_counts;
        answered.load(Relaxed) + unknown.load(Relaxed)
    }

    pub(crate) fn set_agent(&self, wish: AgentWish) {
        self.agent.store(Arc::new(wish));
        self.set_most();
    }

    pub(crate) fn share(&self) -> Share {
        let attributes = self.attributes.load();
        let own = attributes.own.as_ref();
        Share {
            percent: self.agent.load().percent,
            thresholds: own.and_then(|own| own.thresholds),
            ..Share::new(attributes.weight, attributes.backup)
        }
    }

    pub(crate) fn set_weight_tenths(&self, tenths: u32) {
        self.tenths.store(tenths, Relaxed);
    }

    /// Where it is checked.
    pub(crate) fn check_address(&self) -> AdminAddress {
        let AdminAddress::Tcp(address) = self.address else {
            return self.address.clone();
        };
        let attributes = self.attributes.load();
        let port = attributes
            .check_port
            .map_or(address.port(), NonZeroU16::get);
        let own = attributes.own.as_ref();
        let ip = own.and_then(|own| own.check_address);
        SocketAddr::new(ip.unwrap_or(address.ip()), port).into()
    }

    pub(crate) fn publish(&self, report: HealthReport) {
        self.report.store(Arc::new(report));
    }

    pub(crate) fn count_check(&self, check: &CheckReport) {
        match check.outcome {
            Ok(()) => self.checks_passed.fetch_add(1, Relaxed),
            Err(_) => self.checks_failed.fetch_add(1, Relaxed),
        };
    }

    pub(crate) fn count_transition(&self, transition: &Transition) {
        let mut counts = self
            .transitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *counts
            .entry((transition.to, transition.reason.label()))
            .or_default() += 1;
    }

    /// The sessions that it has now.
    pub(crate) fn active(&self) -> u64 {
        self.load.active()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.load.is_full()
    }

    /// What a ranking is made of.
    pub(crate) fn load(&self) -> &Arc<Load> {
        &self.load
    }

    /// Where it is ranked from now on. The ranking has to be settled afterwards.
    pub(crate) fn set_place(&self, place: Option<Place>) {
        if place.is_some() || self.place.load().is_some() {
            self.place.store(place.map(Arc::new));
        }
    }

    fn load_changed(&self) {
        if let Some(place) = &*self.place.load() {
            place.ranking.refresh(place.index);
        }
    }

    /// Takes a place for a session, which [`Assigned`] gives back; never more than there are.
    pub(crate) fn acquire(&self) -> bool {
        let acquired = self.load.acquire();
        self.load_changed();
        acquired
    }

    /// Counts a connect of a session that succeeded.
    pub(crate) fn count_connect(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.connect_micros.store(micros, Relaxed);
        self.connect_times.count(took);
    }

    /// Counts a session that it took, and learns from how it ended: `signal` is what the end says of it.
    pub(crate) fn count_session(&self, termination: Termination, signal: Option<SessionSignal>) {
        self.finished.fetch_add(1, Relaxed);
        if termination.is_backend_error() {
            self.count_error();
        }
        if let Some(signal) = signal {
            self.observe_session(signal);
        }
    }

    /// Counts bytes of a session that it has.
    pub(crate) fn count_traffic(&self, traffic: Traffic) {
        self.bytes_up.fetch_add(traffic.up, Relaxed);
        self.bytes_down.fetch_add(traffic.down, Relaxed);
    }

    /// Counts a connect that failed, or a session that it broke.
    pub(crate) fn count_error(&self) {
        self.errors.fetch_add(1, Relaxed);
    }
}

/// A session's slot at a backend: the session counts as open until this is dropped.
#[derive(Debug)]
pub struct Assigned {
    backend: Arc<Backend>,
    last_resort: bool,
}

impl Assigned {
    /// A slot taken by [`Backend::acquire`].
    pub(crate) fn acquired(backend: &Arc<Backend>) -> Self {
        Self {
            backend: Arc::clone(backend),
            last_resort: false,
        }
    }

    /// The same, of one that is not usable.
    pub(crate) fn as_last_resort(backend: &Arc<Backend>) -> Self {
        Self {
            backend: Arc::clone(backend),
            last_resort: true,
        }
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// Whether the backend is down or ejected and was picked because no usable one was available.
    #[must_use]
    pub fn is_last_resort(&self) -> bool {
        self.last_resort
    }
}

impl Drop for Assigned {
    fn drop(&mut self) {
        self.backend.load.release();
        self.backend.load_changed();
    }
}
