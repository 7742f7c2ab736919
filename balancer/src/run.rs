//! The running balancer: worker threads for sessions, and the control side (checks, admin HTTP, telemetry) on the
//! runtime that polls [`run`].

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use netsocket_telemetry::{Events, History, Identity, Producer, Role, Sinks, heartbeat};
use tokio::sync::{oneshot, watch as settings};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::access_log::AccessLog;
use crate::admin::{self, Admin};
use crate::admission::SharedQueue;
use crate::bound::Bound;
use crate::crew::Crew;
use crate::descriptors::Budget;
use crate::dial::LocalPorts;
use crate::discovery::{Dns, Setup, discover};
use crate::figures::figures;
use crate::health::watch;
use crate::live::Live;
use crate::log_gate::LogGate;
use crate::metrics::Counters;
use crate::relay::RelaySwitch;
use crate::shared::Shared;
use crate::worker::{Worker, WorkerSummary};

/// How far back the embedded history goes.
pub const HISTORY_SPAN: Duration = Duration::from_secs(10 * 60);
/// For the last telemetry records to reach Kafka when the balancer stops.
const TELEMETRY_FLUSH: Duration = Duration::from_secs(2);

/// For the last lines of the access log to be written.
const ACCESS_LOG_FLUSH: Duration = Duration::from_secs(1);

/// What a balancer has to tell when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Sessions since the start.
    pub sessions: u64,
    /// Those that were ended at the drain deadline.
    pub killed: u64,
}

/// Why a balancer cannot run although its sockets are bound: the system refuses threads or descriptors.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct RunError {
    /// What was not to be had.
    what: &'static str,
    /// What the system said.
    error: io::Error,
}

/// Serves until `shutdown`, then accepts nothing more, lets sessions end until the drain deadline, and ends the rest.
/// Must be polled within a tokio runtime with I/O and time. If the future is dropped the workers drain by themselves.
///
/// # Errors
/// [`RunError`], before anything is served.
pub async fn run(bound: Bound, shutdown: CancellationToken) -> Result<Summary, RunError> {
    let stop = shutdown.child_token();
    let _stop_if_dropped = stop.clone().drop_guard();
    let crew = Crew::new(bound.config.workers.get()).map_err(|error| RunError {
        what: "cannot start the workers",
        error: error.into(),
    })?;
    let budget = Budget::of_process(bound.config.workers);
    info!(
        limit = budget.limit,
        sessions = budget.sessions,
        "descriptors"
    );
    let shared = Arc::new(Shared {
        pool: bound.pool(),
        counters: Arc::new(Counters::default()),
        crew,
        live: ArcSwap::from_pointee(Live::new(&bound.config)),
        queue: SharedQueue::new(bound.config.queue.length),
        access_log: start_access_log(&bound)?,
        frontend: bound.listen_address().to_string(),
        relay: RelaySwitch::new(bound.config.relay),
        local_ports: LocalPorts::of_system(),
        budget,
        on_record: bound.on_record.clone(),
        stop: stop.clone(),
        started: Instant::now(),
    });
    let control = Control::start(&bound, &shared)?;
    let stop_crew = StopCrew(Arc::clone(&shared));
    let workers = start_workers(&bound, &shared)?;
    // Only the workers' clones keep the socket open, so that it closes with the last of them.
    drop(bound);

    stop.cancelled().await;
    drop(stop_crew);
    let drain = shared.live.load().timeouts.drain;
    info!(active = shared.counters.active(), deadline = ?drain, "draining");
    let mut killed = 0;
    for worker in workers {
        match worker.await {
            Ok(Ok(summary)) => killed += summary.killed as u64,
            Ok(Err(error)) => error!(%error, "a worker failed"),
            Err(_) => error!("a worker ended by a fault"),
        }
    }
    control.stop().await;
    close_access_log(shared.clone()).await;
    let summary = Summary {
        sessions: shared.counters.total(),
        killed,
    };
    if killed > 0 {
        warn!(killed, "drain deadline reached, remaining sessions ended");
    }
    info!(sessions = summary.sessions, killed, "stopped");
    Ok(summary)
}

type WorkerEnd = oneshot::Receiver<io::Result<WorkerSummary>>;

/// Has the last lines written, within a bound.
async fn close_access_log(shared: Arc<Shared>) {
    let close = move || {
        let log = shared.access_log.as_ref();
        log.is_none_or(|log| log.close(ACCESS_LOG_FLUSH))
    };
    // The wait is a thread's: the writer is one.
    match spawn_blocking(close).await {
        Ok(true) => {}
        Ok(false) | Err(_) => warn!("the last lines of the access log may be missing"),
    }
}

fn start_access_log(bound: &Bound) -> Result<Option<AccessLog>, RunError> {
    let rules = &bound.config.access_log;
    let Some(target) = &rules.target else {
        return Ok(None);
    };
    let failed = |error| RunError {
        what: "cannot open the access log",
        error,
    };
    let sink = target.open().map_err(failed)?;
    let workers = bound.config.workers.get();
    let log = AccessLog::start(rules.options, workers, sink);
    log.map(Some).map_err(failed)
}

/// Stops the workers, also where nobody waits for their end any more.
struct StopCrew(Arc<Shared>);

impl Drop for StopCrew {
    fn drop(&mut self) {
        self.0.crew.stop();
    }
}

fn start_workers(bound: &Bound, shared: &Arc<Shared>) -> Result<Vec<WorkerEnd>, RunError> {
    let gate = Arc::new(LogGate::default());
    let start = |index: usize| {
        let listener = bound.listener.try_clone()?;
        let (shared, gate) = (Arc::clone(shared), Arc::clone(&gate));
        let worker = Worker::new(shared, index, listener.into(), gate)?;
        let (sender, receiver) = oneshot::channel();
        // A receiver that is gone only means that nobody waits any more.
        let body = move || drop(sender.send(worker.run()));
        thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(body)?;
        Ok(receiver)
    };
    (0..bound.config.workers.get())
        .map(start)
        .collect::<io::Result<_>>()
        .map_err(|error| RunError {
            what: "cannot start a worker",
            error,
        })
}

/// Gives places to those that wait when a backend comes; when a session ends, its worker does.
async fn serve_queue(shared: Arc<Shared>) {
    loop {
        shared.pool.turned().await;
        shared.hand_over();
    }
}

/// Whom the pool has: the backends with an address, and those that are looked for.
fn setup(bound: &Bound) -> Setup<Dns> {
    let fixed = bound.pool.backends();
    Setup {
        fixed: fixed.iter().map(|backend| backend.spec()).collect(),
        groups: bound.config.groups.clone(),
        rules: bound.config.discovery,
        resolver: Arc::new(Dns::new(bound.config.dns_servers.clone())),
    }
}

/// Checks, discovery, admin HTTP and telemetry.
struct Control {
    tasks: JoinSet<()>,
    producer: Option<Producer>,
    finished: CancellationToken,
}

impl Control {
    fn start(bound: &Bound, shared: &Arc<Shared>) -> Result<Self, RunError> {
        let mut tasks = JoinSet::new();
        tasks.spawn(watch(bound.pool(), bound.config.checks.clone()));
        tasks.spawn(serve_queue(Arc::clone(shared)));
        let (_, setups) = settings::channel(setup(bound));
        tasks.spawn(discover(bound.pool(), setups));

        let instance = bound.config.instance.clone();
        let instance = instance.unwrap_or_else(|| bound.listen_address().to_string());
        let identity = Identity::new(Role::Balancer, instance);
        let config = bound.config.producer.clone();
        let producer = config.map(|config| Producer::start(config, identity.key()));
        let history = Arc::new(History::new(HISTORY_SPAN));
        let sinks = Sinks {
            history: Some(Arc::clone(&history)),
            producer: producer.clone(),
        };
        let events = Events::new(identity.clone(), sinks.clone());
        shared.pool.tell_events(events);
        let finished = CancellationToken::new();
        let source = Arc::clone(shared);
        tasks.spawn(heartbeat(
            identity,
            move || {
                if let Some(log) = &source.access_log {
                    log.tell();
                }
                figures(&source)
            },
            sinks,
            finished.clone(),
        ));

        let admin = Admin::new(
            Arc::clone(shared),
            history,
            producer.clone(),
            bound.admin_token.clone(),
        );
        let listener = bound
            .admin
            .try_clone()
            .and_then(tokio::net::TcpListener::from_std)
            .map_err(|error| RunError {
                what: "cannot start the admin HTTP",
                error,
            })?;
        tasks.spawn(admin::serve(listener, admin));
        Ok(Self {
            tasks,
            producer,
            finished,
        })
    }

    /// Flushes telemetry within its bound and ends everything.
    async fn stop(mut self) {
        self.finished.cancel();
        if let Some(producer) = self.producer {
            producer.shutdown(TELEMETRY_FLUSH).await;
        }
        self.tasks.shutdown().await;
    }
}
