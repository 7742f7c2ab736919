//! Executes lifecycle requests of operators, reload and restart, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::control::handover::{InheritedSockets, Manifest, Program, RestartError, Successor};
use crate::control::lifecycle::LifecycleRequest;
use crate::control::reload::{Changes, ReloadError, Reloader, Settings};
use crate::control::services::Services;
use crate::control::startup::Startup;
use crate::control::systemd::{Manager, status};
use crate::core::health::AdminState;
use crate::core::pool::Pool;
use crate::data_path::shared::Shared;

/// Why the supervisor ended.
pub(crate) enum Exit {
    /// The balancer was told to stop.
    Stopped,
    /// The process with this number has taken over.
    HandedOver(u32),
}

/// Who takes the requests. It holds the listening sockets, which a successor gets.
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    settings: Arc<ArcSwap<Settings>>,
    requests: Receiver<LifecycleRequest>,
    reloader: Reloader,
    sockets: InheritedSockets,
    program: Option<Program>,
    manager: Arc<Manager>,
    /// Restarts before this process.
    restarts: u32,
}

impl Supervisor {
    pub(crate) fn new(
        startup: Startup,
        shared: &Arc<Shared>,
        settings: Arc<ArcSwap<Settings>>,
        services: &Services,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            requests: startup.requests.1,
            reloader: Reloader {
                source: startup.source,
                settings: Arc::clone(&settings),
                checks: Arc::clone(&services.checks),
                setups: Arc::clone(&services.setups),
                events: services.events.clone(),
            },
            sockets: InheritedSockets {
                listen: startup.listener,
                admin: startup.admin,
                managed: startup.origin.managed,
            },
            program: startup.program,
            manager: startup.manager,
            restarts: startup.origin.restarts,
            settings,
        }
    }
}

impl Supervisor {
    /// Takes requests until `stop`, or until a successor serves.
    pub(crate) async fn work(mut self, stop: &CancellationToken) -> Exit {
        loop {
            let request = tokio::select! {
                () = stop.cancelled() => return Exit::Stopped,
                Some(request) = self.requests.recv() => request,
            };
            // Who has asked may have given up.
            match request {
                LifecycleRequest::Reload(answer) => drop(answer.send(self.reload().await)),
                LifecycleRequest::Restart(answer) => match self.restart(stop).await {
                    Ok(pid) => {
                        drop(answer.send(Ok(pid)));
                        self.manager.succeeded_by(pid);
                        return Exit::HandedOver(pid);
                    }
                    Err(error) => {
                        error!(%error, "restart failed, this process keeps serving");
                        drop(answer.send(Err(error)));
                    }
                },
            }
        }
    }

    async fn reload(&self) -> Result<Changes, ReloadError> {
        self.manager.reloading();
        let outcome = self.reloader.reload(&self.shared).await;
        let said = match &outcome {
            Ok(_) => status(&self.shared),
            Err(error) => format!("reload refused: {error}"),
        };
        self.manager.ready(&said);
        outcome
    }

    /// Starts a process and waits until it serves; its number. It is ended where this fails, or is given up.
    async fn restart(&self, stop: &CancellationToken) -> Result<u32, RestartError> {
        let program = self.program.as_ref().ok_or(RestartError::NoProgram)?;
        info!(program = %program.path.display(), "restarting");
        let manifest = |listen, admin, ready| Manifest {
            listen,
            admin,
            ready,
            restarts: self.restarts.saturating_add(1),
            backends: admin_states(&self.shared.pool),
        };
        let (successor, answer) = Successor::start(program, &self.sockets, manifest)?;
        let limit = self.settings.load().config.lifecycle.restart_timeout;
        tokio::select! {
            // One that serves already must not be ended.
            biased;
            ready = successor.ready(answer, limit) => ready,
            () = stop.cancelled() => Err(RestartError::Draining),
        }
    }
}

/// What operators want of backends, where that is not `ready`.
pub(crate) fn admin_states(pool: &Pool) -> BTreeMap<String, String> {
    let backends = pool.backends();
    let wanted = backends
        .iter()
        .map(|backend| (backend.name().to_owned(), backend.report().admin));
    wanted
        .filter(|(_, state)| *state != AdminState::Ready)
        .map(|(name, state)| (name, state.label().to_owned()))
        .collect()
}
