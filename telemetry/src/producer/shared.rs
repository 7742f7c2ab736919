//! The state that the handles of a producer and its background task share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::entry::Entry;
use super::queue::{Drops, Queue};
use crate::kafka::Reasons;
use crate::messages::Delivered;

/// The state of a producer at one moment. Every record offered is in exactly one of `queued`, `sent` and `dropped`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProducerStats {
    /// Whether a connection to the partition's leader is open.
    pub connected: bool,
    /// Records that are queued or in flight.
    pub queued: u64,
    /// Approximate memory of the queued records, in bytes.
    pub queued_bytes: u64,
    /// Records that Kafka has acknowledged.
    pub sent: u64,
    /// Records that were dropped.
    pub dropped: u64,
    /// Dropped records by reason.
    pub drops: Drops,
    /// Connections so far; each after the first is a reconnect.
    pub connects: u64,
    /// Failures so far, of connects and of batches.
    pub failures: u64,
    /// The last failure; it stays after recovery.
    pub last_error: Option<String>,
}

impl ProducerStats {
    /// The part of it that a record carries.
    #[must_use]
    pub fn delivered(&self) -> Delivered {
        Delivered {
            sent: self.sent,
            dropped: self.dropped,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct LinkState {
    pub(super) connected: bool,
    pub(super) connects: u64,
    pub(super) failures: u64,
    pub(super) last_error: Option<String>,
    /// Since the last connection.
    pub(super) told: Reasons,
}

/// The shared state. Both locks are held only briefly, never across an await.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Mutex<Queue<Entry>>,
    pub(super) link: Mutex<LinkState>,
    /// A record was added.
    pub(super) wake: Notify,
    /// Tasks that have been told to end but still have an event to send.
    pub(super) final_events: TaskTracker,
    /// Send what is queued, then end.
    pub(super) closing: CancellationToken,
    /// The task has ended.
    pub(super) ended: CancellationToken,
}

impl Shared {
    pub(super) fn new(queue: Queue<Entry>) -> Self {
        Self {
            queue: Mutex::new(queue),
            link: Mutex::default(),
            wake: Notify::new(),
            final_events: TaskTracker::new(),
            closing: CancellationToken::new(),
            ended: CancellationToken::new(),
        }
    }

    pub(super) fn stats(&self) -> ProducerStats {
        let counts = self.queue().counts();
        let link = self.link();
        ProducerStats {
            connected: link.connected,
            queued: counts.queued,
            queued_bytes: counts.bytes,
            sent: counts.sent,
            dropped: counts.drops.total(),
            drops: counts.drops,
            connects: link.connects,
            failures: link.failures,
            last_error: link.last_error.clone(),
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue<Entry>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn link(&self) -> MutexGuard<'_, LinkState> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
