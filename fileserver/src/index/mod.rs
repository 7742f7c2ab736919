//! The files of the tree in memory, kept current.
//!
//! The tree is surveyed once, on all cores ([`scan`]), into segments of packed columns ([`segment`], [`snapshot`]). The
//! system reports what changes ([`watcher`]); a report says where to look again ([`dirty_set`]), and what is found there
//! makes the next snapshot ([`refresh`]). Queries read a snapshot without a lock ([`select`]).
//!
//! Owns: when the index may be asked. Until the first survey is done, after lost reports, and where the tree cannot be
//! watched there is no snapshot to ask, and whoever asks walks the tree instead ([`crate::query::search`]). An answer from the
//! index knows every change that was reported before the question, or, when very much changes, lags by at most
//! [`MAX_LAG`].

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

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use self::recheck::look_again;
pub(crate) use self::state::{Current, Gauges, Mode, Settings};
use self::updater::Keeper;
use self::watcher::{Inotify, Unwatchable, Watcher};
use crate::tree::root::Root;

/// How far an answer may be behind the tree, when changes come faster than they can be taken in. Beyond it the tree is
/// walked.
pub(crate) const MAX_LAG: Duration = Duration::from_secs(1);

/// How long a question waits for reported changes to be taken in.
const SETTLE: Duration = Duration::from_millis(100);

/// Questions that wait for the keeper.
const QUESTIONS: usize = 64;

/// The index of a tree, for whoever asks.
#[derive(Debug)]
pub(crate) struct Index {
    mode: watch::Receiver<Mode>,
    questions: mpsc::Sender<oneshot::Sender<()>>,
    watcher: Option<Arc<dyn Watcher>>,
    gauges: Arc<Gauges>,
}

impl Index {
    /// Begins to survey the tree, and keeps the index current until `end`.
    pub(crate) fn start(root: Arc<Root>, settings: Settings, end: CancellationToken) -> Self {
        let watcher = if settings.enabled {
            Inotify::new().map(|watcher| Arc::new(watcher) as Arc<dyn Watcher>)
        } else {
            Err(Unwatchable::Off)
        };
        Self::with(root, settings, watcher, end)
    }

    /// The same with another source of reports.
    fn with(
        root: Arc<Root>,
        settings: Settings,
        watcher: Result<Arc<dyn Watcher>, Unwatchable>,
        end: CancellationToken,
    ) -> Self {
        let gauges = Arc::new(Gauges::default());
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let (modes, mode) = watch::channel(Mode::Surveying);
        let watcher = match watcher {
            Ok(watcher) => {
                let keeper = Keeper::new(
                    root,
                    settings,
                    Arc::clone(&watcher),
                    Arc::clone(&gauges),
                    modes,
                );
                tokio::spawn(keeper.run(asked, end));
                Some(watcher)
            }
            Err(reason) => {
                tracing::info!(%reason, "no index: the tree is walked for each request");
                modes.send_replace(Mode::Walking);
                None
            }
        };
        Self {
            mode,
            questions,
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

    /// All files, with every change that has been reported by now, or nearly so; nothing where the tree has to be walked.
    pub(crate) async fn current(&self) -> Option<Current> {
        let before = self.snapshot()?;
        if !self.has_changes() {
            return Some(before);
        }
        let (answer, answered) = oneshot::channel();
        let settled = timeout(SETTLE, async {
            self.questions.send(answer).await.ok()?;
            answered.await.ok()
        });
        match settled.await {
            Ok(_) => self.snapshot(),
            Err(_) if self.gauges.lag() <= MAX_LAG => self.snapshot(),
            Err(_) => None,
        }
    }

    fn snapshot(&self) -> Option<Current> {
        match &*self.mode.borrow() {
            Mode::Index {
                snapshot,
                unreadable,
            } => Some(Current {
                snapshot: Arc::clone(snapshot),
                unreadable: *unreadable,
            }),
            Mode::Surveying | Mode::Walking => None,
        }
    }

    /// Whether something was reported that the snapshot does not know. A report is first unread and then, before it is
    /// read, the keeper is busy, until it is in the snapshot: so it is seen here if it is asked in this order.
    fn has_changes(&self) -> bool {
        self.watcher
            .as_ref()
            .is_some_and(|watcher| watcher.has_reports())
            || self.gauges.busy.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests;
