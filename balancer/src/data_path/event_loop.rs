//! The event loop of one worker: drives its sessions by events, deadlines, and further steps for those that yielded.

use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::time::Instant;
use tracing::error;

use crate::core::backend::Assigned;
use crate::core::balance::BackendId;
use crate::core::session_id::Index;
use crate::core::session_id::SessionId;
use crate::data_path::client::Client;
use crate::data_path::early_read::EarlyRead;
use crate::data_path::log_buffers::LogBuffers;
use crate::data_path::poller::{Events, Poller, Readiness, Subject};
use crate::data_path::relay::BUFFER_SIZE;
use crate::data_path::session::{Session, Step, StepContext};
use crate::data_path::session_table::SessionTable;
use crate::data_path::session_view::SessionView;
use crate::data_path::shared::Shared;
use crate::data_path::timer_wheel::TimerWheel;
use crate::data_path::upstream::Upstream;

/// What the worker has to do for an event.
pub(crate) enum Action {
    /// Accept from the listener at this place.
    Accept(Index),
    /// Read the mail.
    Receive,
    /// Nothing: it was a session's, and is done.
    Done,
}

/// The sessions of one thread.
pub(crate) struct EventLoop {
    shared: Arc<Shared>,
    /// The number of the worker.
    worker: u16,
    /// Sessions begun, to tell one from the next at its place.
    pub(crate) begun: u16,
    log_buffers: LogBuffers,
    pub(crate) poller: Poller,
    timers: TimerWheel,
    sessions: SessionTable,
    /// Sessions that yielded.
    again: Vec<Index>,
    due: Vec<Index>,
    buffer: Vec<u8>,
    early_read: EarlyRead,
    now: Instant,
}

impl EventLoop {
    /// # Errors
    /// No descriptor for it.
    pub(crate) fn new(shared: Arc<Shared>, worker: usize) -> io::Result<Self> {
        let now = Instant::now();
        Ok(Self {
            log_buffers: LogBuffers::new(worker),
            shared,
            worker: u16::try_from(worker).unwrap_or(u16::MAX),
            begun: 0,
            poller: Poller::new()?,
            timers: TimerWheel::new(now),
            sessions: SessionTable::default(),
            again: Vec::new(),
            due: Vec::new(),
            buffer: vec![0; BUFFER_SIZE],
            early_read: EarlyRead::default(),
            now,
        })
    }

    /// Open sessions.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// The time of the present round.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Waits for events until `until` at the latest, and no longer than until a session is due.
    ///
    /// # Errors
    /// Events cannot be waited for.
    pub(crate) fn wait(&mut self, events: &mut Events, until: Option<Instant>) -> io::Result<()> {
        let until = if self.again.is_empty() {
            let due = self.timers.rest(self.now).map(|rest| self.now + rest);
            match (until, due) {
                (Some(until), Some(due)) => Some(until.min(due)),
                (until, due) => until.or(due),
            }
        } else {
            Some(self.now)
        };
        self.poller.wait(events, self.now, until)?;
        self.now = Instant::now();
        Ok(())
    }

    /// Makes a session of a client.
    pub(crate) fn admit(&mut self, client: Client) {
        let index = self.sessions.allocate();
        self.begun = self.begun.wrapping_add(1);
        let id = SessionId {
            worker: self.worker,
            index,
            serial: self.begun,
        };
        let shared = Arc::clone(&self.shared);
        let session = Session::new(shared, id, client, self.now);
        self.sessions.insert(index, Box::new(session));
        self.step(index, Session::begin);
    }

    /// Gives a session the slot that it was queued for.
    pub(crate) fn give_slot(&mut self, id: SessionId, slot: Assigned, upstream: &Arc<Upstream>) {
        if self.has(id) {
            self.step(id.index, |session, context| {
                session.take_slot(slot, context)
            });
        } else {
            drop(slot);
        }
        // It may not have been taken.
        self.shared.serve_queue(upstream);
    }

    /// Ends a session on purpose; with `of`, only if it is that backend's. Whether there was such a one.
    pub(crate) fn kill(&mut self, id: SessionId, of: Option<BackendId>) -> bool {
        let session = self.sessions.get(id.index);
        let has = session.is_some_and(|session| session.id() == id && session.is_of(of));
        if has {
            self.step(id.index, |session, _| session.kill());
        }
        has
    }

    /// Ends all sessions of a backend, also those that are just connecting to it. How many those were.
    pub(crate) fn kill_backend(&mut self, id: BackendId) -> usize {
        let mut killed = 0;
        for index in self.sessions.indices() {
            let session = self.sessions.get(index);
            if session.is_some_and(|session| session.is_of(Some(id))) {
                self.step(index, |session, _| session.kill());
                killed += 1;
            }
        }
        killed
    }

    /// What sessions there are; with `of`, those of that backend.
    pub(crate) fn list(&self, of: Option<BackendId>) -> Vec<SessionView> {
        let now = self.now;
        self.sessions
            .iter()
            .filter(|session| session.is_of(of))
            .map(|session| session.view(now))
            .collect()
    }

    /// Ends all that is left. How many those were.
    pub(crate) fn kill_all(&mut self) -> usize {
        let all = self.sessions.indices();
        for &index in &all {
            self.step(index, |session, _| session.kill());
        }
        all.len()
    }

    /// Ends all that is left because of an internal error.
    pub(crate) fn fault_all(&mut self) {
        for index in self.sessions.indices() {
            self.step(index, |session, _| {
                session.fault();
                Step::Close
            });
        }
    }

    fn has(&mut self, id: SessionId) -> bool {
        let session = self.sessions.get(id.index);
        session.is_some_and(|session| session.id() == id)
    }

    /// Handles an event.
    pub(crate) fn event(&mut self, subject: Subject, readiness: Readiness) -> Action {
        match subject {
            Subject::Listener(place) => return Action::Accept(place),
            Subject::Mailbox => return Action::Receive,
            // What is due is looked at in every round.
            Subject::Alarm => {}
            Subject::Client(index) => {
                self.note(index, |session| session.note_client(readiness));
            }
            Subject::Backend(index) => {
                self.note(index, |session| session.note_backend(readiness));
            }
        }
        Action::Done
    }

    /// Records an event of a session and runs a step, unless one is queued for this round anyway.
    fn note(&mut self, index: Index, note: impl FnOnce(&mut Session)) {
        let queued = self.sessions.is_queued(index);
        if let Some(session) = self.sessions.get(index) {
            note(session);
            if !queued {
                self.step(index, Session::advance);
            }
        }
    }

    /// Runs another step for sessions that yielded, and those whose deadline has passed. Ends the round.
    pub(crate) fn end_round(&mut self) {
        for index in mem::take(&mut self.again) {
            self.sessions.unqueue(index);
            self.step(index, Session::advance);
        }
        let mut due = mem::take(&mut self.due);
        self.timers.expire(self.now, &mut due);
        for index in due.drain(..) {
            self.step(index, Session::expire);
        }
        self.due = due;
        self.sessions.end_round();
    }

    /// Calls `work` on a session and acts on its result. An internal error ends that session only.
    fn step(
        &mut self,
        index: Index,
        work: impl FnOnce(&mut Session, &mut StepContext<'_>) -> Step,
    ) {
        let Some(session) = self.sessions.get(index) else {
            return;
        };
        let mut context = StepContext {
            poller: &self.poller,
            buffer: &mut self.buffer,
            early_read: &mut self.early_read,
            now: self.now,
        };
        let step = catch_unwind(AssertUnwindSafe(|| work(session, &mut context)));
        let step = step.unwrap_or_else(|_| {
            error!("session ended by an internal error");
            session.fault();
            Step::Close
        });
        match step {
            Step::Close => self.close(index),
            Step::Wait => self.timers.arm(index, session.deadline()),
            Step::Yield => {
                self.timers.arm(index, session.deadline());
                if self.sessions.queue(index) {
                    self.again.push(index);
                }
            }
        }
    }

    fn close(&mut self, index: Index) {
        self.timers.disarm(index);
        let Some(session) = self.sessions.remove(index) else {
            return;
        };
        let service = Arc::clone(session.service());
        let record = || {
            let record = session.close();
            self.shared.record(&record, &service, &mut self.log_buffers);
        };
        if catch_unwind(AssertUnwindSafe(record)).is_err() {
            error!("a session left no record because of an internal error");
        }
        self.shared.counters.close();
        service.counters.close();
    }
}
