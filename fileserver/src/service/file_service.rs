//! What all sessions share: the tree, the limits, the counters, the shutdown signals.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netsocket_protocol::message::Order;
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use netsocket_settings::Supervisor;
use rustix::io::Errno;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::archive::{ArchiveOptions, Blocks, Plan, Start};
use crate::compress::Pool;
use crate::config::Config;
use crate::index::select::from_index;
use crate::index::{Current, Index, recheck};
use crate::query::directory::{DirectoryListing, ListRequest, Listed};
use crate::query::matcher::Matcher;
use crate::query::search::{Found, FoundFile, WalkSearch, directories};
use crate::security::credential_store::CredentialStore;
use crate::security::credentials::TOKEN_REFUSALS;
use crate::security::proxy_header::ProxyHeaderError;
use crate::security::tls_handshake::HandshakeError;
use crate::service::answer_cache::AnswerCache;
use crate::service::counters::{Answers, Reasons, Requests};
use crate::service::request_error::{LACKING_BYTES, RequestError};
use crate::tree::root::Root;
use crate::tree::unreadable::UnreadableReport;
use crate::tree::walk::WalkError;

/// Concurrent walks per core; further ones wait, because they would only slow each other down.
const WALKS_PER_CORE: usize = 4;

/// Concurrent index lookups per core; they need only CPU.
const SCANS_PER_CORE: usize = 2;

/// What error messages say the server was doing.
const FINDING: &str = "looking for files";

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
    /// Stops the index when the service is dropped.
    _index_end: DropGuard,
    pub(crate) requests: Requests,
    pub(crate) answers: Answers,
    pub(crate) proxy_faults: Reasons<{ ProxyHeaderError::LABELS.len() }>,
    /// The current certificates and tokens.
    pub(crate) credential_store: CredentialStore,
    /// Whether clients must use TLS, if there is a certificate.
    pub(crate) tls_required: bool,
    pub(crate) tls_faults: Reasons<{ HandshakeError::LABELS.len() }>,
    pub(crate) token_refusals: Reasons<{ TOKEN_REFUSALS.len() }>,
    /// Bytes sent on all connections since the start, including running answers.
    pub(crate) sent: Arc<AtomicU64>,
    archives_begun: AtomicU64,
    planned_files: Arc<Semaphore>,
    max_planned_files: u32,
    pub(crate) max_request: usize,
    pub(crate) old_wire: bool,
    pub(crate) new_wire: bool,
    pub(crate) http: bool,
    /// The origins whose pages may read answers over HTTP.
    pub(crate) cors_origins: Vec<String>,
    /// What was answered over HTTP.
    pub(crate) answer_cache: AnswerCache,
    /// Whether a directory over HTTP is its `index.html`, if it has one.
    pub(crate) index_html: bool,
    pub(crate) spool_reserve: u64,
    /// The compression threads of all archives.
    pub(crate) pool: Pool,
    pub(crate) sessions: SessionCounts,
    /// Sessions end as soon as they are idle.
    pub(crate) stop: CancellationToken,
    /// Sessions end immediately.
    pub(crate) abort: CancellationToken,
    /// Keeps the long-lived tasks running, the compression threads included.
    pub(crate) tasks: Supervisor,
}

impl Service {
    /// Starts to index the tree, so call it on the runtime.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn new(
        root: Root,
        config: &Config,
        credential_store: CredentialStore,
        stop: CancellationToken,
        tasks: Supervisor,
    ) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let root = Arc::new(root);
        let index_end = CancellationToken::new();
        let index = Index::start(
            Arc::clone(&root),
            config.index_settings(),
            index_end.clone(),
            tasks.clone(),
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
            proxy_faults: Reasons::new(ProxyHeaderError::LABELS),
            tls_required: config.tls_required,
            tls_faults: Reasons::new(HandshakeError::LABELS),
            token_refusals: Reasons::new(TOKEN_REFUSALS),
            sent: Arc::default(),
            archives_begun: AtomicU64::new(0),
            planned_files: Arc::new(Semaphore::new(config.max_planned_files as usize)),
            max_planned_files: config.max_planned_files,
            max_request: config.max_request,
            old_wire: config.wires.old
                && config.old_wire
                && !credential_store.files().exclude_old_wire(),
            new_wire: config.wires.new,
            http: config.wires.http,
            cors_origins: config.cors_origins.clone(),
            answer_cache: AnswerCache::default(),
            index_html: config.index_html,
            credential_store,
            spool_reserve: config.spool_reserve,
            pool: Pool::start(config.archive_threads, config.archive_blocks, &tasks)?,
            sessions: SessionCounts::default(),
            stop,
            abort: CancellationToken::new(),
            tasks,
        })
    }

    /// Compiles a query, and checks that the directory to search exists.
    pub(crate) async fn matcher(&self, query: &Query) -> Result<Matcher, RequestError> {
        let matcher = Matcher::new(query, self.allow_hidden)?;
        if matcher.below.is_empty() || matcher.matches_nothing {
            return Ok(matcher);
        }
        let root = Arc::clone(&self.root);
        let there = spawn_blocking(move || {
            let there = root.directory(&matcher.below).map(drop);
            (there, matcher)
        });
        match there
            .await
            .map_err(|error| RequestError::internal(FINDING, error))?
        {
            (Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP), matcher) => {
                let below = matcher.below.escape_ascii().to_string();
                Err(RequestError::NoDirectory(below))
            }
            (_, matcher) => Ok(matcher),
        }
    }

    /// Where the answer comes from. Hidden files are not in the index, so they need a walk.
    pub(crate) async fn source(&self, matcher: &Matcher) -> Source {
        let current = match matcher.hidden {
            true => None,
            false => self.index.current().await,
        };
        // Below a directory that may be passed but not listed, only a walk that starts there sees anything.
        let current = current.filter(|current| !current.unreadable.covers(&matcher.below));
        self.answers.count(current.is_some());
        current.map_or(Source::Walk, Source::Index)
    }

    /// The files that match a query, at most `limit`, sorted by path.
    pub(crate) async fn find(&self, query: Query, limit: usize) -> Result<Found, RequestError> {
        let matcher = self.matcher(&query).await?;
        match self.source(&matcher).await {
            Source::Index(current) => {
                self.run_scan(move || from_index(&current, &matcher, None, limit))
                    .await
            }
            Source::Walk => {
                self.run_walk(move |root, cancel| {
                    let search = WalkSearch {
                        matcher: &matcher,
                        after: None,
                        limit,
                        check_readable: false,
                    };
                    search.run(root, cancel)
                })
                .await
            }
        }
    }

    /// The names of the directories below the root.
    pub(crate) async fn directories(&self, order: Order) -> Result<Vec<Name>, RequestError> {
        self.run_walk(move |root, _| directories(root, order)).await
    }

    /// The contents of one directory.
    pub(crate) async fn list(&self, wanted: ListRequest) -> Result<Listed, RequestError> {
        let listing = DirectoryListing::new(wanted, self.allow_hidden)?;
        let listed = self
            .run_walk(move |root, cancel| listing.run(root, cancel))
            .await?;
        Ok(listed?)
    }

    /// A permit to make one archive.
    pub(crate) fn archive_permit(&self) -> Result<OwnedSemaphorePermit, RequestError> {
        Arc::clone(&self.archives)
            .try_acquire_owned()
            .map_err(|_| RequestError::Busy {
                limit: self.max_archives,
            })
    }

    /// Plans an archive of the files that match a query.
    pub(crate) async fn plan(
        &self,
        query: Query,
        options: ArchiveOptions,
    ) -> Result<Planned, RequestError> {
        let matcher = self.matcher(&query).await?;
        let source = self.source(&matcher).await;
        let most = self.max_planned_files;
        let room = Arc::clone(&self.planned_files);
        let (plan, unreadable) = self
            .run_walk(move |root, cancel| {
                // One more than allowed shows that there are too many.
                let limit = most as usize + 1;
                let found = match source {
                    Source::Index(current) => recheck(root, &matcher, &current, limit, cancel)?,
                    Source::Walk => {
                        let search = WalkSearch {
                            matcher: &matcher,
                            after: None,
                            limit,
                            check_readable: true,
                        };
                        search.run(root, cancel)?
                    }
                };
                let unreadable = found.unreadable.within(&matcher.below, None, None);
                let unreadable = UnreadableReport::of(unreadable);
                Ok((planned(found.files, options, room, most), unreadable))
            })
            .await?;
        let (plan, files) = match plan {
            Err(RequestError::Nothing(files)) => {
                return Err(RequestError::Nothing(unreadable.and(files, LACKING_BYTES)));
            }
            plan => plan?,
        };
        Ok(Planned {
            plan: Arc::new(plan),
            unreadable,
            _files: files,
        })
    }

    /// Archives in progress.
    pub(crate) fn archives_active(&self) -> usize {
        self.max_archives
            .saturating_sub(self.archives.available_permits())
    }

    /// Archives started since the server started, including resumed ones.
    pub(crate) fn archives_begun(&self) -> u64 {
        self.archives_begun.load(Ordering::Relaxed)
    }

    /// Starts to make the blocks of an archive.
    pub(crate) fn blocks(&self, plan: &Arc<Plan>, start: Start) -> Blocks {
        self.archives_begun.fetch_add(1, Ordering::Relaxed);
        let (root, plan) = (Arc::clone(&self.root), Arc::clone(plan));
        Blocks::start(&self.pool, root, plan, start)
    }

    /// Runs a walk on a blocking thread. Dropping the future cancels the walk.
    pub(crate) async fn run_walk<T: Send + 'static>(
        &self,
        walk: impl FnOnce(&Root, &CancellationToken) -> Result<T, WalkError> + Send + 'static,
    ) -> Result<T, RequestError> {
        let doing = FINDING;
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

    /// Runs an index lookup, which takes milliseconds, on a blocking thread.
    pub(crate) async fn run_scan<T: Send + 'static>(
        &self,
        scan: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RequestError> {
        let permit = Arc::clone(&self.scans).acquire_owned().await;
        let permit = permit.map_err(|error| RequestError::internal(FINDING, error))?;
        let scanned = spawn_blocking(move || {
            let _permit = permit;
            scan()
        });
        scanned
            .await
            .map_err(|error| RequestError::internal(FINDING, error))
    }
}

/// Where an answer comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The index.
    Index(Current),
    /// A walk of the tree.
    Walk,
}

/// Plans an archive, within the limit on files in all plans: a plan stays in memory until its archive is finished.
fn planned(
    files: Vec<FoundFile>,
    options: ArchiveOptions,
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
    Ok((Plan::new(files, options)?, permit))
}

/// A plan; its files count against the limit until it is dropped.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Arc<Plan>,
    /// Directories that could not be read.
    pub(crate) unreadable: UnreadableReport,
    _files: OwnedSemaphorePermit,
}

/// Counts sessions: all since the start, and those open.
#[derive(Debug, Default)]
pub(crate) struct SessionCounts {
    since_start: AtomicU64,
    open: AtomicU64,
}

impl SessionCounts {
    /// Counts a session; it ends when the guard is dropped.
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
