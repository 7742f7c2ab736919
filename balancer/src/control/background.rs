//! The background tasks of a running balancer: checks, discovery, telemetry, the admin HTTP and service-manager
//! notifications. They run on the runtime that polls [`crate::run()`], each kept running by the supervisor of the process.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use netsocket_settings::AdminAddress;
use netsocket_telemetry::{Events, History, Identity, Producer, Role, Sinks, heartbeat};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::control::admin_listener::{AdminAcceptor, acceptor};
use crate::control::lifecycle::LifecycleHandle;
use crate::control::pool_tasks::PoolTasks;
use crate::control::reload::Settings;
use crate::control::run_error::RunError;
use crate::control::startup::Startup;
use crate::control::systemd::attend;
use crate::data_path::shared::Shared;
use crate::observe::telemetry_figures::figures;

/// The name of a task.
const SYSTEMD_TASK: &str = "systemd";

/// Length of the embedded telemetry history.
pub const HISTORY_SPAN: Duration = Duration::from_secs(10 * 60);

/// For the last telemetry records to reach Kafka when the balancer stops.
const TELEMETRY_FLUSH: Duration = Duration::from_secs(2);
/// For requests and answers at the admin address that are under way when a successor takes over.
const LAST_ANSWERS: Duration = Duration::from_millis(700);

/// What the admin HTTP can see and do.
pub(crate) struct AdminAccess {
    pub(crate) shared: Arc<Shared>,
    /// The settings in force.
    pub(crate) settings: Arc<ArcSwap<Settings>>,
    pub(crate) history: Arc<History>,
    pub(crate) producer: Option<Producer>,
    pub(crate) lifecycle: LifecycleHandle,
    /// Where it listens.
    pub(crate) address: AdminAddress,
    /// The file that the settings are read from, if there is one.
    pub(crate) settings_file: Option<PathBuf>,
}

/// Checks, discovery, admin HTTP and telemetry.
pub(crate) struct Background {
    tasks: JoinSet<()>,
    history: Arc<History>,
    producer: Option<Producer>,
    /// Emits telemetry events.
    pub(crate) events: Events,
    /// Ends telemetry.
    finished: CancellationToken,
    /// Ends the admin HTTP, and what the service manager is told.
    closed: CancellationToken,
    /// Told when the admin HTTP has ended.
    admin_over: Option<oneshot::Receiver<()>>,
    /// Those of each pool.
    pub(crate) pools: Arc<PoolTasks>,
}

impl Background {
    pub(crate) fn start(startup: &Startup, shared: &Arc<Shared>) -> Result<Self, RunError> {
        let mut tasks = JoinSet::new();
        let supervisor = shared.tasks.clone();
        let pools = Arc::new(PoolTasks::default());
        let plans = startup.config.pool_plans();
        for (plan, upstream) in plans.iter().zip(shared.upstreams.load().iter()) {
            pools.begin(shared, upstream, plan.settings);
        }
        let closed = CancellationToken::new();
        if startup.manager.is_there() {
            let (manager, shared) = (Arc::clone(&startup.manager), Arc::clone(shared));
            let closed = closed.clone();
            tasks.spawn(async move {
                let attend = || attend(&manager, &shared);
                let attend = shared.tasks.run(SYSTEMD_TASK, attend);
                // A successor gives the signs of life itself.
                closed.run_until_cancelled(attend).await;
            });
        }

        let instance = startup.config.instance.clone();
        let instance = instance.unwrap_or_else(|| startup.first_address.clone());
        let identity = Identity::new(Role::Balancer, instance);
        let config = startup.config.producer.clone();
        let producer = config.map(|config| Producer::start(config, identity.key(), &supervisor));
        let history = Arc::new(History::new(HISTORY_SPAN));
        let sinks = Sinks {
            history: Some(Arc::clone(&history)),
            producer: producer.clone(),
        };
        let events = Events::new(identity.clone(), sinks.clone());
        for pool in shared.pools() {
            pool.tell_events(events.clone());
        }
        let finished = CancellationToken::new();
        let source = Arc::clone(shared);
        tasks.spawn(heartbeat(
            identity,
            move || {
                for log in source.access_logs.all() {
                    log.tell();
                }
                figures(&source.view())
            },
            sinks,
            supervisor,
            finished.clone(),
        ));

        Ok(Self {
            tasks,
            history,
            producer,
            events,
            finished,
            closed,
            admin_over: None,
            pools,
        })
    }

    /// Begins to answer at the admin address.
    pub(crate) fn open_admin<F>(
        &mut self,
        startup: &Startup,
        shared: &Arc<Shared>,
        settings: &Arc<ArcSwap<Settings>>,
        serve: impl FnOnce(AdminAcceptor, AdminAccess, CancellationToken) -> F,
    ) -> Result<(), RunError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let access = AdminAccess {
            shared: Arc::clone(shared),
            settings: Arc::clone(settings),
            history: Arc::clone(&self.history),
            producer: self.producer.clone(),
            lifecycle: startup.lifecycle(),
            address: startup.admin_address().clone(),
            settings_file: startup.settings_file.clone(),
        };
        let acceptor = acceptor(&startup.admin, self.closed.clone(), shared);
        let acceptor = acceptor.map_err(|error| RunError {
            what: "cannot start the admin HTTP".to_owned(),
            error,
        })?;
        let (over, admin_over) = oneshot::channel();
        let serving = serve(acceptor, access, self.closed.clone());
        self.tasks.spawn(async move {
            serving.await;
            // Nobody waits where this is no restart.
            let _ = over.send(());
        });
        self.admin_over = Some(admin_over);
        Ok(())
    }

    /// Leaves the admin address, telemetry and the service manager to the new process. Checks go on, for sessions that still
    /// need a backend. Pending requests are answered while clients are still served, so that no client of the admin HTTP sees
    /// this process drain while the service goes on.
    pub(crate) async fn retire(&mut self) {
        self.closed.cancel();
        self.finished.cancel();
        if let Some(over) = self.admin_over.take() {
            // Who is being told something for ever would make this last.
            let _ = timeout(LAST_ANSWERS, over).await;
        }
    }

    /// Flushes telemetry within its bound and ends everything.
    pub(crate) async fn stop(mut self) {
        self.finished.cancel();
        if let Some(producer) = self.producer {
            producer.shutdown(TELEMETRY_FLUSH).await;
        }
        self.pools.end();
        self.tasks.shutdown().await;
    }
}
