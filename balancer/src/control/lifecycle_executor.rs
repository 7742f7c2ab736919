//! Executes lifecycle requests of operators, reload and restart, one after the other. One that meets a fault of ours fails;
//! the next one is executed.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::control::background::Background;
use crate::control::handover::{
    InheritedSockets, Manifest, PassedSockets, Program, RestartError, Successor,
};
use crate::control::lifecycle::LifecycleRequest;
use crate::control::reload::{Changes, ReloadError, Reloader, Settings};
use crate::control::startup::Startup;
use crate::control::systemd::{Manager, status};
use crate::core::health::AdminState;
use crate::core::pool::Pool;
use crate::data_path::listen_socket::ListenSocket;
use crate::data_path::shared::Shared;

/// Why it ended.
pub(crate) enum Exit {
    /// The balancer was told to stop.
    Stopped,
    /// The process with this number has taken over.
    HandedOver(u32),
}

/// Who takes the requests. A successor gets the listening sockets.
pub(crate) struct LifecycleExecutor {
    shared: Arc<Shared>,
    settings: Arc<ArcSwap<Settings>>,
    requests: Mutex<Receiver<LifecycleRequest>>,
    reloader: Reloader,
    admin: Arc<ListenSocket>,
    admin_is_managed: bool,
    program: Option<Program>,
    manager: Arc<Manager>,
    /// Restarts before this process.
    restarts: u32,
}

impl LifecycleExecutor {
    pub(crate) fn new(
        startup: Startup,
        shared: &Arc<Shared>,
        settings: Arc<ArcSwap<Settings>>,
        background: &Background,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            requests: Mutex::new(startup.requests.1),
            reloader: Reloader {
                source: startup.source,
                settings: Arc::clone(&settings),
                pools: Arc::clone(&background.pools),
                events: background.events.clone(),
                first_address: startup.first_address,
                retired: std::sync::Mutex::default(),
            },
            admin: startup.admin,
            admin_is_managed: startup.origin.admin_is_managed,
            program: startup.program,
            manager: startup.manager,
            restarts: startup.origin.restarts,
            settings,
        }
    }
}

impl LifecycleExecutor {
    /// Takes requests until `stop`, or until a successor serves.
    pub(crate) async fn work(&self, stop: &CancellationToken) -> Exit {
        let mut requests = self.requests.lock().await;
        loop {
            let request = tokio::select! {
                () = stop.cancelled() => return Exit::Stopped,
                Some(request) = requests.recv() => request,
            };
            // Who has asked may have given up.
            match request {
                LifecycleRequest::Reload(answer) => drop(answer.send(self.reload().await)),
                LifecycleRequest::Edit(edit, terms, answer) => {
                    let done = self.reloader.edit(&self.shared, &edit, terms).await;
                    drop(answer.send(done));
                }
                LifecycleRequest::Differences(answer) => {
                    drop(answer.send(self.reloader.differences().await));
                }
                LifecycleRequest::Restart(answer) => match self.restart(stop).await {
                    Ok(pid) => {
                        drop(answer.send(Ok(pid)));
                        self.manager.succeeded_by(pid);
                        return Exit::HandedOver(pid);
                    }
                    Err(error) => {
                        error!(%error, "restart failed, this process keeps serving");
                        let settings = self.settings.load();
                        let settings = settings.after_failed_restart(&error);
                        self.settings.store(Arc::new(settings));
                        drop(answer.send(Err(error)));
                    }
                },
            }
        }
    }

    async fn reload(&self) -> Result<Changes, ReloadError> {
        self.manager.reloading();
        let _over = ReloadOver(self);
        let outcome = self.reloader.reload(&self.shared).await;
        let refusal = outcome.as_ref().err();
        let refusal = refusal.map(|error| error.problems().join("; "));
        self.manager.refused(refusal);
        outcome
    }

    /// Starts a process and waits until it serves; its number. It is ended where this fails, or is given up.
    async fn restart(&self, stop: &CancellationToken) -> Result<u32, RestartError> {
        let program = self.program.as_ref().ok_or(RestartError::NoProgram)?;
        info!(program = %program.path.display(), "restarting");
        let manifest = |sockets: PassedSockets| Manifest {
            listen: sockets.listen,
            more_listen: sockets.more_listen,
            admin: sockets.admin,
            ready: sockets.ready,
            restarts: self.restarts.saturating_add(1),
            backends: admin_states(&self.shared.pools()),
        };
        let sockets = InheritedSockets {
            listen: self.shared.listeners.all(),
            admin: Arc::clone(&self.admin),
            admin_is_managed: self.admin_is_managed,
        };
        let (successor, answer) = Successor::start(program, &sockets, manifest)?;
        let limit = self.settings.load().config.lifecycle.restart_timeout;
        tokio::select! {
            // One that serves already must not be ended.
            biased;
            ready = successor.ready(answer, limit) => ready,
            () = stop.cancelled() => Err(RestartError::Draining),
        }
    }
}

/// Tells the service manager that a reload is over, however it ends: the manager waits for that.
struct ReloadOver<'a>(&'a LifecycleExecutor);

impl Drop for ReloadOver<'_> {
    fn drop(&mut self) {
        self.0.manager.ready(&status(&self.0.shared));
    }
}

/// What operators want of backends, where that is not `ready`.
pub(crate) fn admin_states(pools: &[Arc<Pool>]) -> BTreeMap<String, String> {
    let of = |pool: &Arc<Pool>| {
        let backends = pool.backends().into_iter();
        let wanted = backends.map(|backend| (backend.full_name(), backend.report().admin));
        wanted.collect::<Vec<_>>()
    };
    let wanted = pools.iter().flat_map(of);
    wanted
        .filter(|(_, state)| *state != AdminState::Ready)
        .map(|(name, state)| (name, state.label().to_owned()))
        .collect()
}
