//! The task that keeps the index current.
//!
//! Owns: the sequence: scan the tree, then collect events in batches, apply them, publish; a full scan again when
//! events were lost or the rescan interval is over. The work itself blocks, so it runs on blocking threads. After a panic
//! the sequence begins with a scan.

use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use netsocket_settings::Supervisor;
use rustix::fs::{fstat, stat};
use rustix::io::Errno;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::dirty_set::{DirtySet, ScanCause};
use super::refresh::IndexedTree;
use super::scan::{ScanError, Scanner};
use super::state::{Gauges, Mode, Settings};
use super::watcher::Watcher;
use crate::tree::root::Root;

/// The name of the task.
const TASK: &str = "index";

/// How often the progress of a scan is logged.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// How often to check that the root is still at its path.
const ROOT_EVERY: Duration = Duration::from_secs(5);

/// The shortest pause between two scans caused by lost events.
const PAUSE: Duration = Duration::from_millis(200);

/// The longest time until the next attempt, if the tree cannot be watched.
const RETRY: Duration = Duration::from_secs(10 * 60);

/// What the blocking work shares.
#[derive(Debug)]
struct Shared {
    root: Arc<Root>,
    settings: Settings,
    watcher: Arc<dyn Watcher>,
    gauges: Arc<Gauges>,
    /// One job at a time holds the lock.
    tree: Mutex<IndexedTree>,
    end: CancellationToken,
}

#[derive(Debug)]
pub(super) struct Updater {
    root: Arc<Root>,
    settings: Settings,
    watcher: Arc<dyn Watcher>,
    gauges: Arc<Gauges>,
    modes: watch::Sender<Mode>,
}

/// Why following the events ended.
enum FollowEnd {
    /// The tree must be scanned again.
    Rescan(ScanCause),
    /// No index is possible for now.
    Unavailable(ScanError),
    /// The server is stopping.
    Shutdown,
}

type SyncRequests = mpsc::Receiver<oneshot::Sender<()>>;

impl Updater {
    pub(super) fn new(
        root: Arc<Root>,
        settings: Settings,
        watcher: Arc<dyn Watcher>,
        gauges: Arc<Gauges>,
        modes: watch::Sender<Mode>,
    ) -> Self {
        Self {
            root,
            settings,
            watcher,
            gauges,
            modes,
        }
    }

    /// Keeps the index current until `end`.
    pub(super) async fn run(
        self,
        sync_requests: SyncRequests,
        end: CancellationToken,
        supervisor: Supervisor,
    ) {
        let Self {
            root,
            settings,
            watcher,
            gauges,
            modes,
        } = self;
        let shared = Arc::new(Shared {
            root,
            settings,
            watcher,
            gauges,
            tree: Mutex::new(IndexedTree::new()),
            end: end.clone(),
        });
        let task = UpdateTask {
            shared,
            modes,
            dirty: DirtySet::default(),
        };
        let task = tokio::sync::Mutex::new((task, sync_requests));
        let update = || async {
            let mut task = task.lock().await;
            let (task, sync_requests) = &mut *task;
            let _out_of_date = OutOfDate(task.modes.clone());
            task.run(sync_requests).await;
        };
        // The blocking work checks the token, too; here it ends the waits.
        let update = supervisor.run(TASK, update);
        let _: Option<()> = end.run_until_cancelled(update).await;
    }
}

/// Has requests walk the tree once nothing keeps the index current any more.
struct OutOfDate(watch::Sender<Mode>);

impl Drop for OutOfDate {
    fn drop(&mut self) {
        self.0.send_replace(Mode::Scanning);
    }
}

/// The result of blocking work. A panic in it is one of the task.
fn joined<T>(outcome: Result<T, JoinError>) -> Result<T, ScanError> {
    outcome.map_err(|error| match error.try_into_panic() {
        Ok(payload) => resume_unwind(payload),
        Err(cancelled) => ScanError::Io(io::Error::other(cancelled)),
    })
}

/// The state of the task.
struct UpdateTask {
    shared: Arc<Shared>,
    modes: watch::Sender<Mode>,
    dirty: DirtySet,
}

impl UpdateTask {
    async fn run(&mut self, sync_requests: &mut SyncRequests) {
        let mut cause = ScanCause::Start;
        loop {
            let lost = match self.scan(cause).await {
                Ok(()) => self.follow(sync_requests).await,
                Err(ScanError::Cancelled) => FollowEnd::Shutdown,
                Err(error) => FollowEnd::Unavailable(error),
            };
            cause = match lost {
                FollowEnd::Shutdown => return,
                FollowEnd::Rescan(cause) => {
                    if cause.invalidates_index() {
                        tracing::warn!(
                            cause = cause.label(),
                            "the index is out of date: scanning the tree again"
                        );
                        self.modes.send_replace(Mode::Scanning);
                        sleep(PAUSE).await;
                    }
                    cause
                }
                FollowEnd::Unavailable(error) => {
                    self.suspend(error).await;
                    ScanCause::Start
                }
            };
        }
    }

    /// Scans the tree and publishes the result.
    async fn scan(&mut self, cause: ScanCause) -> Result<(), ScanError> {
        let began = Instant::now();
        let gauges = Arc::clone(&self.shared.gauges);
        gauges.progress.files.store(0, Ordering::Relaxed);
        gauges.progress.directories.store(0, Ordering::Relaxed);
        // Events from here on are read after the scan.
        self.dirty = DirtySet::default();
        let shared = Arc::clone(&self.shared);
        let mut work = spawn_blocking(move || shared.rebuild());
        let mut ticks = interval(PROGRESS_EVERY);
        ticks.tick().await;
        let mut looks = interval(self.shared.settings.batch);
        let mut reported = false;
        let outcome = loop {
            tokio::select! {
                outcome = &mut work => break outcome,
                _ = ticks.tick() => {
                    let files = gauges.progress.files.load(Ordering::Relaxed);
                    let directories = gauges.progress.directories.load(Ordering::Relaxed);
                    tracing::info!(files, directories, "scanning the tree");
                }
                // Events wait until the scan is over, so the index lags from now on.
                _ = looks.tick(), if !reported => {
                    reported = self.shared.watcher.has_events();
                    if reported {
                        gauges.mark_behind();
                    }
                }
            }
        };
        joined(outcome)??;
        if let Some(count) = gauges.scan_count(cause) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.publish();
        gauges.mark_current();
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let files = self.modes.borrow().files();
        let directories = gauges.directories.load(Ordering::Relaxed);
        let memory_bytes = gauges.memory.load(Ordering::Relaxed);
        tracing::info!(
            cause = cause.label(),
            files,
            directories,
            memory_bytes,
            ms,
            "index ready"
        );
        Ok(())
    }

    /// Applies events until the tree must be scanned again.
    async fn follow(&mut self, sync_requests: &mut SyncRequests) -> FollowEnd {
        let due = Instant::now() + self.shared.settings.rescan_interval;
        let mut root_ticks = interval(ROOT_EVERY);
        root_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Polled rather than awaited: requests trigger a read themselves, and changes come in bursts.
        let mut batches = interval(self.shared.settings.batch);
        batches.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut waiting = None;
            tokio::select! {
                request = sync_requests.recv() => match request {
                    Some(request) => waiting = Some(request),
                    None => return FollowEnd::Shutdown,
                },
                _ = batches.tick() => {
                    if !self.shared.watcher.has_events() {
                        continue;
                    }
                }
                _ = root_ticks.tick() => {
                    self.check_root().await;
                    continue;
                }
                () = sleep_until(due) => return FollowEnd::Rescan(ScanCause::Due),
            }
            if let Err(lost) = self.apply_events().await {
                return lost;
            }
            if let Some(request) = waiting {
                // The request may be gone.
                let _ = request.send(());
            }
        }
    }

    /// Reads all events and updates the index.
    async fn apply_events(&mut self) -> Result<(), FollowEnd> {
        self.shared.gauges.mark_behind();
        let shared = Arc::clone(&self.shared);
        let dirty = std::mem::take(&mut self.dirty);
        let applied = spawn_blocking(move || shared.apply_events(dirty)).await;
        let (taken, dirty) =
            joined(applied).unwrap_or_else(|error| (Err(error), DirtySet::default()));
        if dirty.root {
            self.check_root().await;
        }
        match taken {
            Err(ScanError::Cancelled) => return Err(FollowEnd::Shutdown),
            Err(error) => return Err(FollowEnd::Unavailable(error)),
            Ok(()) => {}
        }
        if let Some(cause) = dirty.rescan {
            return Err(FollowEnd::Rescan(cause));
        }
        self.publish();
        self.shared.gauges.mark_current();
        Ok(())
    }

    fn publish(&self) {
        let mode = self.shared.published();
        self.modes.send_replace(mode);
    }

    /// Drops the index and waits before the next attempt.
    async fn suspend(&mut self, error: ScanError) {
        let again = self.shared.settings.rescan_interval.min(RETRY);
        tracing::warn!(reason = %error, again_in = ?again, "no index: walking the tree for each request");
        self.modes.send_replace(Mode::Walking);
        let shared = Arc::clone(&self.shared);
        // It fails only by a panic, and then the next scan cleans up.
        let _ = spawn_blocking(move || shared.clear()).await;
        self.shared.gauges.mark_current();
        sleep(again).await;
    }

    /// Logs and counts when the path of the root leads to another directory.
    async fn check_root(&self) {
        let shared = Arc::clone(&self.shared);
        let replaced = spawn_blocking(move || is_replaced(&shared.root)).await;
        let Ok(replaced) = replaced else {
            return;
        };
        let before = self
            .shared
            .gauges
            .root_replaced
            .swap(replaced, Ordering::Relaxed);
        let root = self.shared.root.path().display();
        match (before, replaced) {
            (false, true) => tracing::warn!(
                %root,
                "the path of the root is gone or leads to another directory: still serving the one that was opened; restart to serve the other"
            ),
            (true, false) => tracing::info!(%root, "the root is back at its path"),
            _ => {}
        }
    }
}

fn is_replaced(root: &Root) -> bool {
    match (root.directory(b"").and_then(fstat), stat(root.path())) {
        (Ok(opened), Ok(there)) => (opened.st_dev, opened.st_ino) != (there.st_dev, there.st_ino),
        // Deleted. Other errors, such as a lack of descriptors, say nothing about the root.
        (Err(Errno::NOENT), _) | (_, Err(Errno::NOENT | Errno::NOTDIR)) => true,
        _ => false,
    }
}

/// The work that blocks its thread.
impl Shared {
    fn scanner(&self) -> Scanner<'_> {
        Scanner {
            root: &self.root,
            watcher: &*self.watcher,
            max_watches: self.settings.max_watches,
            cancel: &self.end,
            progress: &self.gauges.progress,
        }
    }

    fn rebuild(&self) -> Result<(), ScanError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        tree.rebuild(&self.scanner(), threads)
    }

    fn clear(&self) {
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        tree.clear(&self.scanner());
        // Discard the remaining events.
        let _ = self.watcher.read(&mut Vec::new());
        self.count(&tree);
    }

    /// Reads all events and refreshes the entries they name. Returns what that does not cover.
    fn apply_events(&self, mut dirty: DirtySet) -> (Result<(), ScanError>, DirtySet) {
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = Vec::new();
        if let Err(error) = self.watcher.read(&mut events) {
            return (Err(ScanError::Io(error)), dirty);
        }
        self.gauges
            .events
            .fetch_add(events.len() as u64, Ordering::Relaxed);
        for event in &events {
            dirty.record(&mut tree.directories, event);
        }
        if dirty.rescan.is_some() || dirty.entries.is_empty() {
            return (Ok(()), dirty);
        }
        let root = dirty.root;
        let refreshed = tree.refresh(&self.scanner(), dirty);
        self.gauges.batches.fetch_add(1, Ordering::Relaxed);
        let left = DirtySet {
            root,
            ..DirtySet::default()
        };
        (refreshed, left)
    }

    fn published(&self) -> Mode {
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        self.count(&tree);
        Mode::Index {
            snapshot: Arc::clone(&tree.snapshot),
            unreadable: tree.directories.unreadable(),
        }
    }

    fn count(&self, tree: &IndexedTree) {
        let gauges = &self.gauges;
        let (rest, names) = tree.snapshot.memory();
        let (table, table_names) = tree.directories.memory();
        let set = |gauge: &std::sync::atomic::AtomicU64, value: usize| {
            gauge.store(value as u64, Ordering::Relaxed);
        };
        set(&gauges.memory, rest + names + table + table_names);
        set(&gauges.memory_names, names + table_names);
        set(&gauges.directories, tree.directories.len());
        set(&gauges.watches, tree.directories.watches());
    }
}
