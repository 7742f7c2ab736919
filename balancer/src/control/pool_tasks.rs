//! The tasks of each pool: health checks, discovery, and its queue. Pools may come and go while the balancer runs.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch::{self, Sender};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use crate::config::Config;
use crate::control::checks::watch as watch_backends;
use crate::control::discovery::{Dns, Setup, discover};
use crate::core::backend::{BackendSpec, OnDown, OwnRules};
use crate::core::balance::BackendId;
use crate::core::health::{Checks, State};
use crate::data_path::session_directory;
use crate::data_path::shared::Shared;
use crate::data_path::upstream::Upstream;

/// The name of a task.
const QUEUE_TASK: &str = "queue";

/// Those of all pools, by the name of the pool.
#[derive(Default)]
pub(crate) struct PoolTasks {
    all: Mutex<HashMap<String, Tasks>>,
    /// Pools so far.
    begun: AtomicUsize,
}

/// Those of one pool. They end with this.
struct Tasks {
    /// Changes how backends are checked.
    checks: Sender<Arc<Checks>>,
    /// Changes the configured backends and groups.
    setups: Sender<Setup<Dns>>,
    _running: [AbortOnDropHandle<()>; 3],
}

impl PoolTasks {
    /// Begins those of a pool, which has its backends. Must be called within a runtime.
    pub(crate) fn begin(&self, shared: &Arc<Shared>, upstream: &Arc<Upstream>, config: &Config) {
        let pool = &upstream.pool;
        let supervisor = &shared.tasks;
        let (checks, told) = watch::channel(Arc::new(config.checks.clone()));
        let watching = watch_backends(Arc::clone(pool), told, supervisor.clone());
        let fixed = pool.backends();
        let fixed = fixed.iter().map(|backend| backend.spec()).collect();
        let (setups, told) = watch::channel(setup(fixed, config));
        let discovery = discover(Arc::clone(pool), told, supervisor.clone());
        let queue = serve_queue(Arc::clone(shared), Arc::clone(upstream));
        let tasks = Tasks {
            checks,
            setups,
            _running: [
                AbortOnDropHandle::new(tokio::spawn(watching)),
                AbortOnDropHandle::new(tokio::spawn(discovery)),
                AbortOnDropHandle::new(tokio::spawn(queue)),
            ],
        };
        self.begun.fetch_add(1, Relaxed);
        self.all().insert(pool.name().to_owned(), tasks);
    }

    /// Other checks for the backends of a pool.
    pub(crate) fn set_checks(&self, pool: &str, checks: &Checks) {
        if let Some(tasks) = self.all().get(pool) {
            tasks.checks.send_replace(Arc::new(checks.clone()));
        }
    }

    /// Other backends and groups, or other DNS servers where `resolver` is given.
    pub(crate) fn set_backends(
        &self,
        pool: &str,
        fixed: Vec<BackendSpec>,
        config: &Config,
        resolver: Option<Dns>,
    ) {
        let all = self.all();
        let Some(tasks) = all.get(pool) else { return };
        tasks.setups.send_modify(|setup| {
            setup.fixed = fixed;
            setup.groups.clone_from(&config.groups);
            setup.rules = config.discovery;
            if let Some(resolver) = resolver {
                setup.resolver = Arc::new(resolver);
            }
        });
    }

    /// A number that no pool has had.
    pub(crate) fn next_number(&self) -> usize {
        self.begun.load(Relaxed)
    }

    /// Ends those of a pool that is gone.
    pub(crate) fn remove(&self, pool: &str) {
        self.all().remove(pool);
    }

    /// Ends all of them.
    pub(crate) fn end(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Tasks>> {
        // Entries come and go whole.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn setup(fixed: Vec<BackendSpec>, config: &Config) -> Setup<Dns> {
    Setup {
        fixed,
        groups: config.groups.clone(),
        rules: config.discovery,
        resolver: Arc::new(Dns::new(config.dns_servers.clone())),
    }
}

/// Backends that have gone down since the last time and close their sessions then. `down` are those that were.
fn newly_down(upstream: &Upstream, down: &mut HashSet<BackendId>) -> Vec<BackendId> {
    let backends = upstream.pool.backends().into_iter();
    let closing = backends.filter(|backend| {
        let closes = |own: Arc<OwnRules>| own.on_down == OnDown::Close;
        backend.own().is_some_and(closes) && backend.report().state == State::Down
    });
    let now: HashSet<BackendId> = closing.map(|backend| backend.id()).collect();
    let new = now.difference(down).copied().collect();
    *down = now;
    new
}

/// Serves the queue when the eligible backends change, and closes sessions of those that are down where that is set; when a
/// session ends, its worker serves the queue.
async fn serve_queue(shared: Arc<Shared>, upstream: Arc<Upstream>) {
    let serve = || async {
        let mut down = HashSet::new();
        loop {
            // First, as the start before this one may have ended in the middle.
            shared.serve_queue(&upstream);
            for id in newly_down(&upstream, &mut down) {
                let closed = session_directory::end_all(&shared, id).await;
                if closed > 0 {
                    info!(
                        pool = upstream.pool.name(),
                        closed, "sessions of a backend that is down closed"
                    );
                }
            }
            upstream.pool.eligible_changed().await;
        }
    };
    shared.tasks.run(QUEUE_TASK, serve).await
}
