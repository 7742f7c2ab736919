//! The index over real directories: what it says is what a walk says.

mod queries;
mod random;
mod reports;

use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use netsocket_protocol::query::Query;
use rustix::fs::inotify::ReadFlags;

use super::dirty_set::ScanCause;
use super::snapshot::Snapshot;
use super::watcher::{Event, Watch};
use super::*;
use crate::query::matcher::Matcher;
use crate::query::search::{FoundFile, WalkSearch};

/// Longer than anything takes here, however busy the machine is.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// No survey but those that are asked for.
const SETTINGS: Settings = Settings {
    enabled: true,
    batch: Duration::from_millis(20),
    rescan_interval: Duration::from_secs(24 * 60 * 60),
    max_watches: 1_000_000,
};

/// A tree, its index, and all that a test needs to compare them.
struct Bench {
    outer: tempfile::TempDir,
    root: Arc<Root>,
    index: Index,
    supervisor: Supervisor,
    watcher: Arc<Scripted>,
    _end: tokio_util::sync::DropGuard,
}

impl Bench {
    /// With what `fill` puts into the tree, before the index begins.
    fn new(settings: Settings, fill: impl FnOnce(&Path)) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("root");
        fs::create_dir(&path).unwrap();
        fill(&path);
        let root = Arc::new(Root::open(&path).unwrap());
        let watcher = Arc::new(Scripted::default());
        let end = CancellationToken::new();
        let source = Arc::clone(&watcher) as Arc<dyn Watcher>;
        let supervisor = Supervisor::default();
        let index = Index::with(
            Arc::clone(&root),
            settings,
            Ok(source),
            end.clone(),
            supervisor.clone(),
        );
        Self {
            outer,
            root,
            index,
            supervisor,
            watcher,
            _end: end.drop_guard(),
        }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.outer.path().join("root").join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Waits until it is so.
    async fn until(&self, what: &str, mut is_so: impl AsyncFnMut(&Self) -> bool) {
        let waiting = async {
            while !is_so(self).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(TEST_TIMEOUT, waiting)
            .await
            .unwrap_or_else(|_| panic!("never: {what}"));
    }

    async fn ready(&self) {
        self.until("ready", async |bench| {
            matches!(bench.index.mode(), Mode::Index { .. })
        })
        .await;
    }

    /// What the index says when it has taken in all that was reported.
    async fn indexed(&self) -> Vec<FoundFile> {
        self.until("synced", async |bench| {
            bench.index.current().await.is_some() && !bench.index.has_changes()
        })
        .await;
        let current = self.index.current().await.expect("an index");
        select::from_index(&current, &matcher(&Query::default()), None, usize::MAX).files
    }

    fn walked(&self) -> Vec<FoundFile> {
        let search = WalkSearch {
            matcher: &matcher(&Query::default()),
            after: None,
            limit: usize::MAX,
            check_readable: false,
        };
        search
            .run(&self.root, &CancellationToken::new())
            .unwrap()
            .files
    }

    async fn compare(&self, hint: &str) {
        let indexed = self.indexed().await;
        let walked = self.walked();
        let differs = indexed.iter().zip(&walked).find(|(a, b)| a != b);
        let names = |files: &[FoundFile]| -> Vec<String> {
            files
                .iter()
                .map(|file| file.path.escape_ascii().to_string())
                .collect()
        };
        assert_eq!(names(&indexed), names(&walked), "{hint}");
        assert_eq!(differs, None, "{hint}");
    }
}

fn matcher(query: &Query) -> Matcher {
    Matcher::new(query, true).unwrap()
}

/// inotify, with reports that are lost and reports that are made up.
#[derive(Debug)]
struct Scripted {
    real: Inotify,
    deaf: AtomicBool,
    /// The next read panics.
    panics: AtomicBool,
    /// While something else holds it, too, whoever has read reports does not get them.
    held: Arc<()>,
    injected: Mutex<Vec<Event>>,
    /// Watches that may still be made.
    left: std::sync::atomic::AtomicI64,
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            real: Inotify::new().unwrap(),
            deaf: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            held: Arc::new(()),
            injected: Mutex::default(),
            left: i64::MAX.into(),
        }
    }
}

impl Watcher for Scripted {
    fn watch(&self, directory: BorrowedFd<'_>) -> Result<Watch, WatchError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(WatchError::Limit);
        }
        self.real.watch(directory)
    }

    fn unwatch(&self, watch: Watch) {
        self.real.unwatch(watch);
    }

    fn read(&self, events: &mut Vec<Event>) -> io::Result<()> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "on purpose");
        let injected = std::mem::take(&mut *self.injected.lock().unwrap());
        let mut real = Vec::new();
        self.real.read(&mut real)?;
        while Arc::strong_count(&self.held) > 1 {
            std::thread::yield_now();
        }
        if !self.deaf.load(Ordering::SeqCst) {
            events.append(&mut real);
        }
        events.extend(injected);
        Ok(())
    }

    fn has_events(&self) -> bool {
        !self.injected.lock().unwrap().is_empty() || self.real.has_events()
    }
}

fn overflow() -> Event {
    Event {
        watch: -1,
        what: ReadFlags::QUEUE_OVERFLOW,
        name: None,
    }
}
