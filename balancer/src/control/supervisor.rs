//! What a running balancer does for its operators: reload and restart, one wish after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::control::handover::{Heirlooms, Letter, Program, RestartError, Successor};
use crate::control::lifecycle::Order;
use crate::control::reload::{Changes, ReloadError, Reloader, Settings};
use crate::control::services::Control;
use crate::control::startup::Bound;
use crate::control::systemd::{Manager, status};
use crate::core::health::AdminState;
use crate::core::pool::Pool;
use crate::data_path::shared::Shared;

/// Why the work ended.
pub(crate) enum Closing {
    /// Nothing is to be served any more.
    Stopped,
    /// Another process serves, of this number.
    Succeeded(u32),
}

/// Who takes the orders. It holds the listening sockets, which a successor gets.
pub(crate) struct Office {
    shared: Arc<Shared>,
    settings: Arc<ArcSwap<Settings>>,
    orders: Receiver<Order>,
    reloader: Reloader,
    heirlooms: Heirlooms,
    program: Option<Program>,
    manager: Arc<Manager>,
    /// Restarts before this process.
    restarts: u32,
}

impl Office {
    pub(crate) fn new(
        bound: Bound,
        shared: &Arc<Shared>,
        settings: Arc<ArcSwap<Settings>>,
        control: &Control,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            orders: bound.orders.1,
            reloader: Reloader {
                source: bound.source,
                settings: Arc::clone(&settings),
                checks: Arc::clone(&control.checks),
                setups: Arc::clone(&control.setups),
                events: control.events.clone(),
            },
            heirlooms: Heirlooms {
                listen: bound.listener,
                admin: bound.admin,
                managed: bound.origin.managed,
            },
            program: bound.program,
            manager: bound.manager,
            restarts: bound.origin.restarts,
            settings,
        }
    }
}

impl Office {
    /// Takes orders until `stop`, or until a successor serves.
    pub(crate) async fn work(mut self, stop: &CancellationToken) -> Closing {
        loop {
            let order = tokio::select! {
                () = stop.cancelled() => return Closing::Stopped,
                Some(order) = self.orders.recv() => order,
            };
            // Who has asked may have given up.
            match order {
                Order::Reload(answer) => drop(answer.send(self.reload().await)),
                Order::Restart(answer) => match self.restart(stop).await {
                    Ok(pid) => {
                        drop(answer.send(Ok(pid)));
                        self.manager.succeeded_by(pid);
                        return Closing::Succeeded(pid);
                    }
                    Err(error) => {
                        error!(%error, "restart failed, going on as before");
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
        let letter = |listen, admin, ready| Letter {
            listen,
            admin,
            ready,
            restarts: self.restarts.saturating_add(1),
            backends: admin_states(&self.shared.pool),
        };
        let (successor, answer) = Successor::start(program, &self.heirlooms, letter)?;
        let limit = self.settings.load().config.operations.restart_timeout;
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
