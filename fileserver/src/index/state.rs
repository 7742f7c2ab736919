//! What the index tells others: where answers come from now, and its counters.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::dirty_set::ScanCause;
use super::scan::Progress;
use super::snapshot::Snapshot;
use crate::tree::unreadable::UnreadableDirectories;

/// The settings of the index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Whether to keep an index.
    pub(crate) enabled: bool,
    /// How often events are read and applied.
    pub(crate) batch: Duration,
    /// How often the whole tree is scanned again, in case an event was lost.
    pub(crate) rescan_interval: Duration,
    /// The most directories to watch.
    pub(crate) max_watches: usize,
}

/// Where answers come from.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// The first scan, or one after lost events, is running; requests walk the tree.
    Scanning,
    /// The index.
    Index {
        snapshot: Arc<Snapshot>,
        /// Directories that could not be read.
        unreadable: Arc<UnreadableDirectories>,
    },
    /// The tree cannot be watched or scanned; requests walk it.
    Walking,
}

impl Mode {
    /// Every value of [`Self::label`].
    pub(crate) const LABELS: [&str; 3] = ["surveying", "index", "walking"];

    /// The label in logs and metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Scanning => Self::LABELS[0],
            Self::Index { .. } => Self::LABELS[1],
            Self::Walking => Self::LABELS[2],
        }
    }

    /// Files in the index.
    pub(super) fn files(&self) -> u64 {
        match self {
            Self::Index { snapshot, .. } => snapshot.files(),
            Self::Scanning | Self::Walking => 0,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Counters and gauges of the index.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) progress: Progress,
    /// Events read.
    pub(crate) events: AtomicU64,
    /// Batches of events applied.
    pub(crate) batches: AtomicU64,
    /// Scans of the whole tree, by [`ScanCause`].
    scans: [AtomicU64; 5],
    pub(crate) directories: AtomicU64,
    pub(crate) watches: AtomicU64,
    /// Bytes of memory, names included.
    pub(crate) memory: AtomicU64,
    /// Bytes of names and paths in memory.
    pub(crate) memory_names: AtomicU64,
    /// Whether the path of the root now leads to another directory, or none.
    pub(crate) root_replaced: AtomicBool,
    /// Events have been read but not applied.
    pub(super) busy: AtomicBool,
    /// When the oldest of them was noticed.
    oldest: Mutex<Option<Instant>>,
}

impl Gauges {
    /// All causes of a scan.
    pub(crate) const CAUSES: [ScanCause; 5] = [
        ScanCause::Start,
        ScanCause::Due,
        ScanCause::Overflow,
        ScanCause::TooMany,
        ScanCause::Root,
    ];

    /// Scans of the whole tree for that cause.
    pub(crate) fn scans(&self, cause: ScanCause) -> u64 {
        self.scan_count(cause)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn scan_count(&self, cause: ScanCause) -> Option<&AtomicU64> {
        let at = Self::CAUSES.iter().position(|of| *of == cause)?;
        self.scans.get(at)
    }

    /// The age of the oldest reported change that is not in the index.
    pub(crate) fn lag(&self) -> Duration {
        let oldest = *self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Notes that there are events the published snapshot does not include.
    pub(super) fn mark_behind(&self) {
        let mut oldest = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.get_or_insert_with(Instant::now);
        self.busy.store(true, Ordering::SeqCst);
    }

    /// Notes that the published snapshot includes all events read.
    pub(super) fn mark_current(&self) {
        *self.oldest.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.busy.store(false, Ordering::SeqCst);
    }
}

/// A snapshot that is current enough to answer a request.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Directories of the tree that could not be read.
    pub(crate) unreadable: Arc<UnreadableDirectories>,
}
