//! One worker: a thread that accepts from the shared sockets of all services and runs its sessions.
//!
//! A session never leaves the thread that admitted it, so the data path takes no lock that another thread wants. The
//! loop is our own, not an async runtime's: decision 10 says why.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::reason;
use tokio::time::Instant;
use tracing::warn;

use crate::core::log_limiter::LogLimiter;
use crate::core::session_id::Index;
use crate::core::shortage::Resource;
use crate::data_path::acceptor::Acceptor;
use crate::data_path::event_loop::{Action, EventLoop};
use crate::data_path::listener::Listener;
use crate::data_path::mailbox::Mail;
use crate::data_path::poller::Events;
use crate::data_path::relay::{OnFailure, allow_pipes};
use crate::data_path::shared::Shared;
use crate::data_path::worker_registry::WorkerHandle;

/// Between two looks at a queue that could not be emptied at the stop.
const REST_PAUSE: Duration = Duration::from_millis(20);

/// The summary of a worker that has stopped.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WorkerSummary {
    /// Sessions that were still open at the drain deadline.
    pub(crate) killed: usize,
}

/// The phase of a worker.
enum Phase {
    Serving,
    /// Nothing new is accepted but what was in the queue at the stop.
    Draining {
        until: Instant,
    },
}

pub(crate) struct Worker {
    shared: Arc<Shared>,
    number: usize,
    event_loop: EventLoop,
    /// `None` once nothing is left to accept.
    acceptor: Option<Acceptor>,
    phase: Phase,
    /// Number of accepted clients, which selects the next worker to hand one off to.
    accepted: usize,
}

impl Worker {
    /// Creates worker `number`, which accepts from `listeners`.
    ///
    /// # Errors
    /// No descriptors for it.
    pub(crate) fn new(
        shared: Arc<Shared>,
        number: usize,
        listeners: Vec<Arc<Listener>>,
        accept_errors: Arc<LogLimiter>,
    ) -> io::Result<Self> {
        let mut event_loop = EventLoop::new(Arc::clone(&shared), number)?;
        let mut acceptor = Acceptor::new(Arc::clone(&shared), accept_errors);
        for listener in listeners {
            acceptor.add(listener, &event_loop.poller)?;
        }
        if let Some(handle) = shared.workers.worker(number) {
            event_loop.begun = handle.resume();
            event_loop.poller.watch_mailbox(&handle.mailbox)?;
        }
        Ok(Self {
            shared,
            number,
            event_loop,
            acceptor: Some(acceptor),
            phase: Phase::Serving,
            accepted: 0,
        })
    }

    /// Accepts until the stop, then works until all sessions are over or the drain deadline. If that ends in an error or a
    /// panic, its sessions have ended, too.
    ///
    /// # Errors
    /// The system takes back what it gave: events cannot be waited for, or the socket not be watched any more.
    pub(crate) fn run(mut self) -> io::Result<WorkerSummary> {
        // What is half done in the middle of a round is used for the end of the sessions only.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.work()));
        if !matches!(outcome, Ok(Ok(_))) {
            self.give_up();
        }
        outcome.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Ends all sessions, and gets no more from the other workers.
    fn give_up(&mut self) {
        let handle = self.shared.workers.worker(self.number);
        if let Some(handle) = handle {
            handle.fail(self.event_loop.begun);
        }
        // Where even this panics, the sessions end without a record.
        let _ = catch_unwind(AssertUnwindSafe(|| self.event_loop.fault_all()));
    }

    fn work(&mut self) -> io::Result<WorkerSummary> {
        let shared = Arc::clone(&self.shared);
        allow_pipes(shared.budget.pipes, no_pipe(Arc::clone(&shared)));
        let handle = shared.workers.worker(self.number);
        let mut events = Events::new();
        loop {
            while !self.is_over() {
                self.event_loop.wait(&mut events, self.deadline())?;
                self.round(&events, handle)?;
            }
            // What was sent in the last moment: clients, above all, that another worker dealt.
            let late = handle.map(|handle| handle.mailbox.close());
            self.read(late.unwrap_or_default());
            if self.is_over() {
                break;
            }
        }
        Ok(WorkerSummary {
            killed: self.event_loop.kill_all(),
        })
    }

    fn is_over(&self) -> bool {
        match self.phase {
            Phase::Serving => false,
            Phase::Draining { until } => {
                (self.acceptor.is_none() && self.event_loop.len() == 0)
                    || self.event_loop.now() >= until
            }
        }
    }

    /// When to act if nothing happens before.
    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Serving => self.acceptor.as_ref().and_then(Acceptor::deadline),
            Phase::Draining { until } if self.acceptor.is_none() => Some(until),
            Phase::Draining { until } => Some(until.min(self.event_loop.now() + REST_PAUSE)),
        }
    }

    /// Everything that can be done now, once.
    fn round(&mut self, events: &Events, handle: Option<&WorkerHandle>) -> io::Result<()> {
        for (subject, readiness) in events.iter() {
            match self.event_loop.event(subject, readiness) {
                Action::Accept(place) => self.accept(place),
                Action::Receive => self.receive(handle),
                Action::Done => {}
            }
        }
        self.event_loop.end_round();
        match self.phase {
            Phase::Serving => {
                if let Some(acceptor) = &mut self.acceptor {
                    acceptor.resume(&self.event_loop.poller, self.event_loop.now())?;
                }
            }
            Phase::Draining { .. } => self.accept_rest(),
        }
        if let Some(handle) = handle {
            handle.set_load(self.event_loop.len());
        }
        Ok(())
    }

    fn accept(&mut self, place: Index) {
        let Some(acceptor) = &mut self.acceptor else {
            return;
        };
        let event_loop = &mut self.event_loop;
        let full = acceptor.accept(place, |client| {
            self.accepted = self.accepted.wrapping_add(1);
            let own =
                self.shared
                    .workers
                    .hand_off(self.number, event_loop.len(), self.accepted, client);
            if let Some(client) = own {
                event_loop.admit(client);
            }
        });
        if let Err(error) = full {
            acceptor.pause(error, &event_loop.poller, event_loop.now());
        }
    }

    fn receive(&mut self, handle: Option<&WorkerHandle>) {
        let mail = handle.map(|handle| handle.mailbox.receive());
        self.read(mail.unwrap_or_default());
    }

    fn read(&mut self, mail: Vec<Mail>) {
        for mail in mail {
            match mail {
                Mail::Client(client) => self.event_loop.admit(client),
                Mail::Listen(listener) => self.listen(listener),
                Mail::Unlisten(id) => self.unlisten(id),
                Mail::Stop => self.stop(),
                Mail::Slot(id, slot, upstream) => self.event_loop.give_slot(id, slot, &upstream),
                // Whoever asked may have given up.
                Mail::Kill(id, of, answer) => drop(answer.send(self.event_loop.kill(id, of))),
                Mail::KillBackend(id, answer) => {
                    let _ = answer.send(self.event_loop.kill_backend(id));
                }
                Mail::Ping(answer) => drop(answer.send(())),
                #[cfg(test)]
                Mail::Panic => panic!("asked to by a test"),
                Mail::List(of, answer) => drop(answer.send(self.event_loop.list(of))),
            }
        }
    }

    fn listen(&mut self, listener: Arc<Listener>) {
        let (Phase::Serving, Some(acceptor)) = (&self.phase, &mut self.acceptor) else {
            return;
        };
        let address = listener.bound.address.to_string();
        if let Err(error) = acceptor.add(listener, &self.event_loop.poller) {
            warn!(
                error = reason(&error.into()),
                address, "a worker cannot watch a listening socket"
            );
        }
    }

    fn unlisten(&mut self, id: u64) {
        let event_loop = &mut self.event_loop;
        if let Some(acceptor) = &mut self.acceptor {
            let mut rest = Vec::new();
            acceptor.remove(id, &event_loop.poller, |client| rest.push(client));
            for client in rest {
                event_loop.admit(client);
            }
        }
    }

    fn stop(&mut self) {
        if let (Phase::Serving, Some(acceptor)) = (&self.phase, &self.acceptor) {
            acceptor.stop(&self.event_loop.poller);
            let until = self.event_loop.now() + self.shared.rules.load().drain_timeout;
            self.phase = Phase::Draining { until };
        }
    }

    /// Takes what was in the queue at the stop, and closes the socket. Where descriptors are short this waits for
    /// sessions that end.
    fn accept_rest(&mut self) {
        let event_loop = &mut self.event_loop;
        let rest = self
            .acceptor
            .as_mut()
            .is_some_and(|acceptor| !acceptor.accept_rest(|client| event_loop.admit(client)));
        if !rest {
            self.acceptor = None;
        }
    }
}

/// Tells that the system gave no pipe.
fn no_pipe(shared: Arc<Shared>) -> OnFailure {
    Box::new(move |error| {
        let noted = shared.shortages.note(Resource::Pipes, Instant::now());
        if let Some(suppressed) = noted {
            warn!(
                error = reason(&error.into()),
                suppressed, "no pipe for splicing, bytes are copied"
            );
        }
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as StdStream;
    use std::os::unix::net::UnixStream;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;
    use crate::data_path::client::Client;

    #[test]
    fn clients_that_are_queued_at_the_stop_are_not_lost() {
        let ends = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&ends);
        let shared = Shared::without_backends(Some(Arc::new(move |record| {
            sink.lock().unwrap().push(record.termination);
        })));
        let address = shared.listen();
        let clients: Vec<StdStream> = (0..50)
            .map(|_| StdStream::connect(address).unwrap())
            .collect();
        shared.workers.stop();
        let listeners = shared.listeners.all();
        let worker = Worker::new(Arc::new(shared), 0, listeners, Arc::default());
        let summary = worker.unwrap().run().unwrap();
        assert_eq!(summary.killed, 0);
        // Nobody is there to serve them, and that is what each of them has on record.
        let ends = ends.lock().unwrap();
        assert_eq!(ends.len(), clients.len());
        assert!(ends.iter().all(|end| end.code() == "SC"), "{ends:?}");
    }

    /// Others may deal a client to a worker that has just decided to end.
    #[test]
    fn clients_handed_off_at_the_last_moment_are_not_lost() {
        for _ in 0..100 {
            let recorded = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&recorded);
            let shared = Arc::new(Shared::without_backends(Some(Arc::new(move |_| {
                count.fetch_add(1, SeqCst);
            }))));
            shared.listen();
            let listeners = shared.listeners.all();
            let worker = Worker::new(Arc::clone(&shared), 0, listeners, Arc::default());
            shared.workers.stop();
            let end = std::thread::spawn(move || worker.unwrap().run().unwrap());
            let mut dealt = 0;
            loop {
                let (client, _) = UnixStream::pair().unwrap();
                let client = Client {
                    socket: client.into(),
                    address: ([127, 0, 0, 1], 1).into(),
                    service: shared.only_service(),
                };
                let handle = shared.workers.worker(0).unwrap();
                if handle.mailbox.send(Mail::Client(client)).is_err() {
                    break;
                }
                dealt += 1;
            }
            end.join().unwrap();
            assert_eq!(recorded.load(SeqCst), dealt);
        }
    }
}
