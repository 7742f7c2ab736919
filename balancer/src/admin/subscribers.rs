//! Who listens to events, and what they are told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use tokio::sync::mpsc;
use tracing::debug;

/// Listeners at a time.
pub(super) const MOST_LISTENERS: usize = 32;
/// Events that a listener may be behind.
const BEHIND: usize = 4;
/// Who listens; `None` once it is over.
#[derive(Debug)]
pub(super) struct Listeners(Mutex<Option<Vec<mpsc::Sender<Bytes>>>>);

impl Default for Listeners {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Listeners {
    /// A place, if there is one.
    pub(super) fn join(&self) -> Option<mpsc::Receiver<Bytes>> {
        let mut listeners = self.lock();
        let listeners = listeners.as_mut()?;
        // Those that have left are noticed at the next event.
        listeners.retain(|listener| !listener.is_closed());
        if listeners.len() == MOST_LISTENERS {
            return None;
        }
        let (sender, receiver) = mpsc::channel(BEHIND);
        listeners.push(sender);
        Some(receiver)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().as_ref().is_none_or(Vec::is_empty)
    }

    /// Never waits: who is too far behind is left out from now on.
    pub(super) fn tell(&self, event: &Bytes) {
        if let Some(listeners) = self.lock().as_mut() {
            listeners.retain(|listener| match listener.try_send(event.clone()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    debug!("a listener of events is too slow");
                    false
                }
            });
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Vec<mpsc::Sender<Bytes>>>> {
        // A list of listeners is whole whatever its last user did.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
