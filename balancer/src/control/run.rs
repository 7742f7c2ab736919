//! Runs the balancer: the order in which its parts start and stop. Does not own what each part does.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::control::admin_listener::AdminAcceptor;
use crate::control::background::{AdminAccess, Background};
use crate::control::binding::Bound;
use crate::control::checks::all_checked;
use crate::control::heap;
use crate::control::layout::{services, upstreams};
use crate::control::lifecycle_executor::{Exit, LifecycleExecutor};
use crate::control::pid_file::PidFile;
use crate::control::reload::Settings;
use crate::control::run_error::RunError;
use crate::control::session_room;
use crate::control::startup::Startup;
use crate::control::systemd::status;
use crate::core::log_limiter::LogLimiter;
use crate::core::pool::Pool;
use crate::data_path::connect::LocalPorts;
use crate::data_path::descriptors::Budget;
use crate::data_path::listener::Listeners;
use crate::data_path::process_rules::ProcessRules;
use crate::data_path::relay::RelaySwitch;
use crate::data_path::shared::Shared;
use crate::data_path::worker_registry::WorkerRegistry;
use crate::data_path::worker_thread::{self, WorkerEnd};
use crate::observe::access_log::AccessLogs;
use crate::observe::metrics::Counters;

/// The name of the task that executes requests of operators.
const LIFECYCLE_TASK: &str = "lifecycle";
/// For the last lines of the access log to be written.
const ACCESS_LOG_FLUSH: Duration = Duration::from_secs(1);
/// For a check beside its own time limit.
const CHECK_SLACK: Duration = Duration::from_secs(1);
/// For the same, where backends have to be looked for in DNS first.
const FIRST_SEARCH: Duration = Duration::from_secs(5);
/// How long first checks may take before the heap is trimmed all the same.
const FIRST_CHECKS: Duration = Duration::from_secs(5);
/// Between two lines about the sessions that are left in a drain.
const TELL_LEFT: Duration = Duration::from_secs(10);

/// The summary of a balancer that has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Sessions since the start.
    pub sessions: u64,
    /// Sessions closed at the drain deadline.
    pub killed: u64,
}

/// Serves until `shutdown`, or until a new process has taken over; then drains. See [`crate::run()`].
///
/// `serve_admin` is the admin HTTP, which this module does not know: it serves until the token that it is given.
///
/// # Errors
/// [`RunError`], before anything is served.
pub(crate) async fn run<F>(
    mut startup: Startup,
    shutdown: CancellationToken,
    serve_admin: impl FnOnce(AdminAcceptor, AdminAccess, CancellationToken) -> F,
) -> Result<Summary, RunError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let stop = shutdown.child_token();
    let _stop_if_dropped = stop.clone().drop_guard();
    let shared = Arc::new(share(&mut startup, stop.clone())?);
    let settings = Settings::first(Arc::clone(&startup.config));
    let settings = Arc::new(ArcSwap::from_pointee(settings));
    let mut background = Background::start(&startup, &shared)?;
    let stop_workers = StopWorkers(Arc::clone(&shared));
    inherit_states(&startup);
    // A service manager starts what depends on this one as soon as it is ready.
    if startup.origin.has_clients || startup.manager.is_there() {
        wait_for_checks(&startup, &stop).await;
        // Backends that had to be looked for are known by now, too.
        inherit_states(&startup);
    }
    let workers = start_workers(&startup, &shared)?;
    background.open_admin(&startup, &shared, &settings, serve_admin)?;
    let manager = Arc::clone(&startup.manager);
    let (pid_file, socket_file) = (startup.pid_file.take(), startup.socket_file.take());
    announce(&mut startup, &shared, pid_file.as_ref());
    tokio::spawn(trim_once_checked(startup.pools().to_vec()));

    // Held until the stop; after it only the workers' clones keep the socket open, so that it closes with the last.
    let lifecycle = startup.lifecycle();
    let executor = LifecycleExecutor::new(startup, &shared, settings, &background);
    let exit = shared.tasks.run(LIFECYCLE_TASK, || executor.work(&stop));
    let exit = exit.await;
    drop(executor);
    shared.listeners.close();
    match exit {
        Exit::Stopped => manager.stopping(),
        Exit::HandedOver(pid) => {
            lifecycle.hand_over();
            background.retire().await;
            for log in shared.access_logs.all() {
                log.follow();
            }
            info!(successor = pid, "handed over");
            stop.cancel();
        }
    }
    drop(stop_workers);
    let drain = shared.rules.load().drain_timeout;
    info!(active = shared.counters.active(), deadline = ?drain, "draining");
    let killed = drained(workers, &shared).await;
    background.stop().await;
    close_access_log(shared.clone()).await;
    // Nothing of this process listens there any more.
    drop((pid_file, socket_file));
    let summary = Summary {
        sessions: shared.counters.total(),
        killed,
    };
    if killed > 0 {
        warn!(killed, "drain deadline reached, remaining sessions closed");
    }
    info!(sessions = summary.sessions, killed, "stopped");
    Ok(summary)
}

fn share(startup: &mut Startup, stop: CancellationToken) -> Result<Shared, RunError> {
    let bound = std::mem::take(&mut startup.listeners);
    let config = &startup.config;
    let workers = WorkerRegistry::new(config.workers.get()).map_err(|error| RunError {
        what: "cannot start the workers".to_owned(),
        error: error.into(),
    })?;
    let budget = Budget::of_process(config.workers, bound.len());
    let upstreams = upstreams(config, &startup.pools);
    let logs = start_access_logs(startup)?;
    let services = services(config, &upstreams, &[], &startup.first_address, &logs);
    let listeners = Listeners::default();
    for Bound { service, socket } in bound {
        if let Some(service) = services.iter().find(|known| *known.name == *service) {
            listeners.add(Arc::clone(service), socket);
        }
    }
    let shared = Shared {
        shortages: Arc::clone(&startup.pool().shortages),
        services: ArcSwap::from_pointee(services),
        upstreams: ArcSwap::from_pointee(upstreams),
        counters: Arc::new(Counters::default()),
        workers,
        listeners,
        rules: ArcSwap::from_pointee(ProcessRules::new(config, startup.secrets.clone())),
        access_logs: logs,
        relay: RelaySwitch::new(config.relay),
        local_ports: LocalPorts::of_system(),
        tasks: startup.tasks.clone(),
        last_resort_limiter: LogLimiter::default(),
        budget,
        on_record: startup.on_record.clone(),
        stop,
        started: Instant::now(),
    };
    session_room::announce(&shared);
    Ok(shared)
}

/// Applies the admin states that operators set in the old process.
fn inherit_states(startup: &Startup) {
    let Some(predecessor) = &startup.origin.predecessor else {
        return;
    };
    for pool in &startup.pools {
        for backend in pool.backends() {
            let name = backend.full_name();
            if let Some(&state) = predecessor.backends.get(&name) {
                // It is one of the pool's.
                let _ = pool.set_admin_state(backend.id(), state, "by the previous process");
            }
        }
    }
}

/// Waits until it is known which backends can serve the clients that are waiting already. One check of each is enough.
async fn wait_for_checks(startup: &Startup, stop: &CancellationToken) {
    let plans = startup.config.pool_plans();
    let search = if plans.iter().all(|plan| plan.settings.groups.is_empty()) {
        CHECK_SLACK
    } else {
        FIRST_SEARCH
    };
    let slowest = plans.iter().map(|plan| plan.settings.checks.timeout).max();
    let limit = slowest.unwrap_or_default() + search;
    let all_checked = async {
        for (plan, pool) in plans.iter().zip(&startup.pools) {
            all_checked(pool, plan.settings.groups.len()).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        checked = timeout(limit, all_checked) => {
            if checked.is_err() {
                warn!("not every backend has been checked yet, serving anyway");
            }
        }
    }
}

/// Gives back what the start and the first checks needed, which are all made at the same time.
async fn trim_once_checked(pools: Vec<Arc<Pool>>) {
    let all_checked = async {
        for pool in &pools {
            all_checked(pool, 0).await;
        }
    };
    // Some may never be.
    let _ = timeout(FIRST_CHECKS, all_checked).await;
    heap::trim(());
}

/// Announces that this process serves clients from now on.
fn announce(startup: &mut Startup, shared: &Shared, pid_file: Option<&PidFile>) {
    if let Some(pid_file) = pid_file {
        pid_file.publish();
    }
    startup.manager.ready(&status(shared));
    if let Some(predecessor) = startup.origin.predecessor.take() {
        info!(
            restarts = predecessor.restarts,
            "took over from the old process"
        );
        predecessor.ready();
    }
}

/// Waits until every worker has ended, and logs the remaining sessions from time to time. Returns how many were closed.
async fn drained(workers: Vec<WorkerEnd>, shared: &Shared) -> u64 {
    let mut killed = 0;
    let ends = async {
        for worker in workers {
            match worker.await {
                Ok(summary) => killed += summary.killed as u64,
                // Its own panics are dealt with by the worker's thread.
                Err(_) => error!("a worker's thread has ended early"),
            }
        }
    };
    let tell = async {
        let mut ticks = interval(TELL_LEFT);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            info!(active = shared.counters.active(), "sessions left");
        }
    };
    tokio::select! {
        () = ends => {}
        () = tell => {}
    }
    killed
}

/// Writes the last lines, within a time limit.
async fn close_access_log(shared: Arc<Shared>) {
    let close = move || {
        let logs = shared.access_logs.all();
        // Each is told before the first is waited for.
        logs.iter().for_each(|log| log.end());
        let late = logs.iter().filter(|log| !log.close(ACCESS_LOG_FLUSH));
        late.count() == 0
    };
    // The wait is a thread's: the writer is one.
    match spawn_blocking(close).await {
        Ok(true) => {}
        Ok(false) | Err(_) => warn!("the last access log lines may be missing"),
    }
}

fn start_access_logs(startup: &Startup) -> Result<AccessLogs, RunError> {
    let logs = AccessLogs::new(startup.config.workers.get(), startup.tasks.clone());
    let opened = logs.open(&startup.config.access_logs());
    opened.map_err(|(target, error)| RunError {
        what: format!("access_log_target {target}"),
        error,
    })?;
    Ok(logs)
}

/// Stops the workers, even if their end is no longer awaited.
struct StopWorkers(Arc<Shared>);

impl Drop for StopWorkers {
    fn drop(&mut self) {
        self.0.workers.stop();
    }
}

fn start_workers(startup: &Startup, shared: &Arc<Shared>) -> Result<Vec<WorkerEnd>, RunError> {
    let limiter = Arc::new(LogLimiter::default());
    let start = |number| {
        let (shared, limiter) = (Arc::clone(shared), Arc::clone(&limiter));
        worker_thread::start(shared, number, limiter)
    };
    (0..startup.config.workers.get())
        .map(start)
        .collect::<io::Result<_>>()
        .map_err(|error| RunError {
            what: "cannot start a worker".to_owned(),
            error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BackendAddress, Config};
    use crate::control::handover::Predecessor;
    use crate::control::lifecycle_executor::admin_states;
    use crate::core::backend::Attributes;
    use crate::core::health::AdminState;

    #[test]
    fn admin_states_survive_a_restart() {
        let backend = |name: &str| BackendAddress {
            name: name.into(),
            host: "127.0.0.1".into(),
            port: 9,
            attributes: Attributes::default(),
        };
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            admin: ([127, 0, 0, 1], 0).into(),
            backends: ["a", "b", "c"].map(backend).to_vec(),
            ..Config::default()
        };
        let mut startup = Startup::bind(config).unwrap_or_else(|error| panic!("{error}"));
        let told = [
            ("b", AdminState::Drain),
            ("c", AdminState::Maintenance),
            ("gone", AdminState::Drain),
        ];
        let told = told.map(|(name, state)| (name.to_owned(), state));
        startup.origin.predecessor = Some(Predecessor::without_pipe(told.into()));
        inherit_states(&startup);
        let next = admin_states(startup.pools());
        let expected = [("b", "drain"), ("c", "maintenance")];
        let expected = expected.map(|(name, state)| (name.to_owned(), state.to_owned()));
        assert_eq!(next, expected.into());
    }
}
