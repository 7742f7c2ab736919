//! The queue behind one lock, shared by all workers, such that no client keeps waiting while a backend has a free slot.
//!
//! The race to avoid: a worker finds every backend full; before it has queued its client, another worker frees a slot and
//! sees an empty queue. So both sides act first and check afterwards: whoever frees a slot calls [`SharedQueue::serve`]
//! after freeing it, and whoever queues a client calls it after queueing. Whichever comes later sees both the client and
//! the slot. A client that finds the queue [not empty](SharedQueue::is_empty) joins its end even if a backend has room,
//! or it would overtake the others.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::queue::{EnqueueError, Ticket, WaitQueue};

/// A [`WaitQueue`] shared by the workers. While it is empty it costs one read.
#[derive(Debug)]
pub struct SharedQueue {
    queue: Mutex<WaitQueue>,
    /// Its length, written under the lock.
    len: AtomicUsize,
}

impl SharedQueue {
    /// A queue for at most `most` sessions; 0 disables queueing.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            queue: Mutex::new(WaitQueue::new(most)),
            len: AtomicUsize::new(0),
        }
    }

    /// See [`WaitQueue::enqueue`]. Call [`Self::serve`] afterwards until it returns `None`.
    ///
    /// # Errors
    /// See [`EnqueueError`].
    pub fn enqueue(&self, ticket: Ticket, deadline: Duration) -> Result<usize, EnqueueError> {
        self.with(|queue| queue.enqueue(ticket, deadline))
    }

    /// Gives a free slot to the session at the head. `reserve` takes a slot if there is one; it is called under the lock and
    /// only while a session waits, so it must be short. The caller notifies the ticket's worker.
    pub fn serve<P>(&self, reserve: impl FnOnce() -> Option<P>) -> Option<(Ticket, P)> {
        if self.is_empty() {
            return None;
        }
        self.with(|queue| {
            if queue.is_empty() {
                return None;
            }
            let place = reserve()?;
            queue.serve().map(|ticket| (ticket, place))
        })
    }

    /// See [`WaitQueue::cancel`]. If it returns false, a slot may be on its way to the session and must be given back.
    pub fn cancel(&self, ticket: Ticket) -> bool {
        self.with(|queue| queue.cancel(ticket))
    }

    /// See [`WaitQueue::expire`].
    pub fn expire(&self, now: Duration) -> Option<Ticket> {
        if self.is_empty() {
            return None;
        }
        self.with(|queue| queue.expire(now))
    }

    /// See [`WaitQueue::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        if self.is_empty() {
            return None;
        }
        self.lock().next_deadline()
    }

    /// See [`WaitQueue::limit`].
    pub fn limit(&self, most: usize) {
        self.with(|queue| queue.limit(most));
    }

    /// The limit.
    #[must_use]
    pub fn most(&self) -> usize {
        self.lock().most()
    }

    /// Number of waiting sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// Whether no session waits. Whoever queues a session that this call misses sees what the caller did before it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // Orders the caller's freed place before this read, as the fence of `with` orders a client in the line before
        // the look for a place that follows it.
        fence(SeqCst);
        self.len() == 0
    }

    fn with<R>(&self, act: impl FnOnce(&mut WaitQueue) -> R) -> R {
        let mut queue = self.lock();
        let result = act(&mut queue);
        self.len.store(queue.len(), Relaxed);
        drop(queue);
        fence(SeqCst);
        result
    }

    /// Every operation leaves the line whole, so that a fault elsewhere does not make it wrong.
    fn lock(&self) -> MutexGuard<'_, WaitQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64};
    use std::sync::{Barrier, mpsc};
    use std::thread;

    use tokio::time::Instant;

    use super::*;

    const WORKERS: u16 = 3;
    const ROUNDS: u64 = 10_000;
    const PLACES: usize = 1;
    /// Fewer rounds where each takes long, as on a machine with much else to do.
    const ENOUGH: Duration = Duration::from_secs(10);
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Places that are taken and freed by different threads, as the connections of backends.
    #[derive(Default)]
    struct Places {
        taken: AtomicUsize,
        most: AtomicUsize,
    }

    impl Places {
        fn reserve(&self) -> Option<()> {
            let one_more = |taken: usize| (taken < PLACES).then(|| taken + 1);
            let before = self.taken.fetch_update(Relaxed, Relaxed, one_more).ok()?;
            self.most.fetch_max(before + 1, Relaxed);
            Some(())
        }

        fn free(&self) {
            self.taken.fetch_sub(1, Relaxed);
        }
    }

    /// More clients than places in each round, and nobody comes later who would by chance heal a lost wake-up: it
    /// leaves a worker waiting, which its patience turns into a failure.
    #[test]
    fn no_client_waits_while_a_slot_is_free() {
        let (queue, places) = (SharedQueue::new(WORKERS.into()), Places::default());
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..WORKERS).map(|_| mpsc::channel::<u64>()).unzip();
        let waited = AtomicUsize::new(0);
        let (round, lost) = (Barrier::new(WORKERS.into()), AtomicBool::new(false));
        // The round before which all of them leave.
        let (end, began) = (AtomicU64::new(ROUNDS), Instant::now());
        thread::scope(|scope| {
            for (worker, mailbox) in (0..WORKERS).zip(receivers) {
                let (queue, places, senders) = (&queue, &places, senders.clone());
                let (waited, round, lost, end) = (&waited, &round, &lost, &end);
                scope.spawn(move || {
                    let tell = || {
                        while let Some((ticket, ())) = queue.serve(|| places.reserve()) {
                            let mailbox = &senders[usize::from(ticket.worker)];
                            mailbox.send(ticket.slot).unwrap();
                        }
                    };
                    for slot in 0..ROUNDS {
                        if worker == 0 && began.elapsed() > ENOUGH {
                            end.fetch_min(slot, Relaxed);
                        }
                        round.wait();
                        if slot >= end.load(Relaxed) {
                            return;
                        }
                        if !queue.is_empty() || places.reserve().is_none() {
                            let ticket = Ticket { worker, slot };
                            // The moment in which a place that is freed would be missed.
                            thread::yield_now();
                            queue.enqueue(ticket, PATIENCE).unwrap();
                            tell();
                            match mailbox.recv_timeout(PATIENCE) {
                                Ok(told) => assert_eq!(told, slot),
                                Err(_) => {
                                    lost.store(true, Relaxed);
                                    end.fetch_min(slot + 1, Relaxed);
                                }
                            }
                            waited.fetch_add(1, Relaxed);
                        }
                        // Now longer, now shorter, so that all orders of events come up.
                        for _ in 0..slot % 5 {
                            thread::yield_now();
                        }
                        places.free();
                        tell();
                    }
                });
            }
        });
        assert!(!lost.load(Relaxed), "a client was left waiting");
        assert_eq!((queue.len(), places.taken.load(Relaxed)), (0, 0));
        assert!(places.most.load(Relaxed) <= PLACES);
        assert!(waited.load(Relaxed) > 0, "no fight, no test");
    }

    /// The same, with the one order of events that loses the client if it does not look again.
    #[test]
    fn a_slot_that_is_freed_before_the_client_is_queued() {
        let (queue, places) = (SharedQueue::new(1), Places::default());
        let ticket = Ticket { worker: 0, slot: 1 };
        assert_eq!(places.reserve(), Some(()));
        // The client's worker looks, and finds nothing.
        assert!(queue.is_empty() && places.reserve().is_none());
        // Another frees a place, and finds nobody.
        places.free();
        assert_eq!(queue.serve(|| places.reserve()), None);
        assert_eq!(queue.enqueue(ticket, PATIENCE), Ok(0));
        assert_eq!(queue.serve(|| places.reserve()), Some((ticket, ())));
        // The other order: the client is in the line when the place is freed.
        assert_eq!(queue.enqueue(ticket, PATIENCE), Ok(0));
        assert_eq!(queue.serve(|| places.reserve()), None);
        places.free();
        assert_eq!(queue.serve(|| places.reserve()), Some((ticket, ())));
    }

    #[test]
    fn no_slot_is_reserved_for_an_empty_queue() {
        let queue = SharedQueue::new(2);
        assert_eq!(
            queue.serve(|| -> Option<()> { panic!("nobody waits") }),
            None
        );
        let ticket = Ticket { worker: 0, slot: 1 };
        assert_eq!(queue.enqueue(ticket, PATIENCE), Ok(0));
        assert_eq!(queue.serve(|| None::<()>), None);
        assert_eq!((queue.len(), queue.next_deadline()), (1, Some(PATIENCE)));
        assert_eq!(queue.serve(|| Some("place")), Some((ticket, "place")));
        assert!(queue.is_empty() && !queue.cancel(ticket));
        assert_eq!(queue.next_deadline(), None);
        assert_eq!(queue.enqueue(ticket, PATIENCE), Ok(0));
        queue.limit(0);
        assert_eq!(
            queue.enqueue(Ticket { worker: 1, slot: 1 }, PATIENCE),
            Err(EnqueueError::Full)
        );
        assert_eq!(queue.expire(PATIENCE), Some(ticket));
        assert_eq!(queue.expire(PATIENCE), None);
    }
}
