//! The task that keeps an index current.
//!
//! Owns: the order of things: survey, then collect reports for a moment, take them in, publish; a survey of everything
//! when reports were lost or it is time to. The work itself blocks and is done on threads for that.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{fstat, stat};
use rustix::io::Errno;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::dirty_set::{Cause, Doubts};
use super::refresh::Tree;
use super::scan::{SurveyError, Surveyor};
use super::state::{Gauges, Mode, Settings};
use super::watcher::Watcher;
use crate::tree::root::Root;

/// How often the log says how far a survey is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// How often it is looked whether the root is still where it was.
const ROOT_EVERY: Duration = Duration::from_secs(5);

/// The shortest pause between a survey for lost reports and the next one.
const PAUSE: Duration = Duration::from_millis(200);

/// Where the tree cannot be watched, it is tried again after this time at the latest.
const RETRY: Duration = Duration::from_secs(10 * 60);

/// What the blocking work needs.
#[derive(Debug)]
struct Shared {
    root: Arc<Root>,
    settings: Settings,
    watcher: Arc<dyn Watcher>,
    gauges: Arc<Gauges>,
    /// Locked by one piece of work at a time.
    tree: Mutex<Tree>,
    end: CancellationToken,
}

#[derive(Debug)]
pub(super) struct Keeper {
    root: Arc<Root>,
    settings: Settings,
    watcher: Arc<dyn Watcher>,
    gauges: Arc<Gauges>,
    modes: watch::Sender<Mode>,
}

/// Why the index is no longer followed.
enum Lost {
    /// Everything has to be read anew.
    Everything(Cause),
    /// There can be no index now.
    Index(SurveyError),
    /// It is over.
    End,
}

type Questions = mpsc::Receiver<oneshot::Sender<()>>;

impl Keeper {
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
    pub(super) async fn run(self, mut questions: Questions, end: CancellationToken) {
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
            tree: Mutex::new(Tree::new()),
            end: end.clone(),
        });
        let mut follower = Follower {
            shared,
            modes,
            doubts: Doubts::default(),
        };
        // What blocks sees the token, too; here it ends the waits.
        let _: Option<()> = end.run_until_cancelled(follower.run(&mut questions)).await;
    }
}

/// The task and what it waits for.
struct Follower {
    shared: Arc<Shared>,
    modes: watch::Sender<Mode>,
    doubts: Doubts,
}

impl Follower {
    async fn run(&mut self, questions: &mut Questions) {
        let mut cause = Cause::Start;
        loop {
            let lost = match self.survey(cause).await {
                Ok(()) => self.follow(questions).await,
                Err(SurveyError::Cancelled) => Lost::End,
                Err(error) => Lost::Index(error),
            };
            cause = match lost {
                Lost::End => return,
                Lost::Everything(cause) => {
                    if cause.is_loss() {
                        tracing::warn!(
                            cause = cause.label(),
                            "the index is out of date: the tree is surveyed again"
                        );
                        self.modes.send_replace(Mode::Surveying);
                        sleep(PAUSE).await;
                    }
                    cause
                }
                Lost::Index(error) => {
                    self.give_up(error).await;
                    Cause::Start
                }
            };
        }
    }

    /// Reads everything, and publishes it.
    async fn survey(&mut self, cause: Cause) -> Result<(), SurveyError> {
        let began = Instant::now();
        let gauges = Arc::clone(&self.shared.gauges);
        gauges.progress.files.store(0, Ordering::Relaxed);
        gauges.progress.directories.store(0, Ordering::Relaxed);
        // What is reported from here on is read afterwards.
        self.doubts = Doubts::default();
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
                    tracing::info!(files, directories, "surveying the tree");
                }
                // Reports wait until the survey is over, so the index lags from now on.
                _ = looks.tick(), if !reported => {
                    reported = self.shared.watcher.has_reports();
                    if reported {
                        gauges.lags();
                    }
                }
            }
        };
        outcome.unwrap_or_else(|error| Err(SurveyError::Io(io::Error::other(error))))?;
        if let Some(count) = gauges.survey_count(cause) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.publish();
        gauges.is_settled();
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let files = self.modes.borrow().files();
        let directories = gauges.directories.load(Ordering::Relaxed);
        let bytes = gauges.memory.load(Ordering::Relaxed);
        tracing::info!(
            cause = cause.label(),
            files,
            directories,
            bytes,
            ms,
            "index ready"
        );
        Ok(())
    }

    /// Takes reports in until everything has to be read anew.
    async fn follow(&mut self, questions: &mut Questions) -> Lost {
        let due = Instant::now() + self.shared.settings.rescan_interval;
        let mut root_ticks = interval(ROOT_EVERY);
        root_ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Looked for rather than waited for: whoever asks does not wait for it, and changes come in batches.
        let mut batches = interval(self.shared.settings.batch);
        batches.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut waiting = None;
            tokio::select! {
                question = questions.recv() => match question {
                    Some(question) => waiting = Some(question),
                    None => return Lost::End,
                },
                _ = batches.tick() => {
                    if !self.shared.watcher.has_reports() {
                        continue;
                    }
                }
                _ = root_ticks.tick() => {
                    self.check_root().await;
                    continue;
                }
                () = sleep_until(due) => return Lost::Everything(Cause::Due),
            }
            if let Err(lost) = self.take_in().await {
                return lost;
            }
            if let Some(question) = waiting {
                // Whoever asked may have gone.
                let _ = question.send(());
            }
        }
    }

    /// Reads all reports and makes the index right.
    async fn take_in(&mut self) -> Result<(), Lost> {
        self.shared.gauges.lags();
        let shared = Arc::clone(&self.shared);
        let doubts = std::mem::take(&mut self.doubts);
        let (taken, doubts) = spawn_blocking(move || shared.take_in(doubts))
            .await
            .unwrap_or_else(|error| {
                let error = SurveyError::Io(io::Error::other(error));
                (Err(error), Doubts::default())
            });
        if doubts.root {
            self.check_root().await;
        }
        match taken {
            Err(SurveyError::Cancelled) => return Err(Lost::End),
            Err(error) => return Err(Lost::Index(error)),
            Ok(()) => {}
        }
        if let Some(cause) = doubts.everything {
            return Err(Lost::Everything(cause));
        }
        self.publish();
        self.shared.gauges.is_settled();
        Ok(())
    }

    fn publish(&self) {
        let mode = self.shared.published();
        self.modes.send_replace(mode);
    }

    /// There can be no index for now: lets go of everything, and waits for a time to try again.
    async fn give_up(&mut self, error: SurveyError) {
        let again = self.shared.settings.rescan_interval.min(RETRY);
        tracing::warn!(reason = %error, again_in = ?again, "no index: the tree is walked for each request");
        self.modes.send_replace(Mode::Walking);
        let shared = Arc::clone(&self.shared);
        // It cannot fail but by a panic, and then the next survey clears up.
        let _ = spawn_blocking(move || shared.clear()).await;
        self.shared.gauges.is_settled();
        sleep(again).await;
    }

    /// Notices where something else has the path of the root.
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
                "another directory has the path of the root, or none: what was opened is still served; restart to serve the other"
            ),
            (true, false) => tracing::info!(%root, "the root is back in its place"),
            _ => {}
        }
    }
}

fn is_replaced(root: &Root) -> bool {
    match (root.directory(b"").and_then(fstat), stat(root.path())) {
        (Ok(opened), Ok(there)) => (opened.st_dev, opened.st_ino) != (there.st_dev, there.st_ino),
        // Deleted; any other error, such as one about descriptors, says nothing of the root.
        (Err(Errno::NOENT), _) | (_, Err(Errno::NOENT | Errno::NOTDIR)) => true,
        _ => false,
    }
}

/// What blocks the thread.
impl Shared {
    fn surveyor(&self) -> Surveyor<'_> {
        Surveyor {
            root: &self.root,
            watcher: &*self.watcher,
            max_watches: self.settings.max_watches,
            cancel: &self.end,
            progress: &self.gauges.progress,
        }
    }

    fn rebuild(&self) -> Result<(), SurveyError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        tree.rebuild(&self.surveyor(), threads)
    }

    fn clear(&self) {
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        tree.clear(&self.surveyor());
        // Nobody follows what is still reported.
        let _ = self.watcher.read(&mut Vec::new());
        self.count(&tree);
    }

    /// Reads all reports and looks again where they say. What is beyond that is left in the doubts.
    fn take_in(&self, mut doubts: Doubts) -> (Result<(), SurveyError>, Doubts) {
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reports = Vec::new();
        if let Err(error) = self.watcher.read(&mut reports) {
            return (Err(SurveyError::Io(error)), doubts);
        }
        self.gauges
            .reports
            .fetch_add(reports.len() as u64, Ordering::Relaxed);
        for report in &reports {
            doubts.note(&mut tree.directories, report);
        }
        if doubts.everything.is_some() || doubts.entries.is_empty() {
            return (Ok(()), doubts);
        }
        let root = doubts.root;
        let refreshed = tree.refresh(&self.surveyor(), doubts);
        self.gauges.batches.fetch_add(1, Ordering::Relaxed);
        let left = Doubts {
            root,
            ..Doubts::default()
        };
        (refreshed, left)
    }

    fn published(&self) -> Mode {
        let tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        self.count(&tree);
        Mode::Index {
            snapshot: Arc::clone(&tree.snapshot),
            unreadable: tree.directories.unreadable(),
        }
    }

    fn count(&self, tree: &Tree) {
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
