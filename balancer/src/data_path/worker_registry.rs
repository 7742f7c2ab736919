//! The registry of workers: the load of each, and how to reach it.
//!
//! All workers watch one listening socket, and the system wakes any of them, often the same one. So a worker with clearly
//! more sessions than another hands a new client off to it, which costs something only when it is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering::Relaxed};

use rustix::io::Result;

use crate::data_path::client::Client;
use crate::data_path::listener::Listener;
use crate::data_path::mailbox::{Mail, Mailbox};

/// How many more sessions than another a worker may have.
const SLACK: usize = 2;

/// All workers of a balancer.
pub(crate) struct WorkerRegistry {
    workers: Vec<WorkerHandle>,
}

/// One worker.
pub(crate) struct WorkerHandle {
    pub(crate) mailbox: Mailbox,
    load: AtomicUsize,
    /// It has failed and does not work again yet.
    failed: AtomicBool,
    /// Sessions begun when it failed.
    begun: AtomicU16,
}

impl WorkerHandle {
    /// Publishes the number of its sessions.
    pub(crate) fn set_load(&self, sessions: usize) {
        self.load.store(sessions, Relaxed);
    }

    /// It has failed, after so many sessions.
    pub(crate) fn fail(&self, begun: u16) {
        self.begun.store(begun, Relaxed);
        self.failed.store(true, Relaxed);
        self.set_load(0);
    }

    /// It works. Returns how many sessions it had begun when it failed, so that the next ones are not taken for those.
    pub(crate) fn resume(&self) -> u16 {
        self.failed.store(false, Relaxed);
        self.begun.load(Relaxed)
    }
}

impl WorkerRegistry {
    /// # Errors
    /// No descriptors for so many.
    pub(crate) fn new(count: usize) -> Result<Self> {
        let worker = |_| {
            Ok(WorkerHandle {
                mailbox: Mailbox::new()?,
                load: AtomicUsize::new(0),
                failed: AtomicBool::new(false),
                begun: AtomicU16::new(0),
            })
        };
        Ok(Self {
            workers: (0..count).map(worker).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn worker(&self, worker: usize) -> Option<&WorkerHandle> {
        self.workers.get(worker)
    }

    /// The number of sessions of each worker.
    pub(crate) fn loads(&self) -> impl Iterator<Item = usize> {
        self.workers.iter().map(|worker| worker.load.load(Relaxed))
    }

    pub(crate) fn workers(&self) -> &[WorkerHandle] {
        &self.workers
    }

    /// Has all workers accept from this socket, too.
    pub(crate) fn listen(&self, listener: &Arc<Listener>) {
        for worker in &self.workers {
            // A worker that is over accepts nothing any more.
            let _ = worker.mailbox.send(Mail::Listen(Arc::clone(listener)));
        }
    }

    /// Has all workers accept from this one no more.
    pub(crate) fn unlisten(&self, id: u64) {
        for worker in &self.workers {
            let _ = worker.mailbox.send(Mail::Unlisten(id));
        }
    }

    /// Stops all workers, each after its sessions have ended.
    pub(crate) fn stop(&self) {
        for worker in &self.workers {
            // A worker that is over has stopped.
            let _ = worker.mailbox.send(Mail::Stop);
        }
    }

    /// Hands a client of worker `from`, which has `load` sessions, off to the worker that `sequence` selects, if that one
    /// has clearly fewer sessions. Returns the client otherwise.
    pub(crate) fn hand_off(
        &self,
        from: usize,
        load: usize,
        sequence: usize,
        client: Client,
    ) -> Option<Client> {
        let others = self.workers.len().saturating_sub(1);
        if others == 0 {
            return Some(client);
        }
        let other = (from + 1 + sequence % others) % self.workers.len();
        let Some(worker) = self.workers.get(other) else {
            return Some(client);
        };
        let theirs = worker.load.load(Relaxed);
        if load < theirs + SLACK + theirs / 8 || worker.failed.load(Relaxed) {
            return Some(client);
        }
        // Counted at once, so that the next client finds it so.
        worker.load.fetch_add(1, Relaxed);
        match worker.mailbox.send(Mail::Client(client)) {
            Err(Mail::Client(client)) => Some(client),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;
    use crate::data_path::service::Service;

    fn client() -> Client {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        Client {
            socket: socket.into(),
            address,
            service: Arc::new(Service::without_backends()),
        }
    }

    #[test]
    fn a_client_is_handed_off_to_a_worker_with_clearly_fewer_sessions() {
        let registry = WorkerRegistry::new(3).unwrap();
        assert!(registry.hand_off(0, 1, 0, client()).is_some());
        assert!(registry.hand_off(0, 2, 0, client()).is_none());
        assert_eq!(registry.workers[1].mailbox.receive().len(), 1);
        // That one has it now.
        assert!(registry.hand_off(0, 2, 0, client()).is_some());
        // The next in turn has none.
        assert!(registry.hand_off(0, 2, 1, client()).is_none());
        assert_eq!(registry.workers[2].mailbox.receive().len(), 1);
        assert!(registry.workers[0].mailbox.receive().is_empty());
    }

    #[test]
    fn no_worker_to_hand_off_to() {
        assert!(
            WorkerRegistry::new(1)
                .unwrap()
                .hand_off(0, 100, 0, client())
                .is_some()
        );
        let registry = WorkerRegistry::new(2).unwrap();
        registry.workers[1].fail(0);
        assert!(registry.hand_off(0, 100, 0, client()).is_some());
        registry.workers[1].resume();
        assert!(registry.hand_off(0, 100, 0, client()).is_none());
        drop(registry.workers[1].mailbox.close());
        assert!(registry.hand_off(0, 100, 0, client()).is_some());
    }
}
