//! Messages from other threads to a worker: a queue, and a descriptor that wakes the worker.

use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Result, read, write};
use tokio::sync::oneshot;

use crate::core::backend::Assigned;
use crate::core::balance::BackendId;
use crate::core::session_id::SessionId;
use crate::data_path::client::Client;
use crate::data_path::listener::Listener;
use crate::data_path::session_view::SessionView;
use crate::data_path::upstream::Upstream;

/// A message to a worker.
pub(crate) enum Mail {
    /// Stop accepting, and end when all sessions have ended.
    Stop,
    /// A client that another worker accepted.
    Client(Client),
    /// Accept from this socket, too.
    Listen(Arc<Listener>),
    /// Accept from this one no more.
    Unlisten(u64),
    /// A slot at a backend of this pool, for a queued session.
    Slot(SessionId, Assigned, Arc<Upstream>),
    /// Close a session, optionally only if it is of this backend. The answer is whether there was one.
    Kill(SessionId, Option<BackendId>, oneshot::Sender<bool>),
    /// Close all sessions of a backend. The answer is their number.
    KillBackend(BackendId, oneshot::Sender<usize>),
    /// Answer, to show that the worker is alive.
    Ping(oneshot::Sender<()>),
    /// Panic.
    #[cfg(test)]
    Panic,
    /// List all sessions, or those of this backend.
    List(Option<BackendId>, oneshot::Sender<Vec<SessionView>>),
}

/// The mailbox of one worker.
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    wake: OwnedFd,
}

#[derive(Default)]
struct Queue {
    mail: Vec<Mail>,
    closed: bool,
}

impl Mailbox {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            queue: Mutex::default(),
            wake: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        })
    }

    /// Sends `mail`, or returns it if the worker has ended.
    pub(crate) fn send(&self, mail: Mail) -> std::result::Result<(), Mail> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(mail);
        }
        queue.mail.push(mail);
        let is_first = queue.mail.len() == 1;
        drop(queue);
        if is_first {
            // It fails where the counter is full, and then the worker is awake.
            let _ = write(&self.wake, &1_u64.to_ne_bytes());
        }
        Ok(())
    }

    /// Takes everything out.
    pub(crate) fn receive(&self) -> Vec<Mail> {
        // The queue after the counter: what comes in between has written to it again. Nothing to read is no mail.
        let _ = read(&self.wake, &mut [0_u8; 8]);
        mem::take(&mut self.lock().mail)
    }

    /// Takes everything out, and lets nothing more in.
    pub(crate) fn close(&self) -> Vec<Mail> {
        let mut queue = self.lock();
        queue.closed = true;
        mem::take(&mut queue.mail)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A list of mail is whole whatever its last user did.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_arrives_once_and_a_closed_mailbox_returns_it() {
        let mailbox = Mailbox::new().unwrap();
        assert!(mailbox.send(Mail::Stop).is_ok());
        assert!(mailbox.send(Mail::Stop).is_ok());
        assert_eq!(mailbox.receive().len(), 2);
        assert!(mailbox.receive().is_empty());
        assert!(mailbox.send(Mail::Stop).is_ok());
        assert_eq!(mailbox.close().len(), 1);
        assert!(matches!(mailbox.send(Mail::Stop), Err(Mail::Stop)));
    }
}
