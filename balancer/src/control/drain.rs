//! Drains a backend by a deadline: new sessions stop immediately, and those left at the end of the window are closed one
//! after the other, so that their clients do not all reconnect at the same moment.
//!
//! [`Window`] decides how many to close when; [`Drains`] acts. The pool keeps new sessions away.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::core::backend::Backend;
use crate::core::balance::BackendId;
use crate::core::session_id::SessionId;
use crate::data_path::session_directory;
use crate::data_path::shared::Shared;

/// The name of the tasks.
const TASK: &str = "drain";
/// Between two looks at the least. Where sessions must be closed faster than that, some are closed together.
const TICK: Duration = Duration::from_millis(10);

/// When the sessions that are left are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// From here on one by one.
    pub(crate) closes_from: Instant,
    /// Here all that are left.
    pub(crate) deadline: Instant,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// So many sessions are to be closed.
    pub(crate) close: usize,
    /// When to look again.
    pub(crate) again: Instant,
}

impl Window {
    /// From `now` for `deadline`, of which the last `spread` is for closing.
    pub(crate) fn new(now: Instant, deadline: Duration, spread: Duration) -> Self {
        Self {
            closes_from: now + deadline.saturating_sub(spread),
            deadline: now + deadline,
        }
    }

    /// How many of the sessions that are `left` to close now. Sessions that end by themselves in the meantime leave
    /// more time for the others.
    pub(crate) fn look(&self, left: usize, now: Instant) -> Look {
        let (close, again) = match self.deadline.checked_duration_since(now) {
            None | Some(Duration::ZERO) => (left, now + TICK),
            _ if now < self.closes_from => (0, self.closes_from),
            Some(_) if left == 0 => (0, self.deadline.min(now + 10 * TICK)),
            Some(rest) => {
                let gap = rest / u32::try_from(left).unwrap_or(u32::MAX);
                if gap >= TICK {
                    (1, now + gap)
                } else {
                    (at_once(left, rest), self.deadline.min(now + TICK))
                }
            }
        };
        Look { close, again }
    }
}

/// Of so many sessions the share of one [`TICK`] of the time that is left, rounded up.
fn at_once(left: usize, rest: Duration) -> usize {
    let share = (left as u128 * TICK.as_nanos()).div_ceil(rest.as_nanos().max(1));
    usize::try_from(share).unwrap_or(left).min(left)
}

/// A drain as it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) window: Window,
    /// Sessions that it has closed.
    pub(crate) closed: u64,
}

#[derive(Debug)]
struct Running {
    window: Window,
    closed: Arc<AtomicU64>,
    _task: AbortOnDropHandle<()>,
}

/// The drains that have a deadline. Their tasks end with this.
#[derive(Debug, Default)]
pub(crate) struct Drains(Mutex<HashMap<BackendId, Running>>);

impl Drains {
    /// Closes the sessions of `backend` by this window, in place of one that it had. Must be called within a runtime.
    pub(crate) fn begin(&self, shared: &Arc<Shared>, backend: &Arc<Backend>, window: Window) {
        let closed = Arc::new(AtomicU64::new(0));
        let work = {
            let (shared, backend) = (Arc::clone(shared), Arc::clone(backend));
            let closed = Arc::clone(&closed);
            async move {
                let drain = || drain(&shared, &backend, window, &closed);
                shared.tasks.run(TASK, drain).await;
            }
        };
        let running = Running {
            window,
            closed,
            _task: AbortOnDropHandle::new(tokio::spawn(work)),
        };
        self.lock().insert(backend.id(), running);
    }

    /// Leaves the sessions of a backend alone from now on.
    pub(crate) fn undo(&self, id: BackendId) {
        self.lock().remove(&id);
    }

    /// Leaves all of them alone.
    pub(crate) fn undo_all(&self) {
        self.lock().clear();
    }

    pub(crate) fn progress(&self, id: BackendId) -> Option<Progress> {
        let running = self.lock();
        running.get(&id).map(|running| Progress {
            window: running.window,
            closed: running.closed.load(Relaxed),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BackendId, Running>> {
        // Entries come and go whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works through the window until no session is left behind its deadline.
async fn drain(shared: &Shared, backend: &Backend, window: Window, closed: &AtomicU64) {
    let mut queue: Vec<SessionId> = Vec::new();
    loop {
        let now = Instant::now();
        let left = usize::try_from(backend.active()).unwrap_or(usize::MAX);
        if left == 0 && now >= window.deadline {
            break;
        }
        let Look { mut close, again } = window.look(left, now);
        // At the latest with the second list everybody has been found who was there.
        let mut lists = 0;
        while close > 0 && lists < 2 {
            if queue.is_empty() {
                queue = oldest_last(shared, backend).await;
                lists += 1;
            }
            let batch = queue.split_off(queue.len().saturating_sub(close));
            let ended = session_directory::end(shared, &batch, Some(backend.id())).await;
            closed.fetch_add(ended as u64, Relaxed);
            close -= ended.min(close);
        }
        sleep_until(again).await;
    }
    info!(
        backend = backend.full_name(),
        closed = closed.load(Relaxed),
        "drained"
    );
}

/// The sessions of a backend. Whoever had the most time goes first, so they are the last.
async fn oldest_last(shared: &Shared, backend: &Backend) -> Vec<SessionId> {
    let mut all = session_directory::list(shared, Some(backend.id())).await;
    all.sort_by_key(|view| view.age);
    all.into_iter().map(|view| view.id).collect()
}

#[cfg(test)]
mod tests;
