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
mod refresh;
mod scan;
mod segment;
pub(crate) mod select;
pub(crate) mod snapshot;
mod updater;
mod watcher;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use self::dirty_set::Cause;
use self::scan::Progress;
use self::snapshot::Snapshot;
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

/// What an index is told by the settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Whether there is one.
    pub(crate) enabled: bool,
    /// How often reports are looked for, and taken in.
    pub(crate) batch: Duration,
    /// How often everything is read anew, in case a report was lost.
    pub(crate) rescan_interval: Duration,
    /// Directories that are watched at most.
    pub(crate) max_watches: usize,
}

/// Where answers come from.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// The tree is being surveyed; until then it is walked.
    Surveying,
    /// The index.
    Index {
        snapshot: Arc<Snapshot>,
        /// Directories that could not be read.
        unreadable: u64,
    },
    /// The tree cannot be watched, or not be read: it is walked.
    Walking,
}

impl Mode {
    /// Every word of [`Self::label`].
    pub(crate) const LABELS: [&str; 3] = ["surveying", "index", "walking"];

    /// Its word in logs and metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Surveying => Self::LABELS[0],
            Self::Index { .. } => Self::LABELS[1],
            Self::Walking => Self::LABELS[2],
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What the keeper counts.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) progress: Progress,
    /// Reports of the system.
    pub(crate) reports: AtomicU64,
    /// Snapshots made of reports.
    pub(crate) batches: AtomicU64,
    /// Surveys of the whole tree, by [`Cause`].
    surveys: [AtomicU64; 5],
    pub(crate) directories: AtomicU64,
    pub(crate) watches: AtomicU64,
    /// Bytes of memory, names included.
    pub(crate) memory: AtomicU64,
    /// Bytes of names and paths in memory.
    pub(crate) memory_names: AtomicU64,
    /// Whether something else has the path of the root.
    pub(crate) root_replaced: AtomicBool,
    /// There are reports that have been read and not been taken in.
    busy: AtomicBool,
    /// Since when.
    oldest: Mutex<Option<Instant>>,
}

impl Gauges {
    /// Causes of surveys.
    pub(crate) const CAUSES: [Cause; 5] = [
        Cause::Start,
        Cause::Due,
        Cause::Overflow,
        Cause::TooMany,
        Cause::Root,
    ];

    /// Surveys of the whole tree for that cause.
    pub(crate) fn surveys(&self, cause: Cause) -> u64 {
        self.survey_count(cause)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn survey_count(&self, cause: Cause) -> Option<&AtomicU64> {
        let at = Self::CAUSES.iter().position(|of| *of == cause)?;
        self.surveys.get(at)
    }

    /// How old the oldest change is that was reported and not taken in.
    pub(crate) fn lag(&self) -> Duration {
        let oldest = *self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Something has been reported that the published snapshot does not know.
    fn lags(&self) {
        let mut oldest = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.get_or_insert_with(Instant::now);
        self.busy.store(true, Ordering::SeqCst);
    }

    /// All that has been read is in the published snapshot.
    fn is_settled(&self) {
        *self.oldest.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.busy.store(false, Ordering::SeqCst);
    }
}

/// The index of a tree, for whoever asks.
#[derive(Debug)]
pub(crate) struct Index {
    mode: watch::Receiver<Mode>,
    questions: mpsc::Sender<oneshot::Sender<()>>,
    watcher: Option<Arc<dyn Watcher>>,
    gauges: Arc<Gauges>,
}

/// A snapshot that may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Directories of the tree that could not be read.
    pub(crate) unreadable: u64,
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
