//! The counters of the process. Everything about sessions is counted from their records.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::core::session_record::SessionRecord;
use crate::core::termination::Termination;
use crate::core::traffic::Traffic;

/// The counters of the process, shared by the workers.
#[derive(Debug)]
pub struct Counters {
    active: AtomicU64,
    finished: Box<[AtomicU64]>,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
    retries: AtomicU64,
    last_resort_served: AtomicU64,
    last_resort_refused: AtomicU64,
    accept_errors: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            active: AtomicU64::new(0),
            finished: Termination::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            last_resort_served: AtomicU64::new(0),
            last_resort_refused: AtomicU64::new(0),
            accept_errors: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// Counts a session, for the process and for its backends.
    pub(crate) fn count(&self, record: &SessionRecord) {
        self.count_of_service(record);
        for (backend, _) in &record.failures {
            backend.count_error();
        }
        if let Some(backend) = &record.backend {
            backend.count_session(record.termination, record.signal());
        }
    }

    /// Counts a session, for its service.
    pub(crate) fn count_of_service(&self, record: &SessionRecord) {
        if let Some(finished) = self.finished.get(record.termination.index()) {
            finished.fetch_add(1, Relaxed);
        }
        let retries = record.retries() as u64;
        if retries > 0 {
            self.retries.fetch_add(retries, Relaxed);
        }
        if record.last_resort {
            let count = match record.backend {
                Some(_) => &self.last_resort_served,
                None => &self.last_resort_refused,
            };
            count.fetch_add(1, Relaxed);
        }
    }

    /// Counts bytes of a session.
    pub(crate) fn count_traffic(&self, traffic: Traffic) {
        self.bytes_up.fetch_add(traffic.up, Relaxed);
        self.bytes_down.fetch_add(traffic.down, Relaxed);
    }

    /// Counts a session as active, until [`Self::close`].
    pub(crate) fn open(&self) {
        self.active.fetch_add(1, Relaxed);
    }

    /// Undoes [`Self::open`].
    pub(crate) fn close(&self) {
        self.active.fetch_sub(1, Relaxed);
    }

    /// Counts a connection that the system could not hand over.
    pub(crate) fn count_accept_error(&self) {
        self.accept_errors.fetch_add(1, Relaxed);
    }

    /// Open sessions.
    #[must_use]
    pub fn active(&self) -> u64 {
        self.active.load(Relaxed)
    }

    /// Sessions since the start, including open ones.
    #[must_use]
    pub fn total(&self) -> u64 {
        let finished = self.finished.iter().map(|count| count.load(Relaxed));
        finished.sum::<u64>() + self.active()
    }

    /// Sessions that ended with this code.
    #[must_use]
    pub fn finished(&self, end: Termination) -> u64 {
        self.finished
            .get(end.index())
            .map_or(0, |count| count.load(Relaxed))
    }

    /// The same for every code.
    pub(crate) fn by_termination(&self) -> Vec<(&'static str, u64)> {
        let all = Termination::ALL.iter();
        all.map(|&end| (end.code(), self.finished(end))).collect()
    }

    /// Bytes from clients to backends; bytes of open sessions are counted some seconds late.
    #[must_use]
    pub fn bytes_up(&self) -> u64 {
        self.bytes_up.load(Relaxed)
    }

    /// Bytes from backends to clients, counted in the same way.
    #[must_use]
    pub fn bytes_down(&self) -> u64 {
        self.bytes_down.load(Relaxed)
    }

    /// Connect attempts to another backend after a failed one.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }

    /// Sessions served by a backend that is down or ejected, because no usable one was available.
    #[must_use]
    pub fn last_resort_served(&self) -> u64 {
        self.last_resort_served.load(Relaxed)
    }

    /// Sessions that not even such a backend accepted.
    #[must_use]
    pub fn last_resort_refused(&self) -> u64 {
        self.last_resort_refused.load(Relaxed)
    }

    /// Connections that could not be accepted.
    #[must_use]
    pub fn accept_errors(&self) -> u64 {
        self.accept_errors.load(Relaxed)
    }
}
