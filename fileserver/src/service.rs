//! What all sessions share: the tree, the limits, the counters, the order to stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netsocket_protocol::message::Order;
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::archive::{Blocks, Plan};
use crate::config::Config;
use crate::error::RequestError;
use crate::root::Root;
use crate::search::{Found, Search, directories};
use crate::walk::WalkError;

/// Walks at a time, for each core; more of them wait, as they would only slow each other down.
const WALKS_PER_CORE: usize = 4;

/// Blocks of one archive that are under way at a time, for each core.
const BLOCKS_PER_CORE: usize = 2;

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
    max_archives: usize,
    archives: Arc<Semaphore>,
    walks: Arc<Semaphore>,
    in_flight: usize,
    pub(crate) sessions: SessionCounts,
    /// Sessions end when they have nothing to do.
    pub(crate) stop: CancellationToken,
    /// Sessions end now.
    pub(crate) abort: CancellationToken,
}

impl Service {
    pub(crate) fn new(root: Root, config: &Config, stop: CancellationToken) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            root: Arc::new(root),
            name: config.name.clone(),
            advertise_port: config.advertise_port,
            idle_timeout: config.idle_timeout,
            progress_timeout: config.progress_timeout,
            spool_dir: config.spool_dir.clone(),
            spool_limit: config.spool_limit,
            max_sessions: config.max_sessions,
            max_archives: config.max_archives,
            archives: Arc::new(Semaphore::new(config.max_archives)),
            walks: Arc::new(Semaphore::new(cores * WALKS_PER_CORE)),
            in_flight: (cores * BLOCKS_PER_CORE).max(4),
            sessions: SessionCounts::default(),
            stop,
            abort: CancellationToken::new(),
        }
    }

    /// The files that a query means, at most `limit`.
    pub(crate) async fn find(&self, query: Query, limit: usize) -> Result<Found, RequestError> {
        let search = Search {
            query,
            limit,
            check_readable: false,
        };
        self.look(move |root, cancel| search.run(root, cancel))
            .await
    }

    /// The names of the directories below the root.
    pub(crate) async fn directories(&self, order: Order) -> Result<Vec<Name>, RequestError> {
        self.look(move |root, _| directories(root, order)).await
    }

    /// The right to make one archive, for as long as the permit is held.
    pub(crate) fn archive_permit(&self) -> Result<OwnedSemaphorePermit, RequestError> {
        Arc::clone(&self.archives)
            .try_acquire_owned()
            .map_err(|_| RequestError::Busy {
                limit: self.max_archives,
            })
    }

    /// The plan of an archive of the files that a query means, and the number of directories that could not be read.
    pub(crate) async fn plan(&self, query: Query) -> Result<(Arc<Plan>, u64), RequestError> {
        let search = Search {
            query,
            limit: usize::MAX,
            check_readable: true,
        };
        let (plan, unreadable) = self
            .look(move |root, cancel| {
                let found = search.run(root, cancel)?;
                Ok((Plan::new(found.files), found.unreadable_directories))
            })
            .await?;
        Ok((Arc::new(plan?), unreadable))
    }

    /// The blocks of an archive.
    pub(crate) fn blocks(&self, plan: &Arc<Plan>) -> Blocks {
        Blocks::start(Arc::clone(&self.root), Arc::clone(plan), self.in_flight)
    }

    /// Runs a walk on a thread that may block. Dropping the future cancels the walk.
    async fn look<T: Send + 'static>(
        &self,
        walk: impl FnOnce(&Root, &CancellationToken) -> Result<T, WalkError> + Send + 'static,
    ) -> Result<T, RequestError> {
        let doing = "looking for files";
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
