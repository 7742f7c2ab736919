//! What the index tells others: where answers come from now, and its counters.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::dirty_set::Cause;
use super::scan::Progress;
use super::snapshot::Snapshot;

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

    /// Files in the index.
    pub(super) fn files(&self) -> u64 {
        match self {
            Self::Index { snapshot, .. } => snapshot.files(),
            Self::Surveying | Self::Walking => 0,
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
    pub(super) busy: AtomicBool,
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

    pub(super) fn survey_count(&self, cause: Cause) -> Option<&AtomicU64> {
        let at = Self::CAUSES.iter().position(|of| *of == cause)?;
        self.surveys.get(at)
    }

    /// How old the oldest change is that was reported and not taken in.
    pub(crate) fn lag(&self) -> Duration {
        let oldest = *self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Something has been reported that the published snapshot does not know.
    pub(super) fn lags(&self) {
        let mut oldest = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.get_or_insert_with(Instant::now);
        self.busy.store(true, Ordering::SeqCst);
    }

    /// All that has been read is in the published snapshot.
    pub(super) fn is_settled(&self) {
        *self.oldest.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.busy.store(false, Ordering::SeqCst);
    }
}

/// A snapshot that may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Directories of the tree that could not be read.
    pub(crate) unreadable: u64,
}
