//! The index: all files of the tree in memory, kept current by inotify.
//!
//! The tree is scanned once, on all cores ([`scan`]), into segments of packed columns ([`segment`], [`snapshot`]).
//! inotify reports changes ([`watcher`]); an event marks entries to check again ([`dirty_set`]), and what is found
//! there becomes the next snapshot ([`refresh`]). Queries read a snapshot without a lock ([`select`]).
//!
//! This module decides when the index may answer. Until the first scan is done, after lost events, and if the tree
//! cannot be watched, requests walk the tree instead ([`crate::query::search`]). An answer from the index includes
//! every change reported before the request, or lags by at most [`MAX_LAG`] under a heavy load of changes.
//!
//! Belongs here: everything about the copy of the tree in memory. Does not belong here: what a query means (`query`).

mod directories;
mod dirty_set;
mod recheck;
mod refresh;
mod scan;
mod segment;
pub(crate) mod select;
pub(crate) mod snapshot;
mod state;
mod updater;
mod watcher;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use netsocket_settings::Supervisor;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use self::recheck::recheck;
pub(crate) use self::state::{Current, Gauges, Mode, Settings};
use self::updater::Updater;
use self::watcher::{Inotify, WatchError, Watcher};
use crate::tree::root::Root;

/// How far an answer may lag behind the tree when changes arrive faster than they can be applied. Beyond it, requests
/// walk the tree.
pub(crate) const MAX_LAG: Duration = Duration::from_secs(1);

/// How long a request waits until reported changes are applied.
const SYNC_TIMEOUT: Duration = Duration::from_millis(100);

/// Capacity of the queue of requests that wait for the updater.
const SYNC_QUEUE: usize = 64;

/// A handle to the index of a tree.
#[derive(Debug)]
pub(crate) struct Index {
    mode: watch::Receiver<Mode>,
    sync_requests: mpsc::Sender<oneshot::Sender<()>>,
    watcher: Option<Arc<dyn Watcher>>,
    gauges: Arc<Gauges>,
}

impl Index {
    /// Starts to scan the tree, and keeps the index current until `end`. If that panics, requests walk the tree until
    /// `supervisor` has started it again and a scan is done.
    pub(crate) fn start(
        root: Arc<Root>,
        settings: Settings,
        end: CancellationToken,
        supervisor: Supervisor,
    ) -> Self {
        let watcher = if settings.enabled {
            Inotify::new().map(|watcher| Arc::new(watcher) as Arc<dyn Watcher>)
        } else {
            Err(WatchError::Off)
        };
        Self::with(root, settings, watcher, end, supervisor)
    }

    /// The same with another source of events.
    fn with(
        root: Arc<Root>,
        settings: Settings,
        watcher: Result<Arc<dyn Watcher>, WatchError>,
        end: CancellationToken,
        supervisor: Supervisor,
    ) -> Self {
        let gauges = Arc::new(Gauges::default());
        let (sync_requests, requests) = mpsc::channel(SYNC_QUEUE);
        let (modes, mode) = watch::channel(Mode::Scanning);
        let watcher = match watcher {
            Ok(watcher) => {
                let updater = Updater::new(
                    root,
                    settings,
                    Arc::clone(&watcher),
                    Arc::clone(&gauges),
                    modes,
                );
                tokio::spawn(updater.run(requests, end, supervisor));
                Some(watcher)
            }
            Err(reason) => {
                tracing::info!(%reason, "no index: walking the tree for each request");
                modes.send_replace(Mode::Walking);
                None
            }
        };
        Self {
            mode,
            sync_requests,
            watcher,
            gauges,
        }
    }

    /// Where answers come from.
    pub(crate) fn mode(&self) -> Mode {
        self.mode.borrow().clone()
    }

    pub(crate) fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// A current snapshot, with all changes reported so far, or nearly all; nothing if the tree must be walked.
    pub(crate) async fn current(&self) -> Option<Current> {
        let before = self.snapshot()?;
        if !self.has_changes() {
            return Some(before);
        }
        let (answer, answered) = oneshot::channel();
        let synced = timeout(SYNC_TIMEOUT, async {
            self.sync_requests.send(answer).await.ok()?;
            answered.await.ok()
        });
        match synced.await {
            Ok(Some(())) => self.snapshot(),
            // It has ended halfway.
            Ok(None) => None,
            Err(_) if self.gauges.lag() <= MAX_LAG => self.snapshot(),
            Err(_) => None,
        }
    }

    /// Stands for the state of the tree: it differs after every reported change. Nothing while changes wait to be read, or
    /// where there is no index.
    pub(crate) fn revision(&self) -> Option<u64> {
        let is_index = matches!(&*self.mode.borrow(), Mode::Index { .. });
        if !is_index || self.has_changes() {
            return None;
        }
        Some(self.gauges.events.load(Ordering::SeqCst))
    }

    fn snapshot(&self) -> Option<Current> {
        match &*self.mode.borrow() {
            Mode::Index {
                snapshot,
                unreadable,
            } => Some(Current {
                snapshot: Arc::clone(snapshot),
                unreadable: Arc::clone(unreadable),
            }),
            Mode::Scanning | Mode::Walking => None,
        }
    }

    /// Whether there are events that the snapshot does not include. An event is first unread; before the updater reads
    /// it, it sets `busy` until the event is in the snapshot. So checking in this order misses none.
    fn has_changes(&self) -> bool {
        self.watcher
            .as_ref()
            .is_some_and(|watcher| watcher.has_events())
            || self.gauges.busy.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests;
