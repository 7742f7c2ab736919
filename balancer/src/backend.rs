//! One server behind the balancer: who it is, how it is, and what it has done.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use crate::balance::BackendId;
use crate::connect::ConnectFailure;
use crate::health::{Health, Reason, State, Transition};
use crate::record::SessionRecord;
use crate::termination::Termination;

/// A backend. Workers share it; everything that changes is an atomic or swapped as a whole.
#[derive(Debug)]
pub struct Backend {
    id: BackendId,
    name: String,
    address: SocketAddr,
    report: ArcSwap<HealthReport>,
    active: AtomicU64,
    finished: AtomicU64,
    errors: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
    connect_micros: AtomicU64,
    checks_passed: AtomicU64,
    checks_failed: AtomicU64,
}

/// What the health check last published.
#[derive(Debug, Clone)]
pub struct HealthReport {
    /// Whether it takes sessions.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: SystemTime,
    /// The latest check.
    pub last_check: Option<CheckReport>,
}

/// One check.
#[derive(Debug, Clone, Copy)]
pub struct CheckReport {
    /// Passed, or how it failed.
    pub outcome: Result<(), ConnectFailure>,
    /// How long it took.
    pub took: Duration,
    /// When it ended.
    pub at: SystemTime,
}

impl CheckReport {
    pub(crate) fn new(outcome: Result<(), ConnectFailure>, took: Duration) -> Self {
        Self {
            outcome,
            took,
            at: SystemTime::now(),
        }
    }
}

/// The counters of a backend at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendFigures {
    /// Sessions it has now, those that are still connecting included.
    pub active: u64,
    /// Sessions it has taken since the start, the active ones included.
    pub total: u64,
    /// Sessions it has taken that are over.
    pub finished: u64,
    /// Failed connects, and sessions that it broke or left waiting.
    pub errors: u64,
    /// Bytes from clients to it, in sessions that are over.
    pub bytes_up: u64,
    /// Bytes from it to clients, in sessions that are over.
    pub bytes_down: u64,
    /// The latest connect that succeeded.
    pub connect: Duration,
    /// Checks that passed.
    pub checks_passed: u64,
    /// Checks that failed.
    pub checks_failed: u64,
}

impl Backend {
    pub(crate) fn new(id: BackendId, name: String, address: SocketAddr) -> Self {
        let report = HealthReport {
            state: State::Down,
            reason: Reason::NotChecked,
            since: SystemTime::now(),
            last_check: None,
        };
        Self {
            id,
            name,
            address,
            report: ArcSwap::from_pointee(report),
            active: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
            connect_micros: AtomicU64::new(0),
            checks_passed: AtomicU64::new(0),
            checks_failed: AtomicU64::new(0),
        }
    }

    /// Its position in the pool.
    #[must_use]
    pub fn id(&self) -> BackendId {
        self.id
    }

    /// The name that the configuration gives it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its health as last published.
    #[must_use]
    pub fn report(&self) -> Arc<HealthReport> {
        self.report.load_full()
    }

    /// Its counters.
    #[must_use]
    pub fn figures(&self) -> BackendFigures {
        let active = self.active.load(Relaxed);
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

    /// Publishes a check and what the state machine made of it.
    pub(crate) fn report_check(
        &self,
        check: CheckReport,
        health: &Health,
        transition: Option<Transition>,
    ) {
        match check.outcome {
            Ok(()) => self.checks_passed.fetch_add(1, Relaxed),
            Err(_) => self.checks_failed.fetch_add(1, Relaxed),
        };
        let since = match transition {
            Some(_) => check.at,
            None => self.report.load().since,
        };
        self.report.store(Arc::new(HealthReport {
            state: health.state(),
            reason: health.reason(),
            since,
            last_check: Some(check),
        }));
    }

    /// Counts a session that it took.
    pub(crate) fn count_session(&self, record: &SessionRecord) {
        self.finished.fetch_add(1, Relaxed);
        self.bytes_up.fetch_add(record.traffic.up, Relaxed);
        self.bytes_down.fetch_add(record.traffic.down, Relaxed);
        let micros = u64::try_from(record.handshake.as_micros()).unwrap_or(u64::MAX);
        self.connect_micros.store(micros, Relaxed);
        if Termination::is_backend_error(record.termination) {
            self.count_error();
        }
    }

    /// Counts a connect that failed, or a session that it broke.
    pub(crate) fn count_error(&self) {
        self.errors.fetch_add(1, Relaxed);
    }
}

/// A session's hold on a backend: it counts as active until this is dropped.
#[derive(Debug)]
pub(crate) struct Assigned(Arc<Backend>);

impl Assigned {
    pub(crate) fn new(backend: Arc<Backend>) -> Self {
        backend.active.fetch_add(1, Relaxed);
        Self(backend)
    }

    pub(crate) fn backend(&self) -> &Arc<Backend> {
        &self.0
    }
}

impl Drop for Assigned {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
    }
}
