//! What an operator can ask of a running balancer, from wherever the wish comes: a signal, or the admin HTTP.
//!
//! One at a time, in the order of asking.

use tokio::sync::{mpsc, oneshot};

use crate::control::handover::RestartError;
use crate::control::reload::{Changes, ReloadError};

/// Wishes that may wait. More at a time are not asked for in earnest, and have to wait for room here.
const WAITING: usize = 8;

/// One wish, with the way of its answer.
pub(crate) enum LifecycleRequest {
    Reload(oneshot::Sender<Result<Changes, ReloadError>>),
    Restart(oneshot::Sender<Result<u32, RestartError>>),
}

/// The handle. It outlives the balancer, and then says that nothing can be done any more.
#[derive(Debug, Clone)]
pub struct LifecycleHandle {
    requests: mpsc::Sender<LifecycleRequest>,
}

impl LifecycleHandle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<LifecycleRequest>) {
        let (requests, receiver) = mpsc::channel(WAITING);
        (Self { requests }, receiver)
    }

    /// Reads the settings anew and applies them; what that changed.
    ///
    /// # Errors
    /// Why it changed nothing.
    pub async fn reload(&self) -> Result<Changes, ReloadError> {
        let (ask, answer) = oneshot::channel();
        // Who does not take the order, or drops it, is stopping.
        let _ = self.requests.send(LifecycleRequest::Reload(ask)).await;
        answer.await.unwrap_or(Err(ReloadError::Draining))
    }

    /// Starts a process that takes over, and drains this one; its number.
    ///
    /// # Errors
    /// Why this one goes on as before.
    pub async fn restart(&self) -> Result<u32, RestartError> {
        let (ask, answer) = oneshot::channel();
        let _ = self.requests.send(LifecycleRequest::Restart(ask)).await;
        answer.await.unwrap_or(Err(RestartError::Draining))
    }
}
