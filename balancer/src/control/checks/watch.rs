//! The tasks that watch the backends of a pool: one for each backend that checks it, and one that evaluates what sessions
//! report and what is due. Each begins anew after a panic; the backends keep the health that they have.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::Supervisor;
use tokio::select;
use tokio::sync::watch::Receiver;
use tokio::task::{AbortHandle, JoinSet, yield_now};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::agent;
use super::run::{CheckTls, run_check};
use crate::core::backend::{Backend, CheckReport};
use crate::core::balance::BackendId;
use crate::core::health::{AdminState, AgentCheck, CheckFailure, Checks, Pace, Schedule};
use crate::core::pool::Pool;
use crate::core::shortage::Resource;
use crate::core::side::Side;

/// The name of the task that evaluates health.
const HEALTH_TASK: &str = "health";
/// The name of the tasks that check one backend each.
const CHECK_TASK: &str = "check";
/// Health is evaluated at least this often, even if nothing is due.
const SELDOM: Duration = Duration::from_secs(60);
/// Between two looks whether all first checks are over.
const FIRST_CHECKS_LOOK: Duration = Duration::from_millis(5);

/// Watches the backends of `pool` for ever, also those that come later. When the checks become others, every backend is
/// checked by them at once.
pub(crate) async fn watch(pool: Arc<Pool>, checks: Receiver<Arc<Checks>>, supervisor: Supervisor) {
    let evaluate = || evaluate(&pool, &checks, &supervisor);
    supervisor.run(HEALTH_TASK, evaluate).await;
}

/// The checks of the backends end with this.
async fn evaluate(pool: &Arc<Pool>, checks: &Receiver<Arc<Checks>>, supervisor: &Supervisor) {
    let mut tasks = JoinSet::new();
    let mut watched = BTreeMap::new();
    loop {
        follow(pool, checks, supervisor, &mut tasks, &mut watched).await;
        let due = pool.attend(Instant::now());
        let seldom = Instant::now() + SELDOM;
        select! {
            () = pool.changed() => {}
            () = sleep_until(due.map_or(seldom, |due| due.min(seldom))) => {}
        }
    }
}

/// Begins to check backends that have come, and ceases for those that have gone. Each pool begins with its first ones: where there
/// are many, none waits until all backends of the others have been checked.
async fn follow(
    pool: &Arc<Pool>,
    checks: &Receiver<Arc<Checks>>,
    supervisor: &Supervisor,
    tasks: &mut JoinSet<()>,
    watched: &mut BTreeMap<BackendId, AbortHandle>,
) {
    let backends = pool.backends();
    let present: HashSet<BackendId> = backends.iter().map(|backend| backend.id()).collect();
    watched.retain(|id, task| {
        let stays = present.contains(id);
        if !stays {
            task.abort();
        }
        stays
    });
    for (index, backend) in backends.iter().enumerate() {
        let Entry::Vacant(new) = watched.entry(backend.id()) else {
            continue;
        };
        let (pool, backend) = (Arc::clone(pool), Arc::clone(backend));
        let place = (index, backends.len());
        let (checks, supervisor) = (checks.clone(), supervisor.clone());
        new.insert(tasks.spawn(async move {
            let check = || check_in_time(&pool, &backend, place, checks.clone());
            supervisor.run(CHECK_TASK, check).await;
        }));
        yield_now().await;
    }
    // Those of backends that have gone.
    while tasks.try_join_next().is_some() {}
}

/// Waits until each backend has been checked once, or may not be, those behind so many names in DNS included. Serving
/// too early would turn clients away.
pub(crate) async fn all_checked(pool: &Pool, groups: usize) {
    let found = || {
        let reports = pool.groups();
        reports.len() >= groups && reports.iter().all(|group| group.last.is_some())
    };
    let known = |backend: &Arc<Backend>| {
        let report = backend.report();
        report.last_check.is_some() || report.admin == AdminState::Maintenance
    };
    while !(found() && pool.backends().iter().all(known)) {
        sleep(FIRST_CHECKS_LOOK).await;
    }
}

/// How a backend is checked: its own way, or that of its pool.
fn own_or(backend: &Backend, common: &Arc<Checks>) -> Arc<Checks> {
    let own = backend.own().and_then(|own| own.checks.clone());
    own.unwrap_or_else(|| Arc::clone(common))
}

/// The task that asks the agent of a backend, as long as there is one. It ends with this.
#[derive(Default)]
struct Consultation(Option<(AgentCheck, AbortOnDropHandle<()>)>);

impl Consultation {
    /// Begins, ends or changes it.
    fn follow(&mut self, pool: &Arc<Pool>, backend: &Arc<Backend>, checks: &Arc<Checks>) {
        let now = self.0.as_ref().map(|(agent, _)| agent);
        if now == checks.agent.as_ref() {
            return;
        }
        if checks.agent.is_none() {
            agent::forget(pool, backend);
        }
        self.0 = checks.agent.clone().map(|agent| {
            let (pool, backend) = (Arc::clone(pool), Arc::clone(backend));
            let asking = agent::consult(pool, backend, agent.clone());
            (agent, AbortOnDropHandle::new(tokio::spawn(asking)))
        });
    }
}

/// The TLS of a check, where its pool has it.
fn check_tls(pool: &Pool, backend: &Backend) -> Option<CheckTls> {
    let tls = pool.tls().filter(|tls| tls.checks)?;
    Some(CheckTls {
        config: Arc::clone(&tls.config),
        name: tls.name_of(backend.name(), backend.address()),
    })
}

/// Checks one backend, which is at this place of so many, for ever, except in maintenance.
async fn check_in_time(
    pool: &Arc<Pool>,
    backend: &Arc<Backend>,
    (index, count): (usize, usize),
    mut told: Receiver<Arc<Checks>>,
) {
    let mut common = Arc::clone(&told.borrow_and_update());
    let mut checks = own_or(backend, &common);
    let mut schedule = Schedule::new(Instant::now(), checks.intervals, index, count);
    let mut agent = Consultation::default();
    loop {
        let now = own_or(backend, &common);
        if now.intervals != checks.intervals {
            schedule = Schedule::new(Instant::now(), now.intervals, index, count);
        }
        checks = now;
        agent.follow(pool, backend, &checks);
        if backend.report().admin == AdminState::Maintenance {
            backend.checker.notified().await;
            schedule.anew(Instant::now());
            continue;
        }
        select! {
            biased;
            () = sleep_until(schedule.next()) => {}
            () = backend.checker.notified() => {
                schedule.hurry(Instant::now());
                continue;
            }
            // Who tells is there as long as this task is.
            Ok(()) = told.changed() => {
                common = Arc::clone(&told.borrow_and_update());
                checks = own_or(backend, &common);
                schedule = Schedule::new(Instant::now(), checks.intervals, index, count);
                continue;
            }
        }
        let began = Instant::now();
        schedule.begin(began);
        let (address, source) = (backend.check_address(), backend.source(0));
        // Apart: a check needs far more memory than the wait between two, and each backend has a task.
        let check = Box::pin(run_check(
            &checks,
            &address,
            source,
            check_tls(pool, backend),
        ));
        let outcome = check.await;
        let now = Instant::now();
        let pace = match &outcome {
            // A machine without sockets to spare says nothing about its backends.
            Err(failure) if failure.side() == Side::Internal => {
                let resource = match failure {
                    CheckFailure::Connect(failure) => Resource::of_connect(*failure),
                    _ => None,
                };
                let noted = resource.map_or(Some(0), |it| pool.shortages.note(it, now));
                if let Some(suppressed) = noted {
                    warn!(backend = backend.full_name(), %failure, suppressed, "check could not run");
                }
                Pace::Normal
            }
            _ => pool.observe_check(backend, CheckReport::new(outcome, now - began), now),
        };
        schedule.done(now, pace);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use super::*;
    use crate::config::Config;
    use crate::core::backend::{Attributes, BackendSpec};

    const MANY: usize = 200;

    fn pool(address: SocketAddr) -> Arc<Pool> {
        let config = Config::default();
        let backends = (0..MANY).map(|number| BackendSpec {
            name: format!("b{number}"),
            address: address.into(),
            attributes: Attributes::default(),
        });
        let pool = Pool::new(backends.collect(), config.balance, config.health, 0);
        Arc::new(pool)
    }

    fn checked(pool: &Pool) -> usize {
        let backends = pool.backends();
        let checked = backends
            .iter()
            .filter(|backend| backend.report().last_check.is_some());
        checked.count()
    }

    #[tokio::test]
    async fn no_pool_waits_for_all_backends_of_another() {
        // Connections are complete before anybody accepts them.
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let accepting = std::thread::spawn(move || {
            for _ in 0..2 * MANY {
                drop(server.accept().unwrap());
            }
        });
        let pools = [pool(address), pool(address)];
        let (_tell, told) = tokio::sync::watch::channel(Arc::new(Config::default().checks));
        let _watching = pools.clone().map(|pool| {
            let watching = watch(pool, told.clone(), Supervisor::default());
            AbortOnDropHandle::new(tokio::spawn(watching))
        });
        while checked(&pools[1]) == 0 {
            yield_now().await;
        }
        assert!(checked(&pools[0]) < MANY);
        let all = async {
            for pool in &pools {
                all_checked(pool, 0).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all)
            .await
            .unwrap();
        accepting.join().unwrap();
    }
}
