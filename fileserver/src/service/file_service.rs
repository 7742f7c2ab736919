//! What all sessions share: the tree, the limits, the counters, the order to stop.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netsocket_protocol::message::Order;
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use rustix::io::Errno;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::archive::{Blocks, Form, Plan};
use crate::compress::Pool;
use crate::config::Config;
use crate::index::select::from_index;
use crate::index::{Current, Index, look_again};
use crate::query::directory::{Look, Wanted};
use crate::query::matcher::Matcher;
use crate::query::search::{Found, FoundFile, Sweep, directories};
use crate::security::credential_store::Keyring;
use crate::security::credentials::TOKEN_REFUSALS;
use crate::security::proxy_header::NotIntroduced;
use crate::security::tls_handshake::NotSecured;
use crate::service::counters::{Answers, Reasons, Requests};
use crate::service::request_error::RequestError;
use crate::tree::root::Root;
use crate::tree::walk::WalkError;

/// Walks at a time, for each core; more of them wait, as they would only slow each other down.
const WALKS_PER_CORE: usize = 4;

/// Scans of the index at a time, for each core; they wait for nothing but the processor.
const SCANS_PER_CORE: usize = 2;

/// What the log says was being done.
const LOOKING: &str = "looking for files";

/// A file server without its listener.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) root: Arc<Root>,
    pub(crate) name: String,
    pub(crate) advertise_port: u16,
    pub(crate) idle_timeout: Duration,
    pub(crate) progress_timeout: Duration,
    pub(crate) spool_dir: PathBuf,
    pub(crate) spool_limit: u64,
    pub(crate) max_sessions: usize,
    pub(crate) max_sessions_per_address: usize,
    max_archives: usize,
    archives: Arc<Semaphore>,
    walks: Arc<Semaphore>,
    scans: Arc<Semaphore>,
    allow_hidden: bool,
    pub(crate) index: Index,
    /// The index is kept for as long as there is a service.
    _index_end: DropGuard,
    pub(crate) requests: Requests,
    pub(crate) answers: Answers,
    pub(crate) proxy_faults: Reasons<{ NotIntroduced::LABELS.len() }>,
    /// TLS and tokens.
    pub(crate) keyring: Keyring,
    pub(crate) tls_faults: Reasons<{ NotSecured::LABELS.len() }>,
    pub(crate) token_refusals: Reasons<{ TOKEN_REFUSALS.len() }>,
    /// Bytes sent on all connections since the start, those of answers under way included.
    pub(crate) sent: Arc<AtomicU64>,
    archives_begun: AtomicU64,
    planned_files: Arc<Semaphore>,
    max_planned_files: u32,
    pub(crate) max_request: usize,
    pub(crate) old_wire: bool,
    pub(crate) spool_reserve: u64,
    /// What makes the blocks of all archives.
    pub(crate) pool: Pool,
    pub(crate) sessions: SessionCounts,
    /// Sessions end when they have nothing to do.
    pub(crate) stop: CancellationToken,
    /// Sessions end now.
    pub(crate) abort: CancellationToken,
}

impl Service {
    /// Begins to index the tree, so it must be called on the runtime.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn new(
        root: Root,
        config: &Config,
        keyring: Keyring,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let root = Arc::new(root);
        let index_end = CancellationToken::new();
        let index = Index::start(
            Arc::clone(&root),
            config.index_settings(),
            index_end.clone(),
        );
        Ok(Self {
            root,
            name: config.name.clone(),
            advertise_port: config.advertise_port,
            idle_timeout: config.idle_timeout,
            progress_timeout: config.progress_timeout,
            spool_dir: config.spool_dir.clone(),
            spool_limit: config.spool_limit,
            max_sessions: config.max_sessions,
            max_sessions_per_address: config.max_sessions_per_address,
            max_archives: config.max_archives,
            archives: Arc::new(Semaphore::new(config.max_archives)),
            walks: Arc::new(Semaphore::new(cores * WALKS_PER_CORE)),
            scans: Arc::new(Semaphore::new(cores * SCANS_PER_CORE)),
            allow_hidden: config.allow_hidden,
            index,
            _index_end: index_end.drop_guard(),
            requests: Requests::default(),
            answers: Answers::default(),
            proxy_faults: Reasons::new(NotIntroduced::LABELS),
            tls_faults: Reasons::new(NotSecured::LABELS),
            token_refusals: Reasons::new(TOKEN_REFUSALS),
            sent: Arc::default(),
            archives_begun: AtomicU64::new(0),
            planned_files: Arc::new(Semaphore::new(config.max_planned_files as usize)),
            max_planned_files: config.max_planned_files,
            max_request: config.max_request,
            old_wire: config.old_wire && !keyring.files().exclude_old_wire(),
            keyring,
            spool_reserve: config.spool_reserve,
            pool: Pool::start(config.archive_threads, config.archive_blocks)?,
            sessions: SessionCounts::default(),
            stop,
            abort: CancellationToken::new(),
        })
    }

    /// A query made ready; where it says where to look, there is such a directory.
    pub(crate) async fn matcher(&self, query: &Query) -> Result<Matcher, RequestError> {
        let matcher = Matcher::new(query, self.allow_hidden)?;
        if matcher.below.is_empty() || matcher.is_void {
            return Ok(matcher);
        }
        let root = Arc::clone(&self.root);
        let there = spawn_blocking(move || {
            let there = root.directory(&matcher.below).map(drop);
            (there, matcher)
        });
        match there
            .await
            .map_err(|error| RequestError::internal(LOOKING, error))?
        {
            (Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP), matcher) => {
                let below = matcher.below.escape_ascii().to_string();
                Err(RequestError::NoDirectory(below))
            }
            (_, matcher) => Ok(matcher),
        }
    }

    /// Where the answer comes from: the index knows no hidden files.
    pub(crate) async fn source(&self, matcher: &Matcher) -> Source {
        let current = match matcher.hidden {
            true => None,
            false => self.index.current().await,
        };
        self.answers.count(current.is_some());
        current.map_or(Source::Walk, Source::Index)
    }

    /// The files that a query means, at most `limit`, sorted by path.
    pub(crate) async fn find(&self, query: Query, limit: usize) -> Result<Found, RequestError> {
        let matcher = self.matcher(&query).await?;
        match self.source(&matcher).await {
            Source::Index(current) => {
                self.scan(move || from_index(&current, &matcher, None, limit))
                    .await
            }
            Source::Walk => {
                self.look(move |root, cancel| {
                    let sweep = Sweep {
                        matcher: &matcher,
                        after: None,
                        limit,
                        check_readable: false,
                    };
                    sweep.run(root, cancel)
                })
                .await
            }
        }
    }

    /// The names of the directories below the root.
    pub(crate) async fn directories(&self, order: Order) -> Result<Vec<Name>, RequestError> {
        self.look(move |root, _| directories(root, order)).await
    }

    /// What is in one directory.
    pub(crate) async fn list(&self, wanted: Wanted) -> Result<Vec<FoundFile>, RequestError> {
        let look = Look::new(wanted, self.allow_hidden)?;
        let listed = self
            .look(move |root, cancel| look.run(root, cancel))
            .await?;
        Ok(listed?)
    }

    /// The right to make one archive, for as long as the permit is held.
    pub(crate) fn archive_permit(&self) -> Result<OwnedSemaphorePermit, RequestError> {
        Arc::clone(&self.archives)
            .try_acquire_owned()
            .map_err(|_| RequestError::Busy {
                limit: self.max_archives,
            })
    }

    /// The plan of an archive of the files that a query means.
    pub(crate) async fn plan(&self, query: Query, form: Form) -> Result<Planned, RequestError> {
        let matcher = self.matcher(&query).await?;
        let source = self.source(&matcher).await;
        let most = self.max_planned_files;
        let room = Arc::clone(&self.planned_files);
        let (plan, unreadable_directories) = self
            .look(move |root, cancel| {
                // One more than may be planned shows that there are too many.
                let limit = most as usize + 1;
                let found = match source {
                    Source::Index(current) => look_again(root, &matcher, &current, limit, cancel)?,
                    Source::Walk => {
                        let sweep = Sweep {
                            matcher: &matcher,
                            after: None,
                            limit,
                            check_readable: true,
                        };
                        sweep.run(root, cancel)?
                    }
                };
                let unreadable = found.unreadable_directories;
                Ok((planned(found.files, form, room, most), unreadable))
            })
            .await?;
        let (plan, files) = plan?;
        Ok(Planned {
            plan: Arc::new(plan),
            unreadable_directories,
            _files: files,
        })
    }

    /// Archives that are being made.
    pub(crate) fn archives_active(&self) -> usize {
        self.max_archives
            .saturating_sub(self.archives.available_permits())
    }

    /// Archives that were begun since the start, and rests of archives.
    pub(crate) fn archives_begun(&self) -> u64 {
        self.archives_begun.load(Ordering::Relaxed)
    }

    /// Begins to make the blocks of an archive, from that one on.
    pub(crate) fn blocks(&self, plan: &Arc<Plan>, first: u64) -> Blocks {
        self.archives_begun.fetch_add(1, Ordering::Relaxed);
        let (root, plan) = (Arc::clone(&self.root), Arc::clone(plan));
        Blocks::start(&self.pool, root, plan, first)
    }

    /// Runs a walk on a thread that may block. Dropping the future cancels the walk.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        walk: impl FnOnce(&Root, &CancellationToken) -> Result<T, WalkError> + Send + 'static,
    ) -> Result<T, RequestError> {
        let doing = LOOKING;
        let permit = Arc::clone(&self.walks).acquire_owned().await;
        let permit = permit.map_err(|error| RequestError::internal(doing, error))?;
        let cancel = CancellationToken::new();
        let _cancel_when_dropped = cancel.clone().drop_guard();
        let root = Arc::clone(&self.root);
        let walked = spawn_blocking(move || {
            let _permit = permit;
            walk(&root, &cancel)
        });
        let walked = walked.await;
        Ok(walked.map_err(|error| RequestError::internal(doing, error))??)
    }

    /// Runs a scan of the index, which takes milliseconds, on a thread that may do so.
    pub(crate) async fn scan<T: Send + 'static>(
        &self,
        scan: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RequestError> {
        let permit = Arc::clone(&self.scans).acquire_owned().await;
        let permit = permit.map_err(|error| RequestError::internal(LOOKING, error))?;
        let scanned = spawn_blocking(move || {
            let _permit = permit;
            scan()
        });
        scanned
            .await
            .map_err(|error| RequestError::internal(LOOKING, error))
    }
}

/// Where an answer comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The index.
    Index(Current),
    /// A walk through the tree.
    Walk,
}

/// Plans an archive of files that, with those of all other archives, are not too many: a plan is in memory for as long as
/// its archive is made.
fn planned(
    files: Vec<FoundFile>,
    form: Form,
    room: Arc<Semaphore>,
    most: u32,
) -> Result<(Plan, OwnedSemaphorePermit), RequestError> {
    let count = u32::try_from(files.len())
        .ok()
        .filter(|count| *count <= most)
        .ok_or(RequestError::TooManyFiles { limit: most })?;
    let permit = room
        .try_acquire_many_owned(count)
        .map_err(|_| RequestError::PlansFull { limit: most })?;
    Ok((Plan::new(files, form)?, permit))
}

/// A plan, counted among those in memory until it is dropped.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Arc<Plan>,
    /// Directories that could not be read on the way.
    pub(crate) unreadable_directories: u64,
    _files: OwnedSemaphorePermit,
}

/// How many sessions there were, and are.
#[derive(Debug, Default)]
pub(crate) struct SessionCounts {
    since_start: AtomicU64,
    open: AtomicU64,
}

impl SessionCounts {
    /// A session begins; it ends when the guard is dropped.
    pub(crate) fn begin(&self) -> OpenSession<'_> {
        self.since_start.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenSession(&self.open)
    }

    pub(crate) fn since_start(&self) -> u64 {
        self.since_start.load(Ordering::Relaxed)
    }

    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }
}

/// Counts a session as open.
#[derive(Debug)]
pub(crate) struct OpenSession<'a>(&'a AtomicU64);

impl Drop for OpenSession<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
