//! Lifecycle requests of operators, reload and restart, whether they come from a signal or the admin HTTP.
//!
//! They are executed one at a time, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::config::Edit;
use crate::control::handover::RestartError;
use crate::control::reload::{Changes, EditTerms, ReloadError};

/// Requests that may be queued. Further ones wait until there is room.
const WAITING: usize = 8;

/// A request, with the channel for its answer.
pub(crate) enum LifecycleRequest {
    Reload(oneshot::Sender<Result<Changes, ReloadError>>),
    Edit(
        Edit,
        EditTerms,
        oneshot::Sender<Result<Changes, ReloadError>>,
    ),
    Differences(oneshot::Sender<Result<Vec<String>, ReloadError>>),
    Restart(oneshot::Sender<Result<u32, RestartError>>),
}

/// A handle to reload or restart a running balancer. It may outlive the balancer; requests then fail.
#[derive(Debug, Clone)]
pub struct LifecycleHandle {
    requests: mpsc::Sender<LifecycleRequest>,
    handed_over: Arc<AtomicBool>,
}

impl LifecycleHandle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<LifecycleRequest>) {
        let (requests, receiver) = mpsc::channel(WAITING);
        let handed_over = Arc::default();
        (
            Self {
                requests,
                handed_over,
            },
            receiver,
        )
    }

    /// A new process has taken over.
    pub(crate) fn hand_over(&self) {
        self.handed_over.store(true, Ordering::Relaxed);
    }

    /// Whether a new process has taken over, and this one drains.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Relaxed)
    }

    /// Reloads the settings and returns what changed.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub async fn reload(&self) -> Result<Changes, ReloadError> {
        self.settings(LifecycleRequest::Reload).await
    }

    /// Changes the settings until the next reload or restart.
    pub(crate) async fn edit(&self, edit: Edit, terms: EditTerms) -> Result<Changes, ReloadError> {
        self.settings(|ask| LifecycleRequest::Edit(edit, terms, ask))
            .await
    }

    /// How the settings in force differ from those that a reload would read.
    pub(crate) async fn differences(&self) -> Result<Vec<String>, ReloadError> {
        self.settings(LifecycleRequest::Differences).await
    }

    async fn settings<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, ReloadError>>) -> LifecycleRequest,
    ) -> Result<T, ReloadError> {
        let (ask, answer) = oneshot::channel();
        // Who does not take the order is stopping.
        let _ = self.requests.send(request(ask)).await;
        answer.await.unwrap_or_else(|_| {
            Err(if self.requests.is_closed() {
                ReloadError::Draining
            } else {
                ReloadError::Panicked
            })
        })
    }

    /// Starts a new process that takes over, and drains this one. Returns the number of the new process.
    ///
    /// # Errors
    /// Why the restart failed; this process keeps serving.
    pub async fn restart(&self) -> Result<u32, RestartError> {
        let (ask, answer) = oneshot::channel();
        let _ = self.requests.send(LifecycleRequest::Restart(ask)).await;
        answer.await.unwrap_or_else(|_| {
            Err(if self.requests.is_closed() {
                RestartError::Draining
            } else {
                RestartError::Panicked
            })
        })
    }
}
