//! Subscribers to the event stream.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use tokio::sync::mpsc;
use tracing::debug;

/// Maximum number of subscribers.
pub(super) const MAX_SUBSCRIBERS: usize = 32;
/// Events that a subscriber may lag behind.
const BEHIND: usize = 4;
/// The subscribers; `None` once the stream has ended.
#[derive(Debug)]
pub(super) struct Subscribers(Mutex<Option<Vec<mpsc::Sender<Bytes>>>>);

impl Default for Subscribers {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Subscribers {
    /// A place, if there is one.
    pub(super) fn join(&self) -> Option<mpsc::Receiver<Bytes>> {
        let mut subscribers = self.lock();
        let subscribers = subscribers.as_mut()?;
        // Those that have left are noticed at the next event.
        subscribers.retain(|subscriber| !subscriber.is_closed());
        if subscribers.len() == MAX_SUBSCRIBERS {
            return None;
        }
        let (sender, receiver) = mpsc::channel(BEHIND);
        subscribers.push(sender);
        Some(receiver)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().as_ref().is_none_or(Vec::is_empty)
    }

    /// Never waits: who is too far behind is left out from now on.
    pub(super) fn tell(&self, event: &Bytes) {
        if let Some(subscribers) = self.lock().as_mut() {
            subscribers.retain(|subscriber| match subscriber.try_send(event.clone()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    debug!("event stream client too slow, disconnecting it");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_subscriber_is_disconnected() {
        let subscribers = Subscribers::default();
        let mut slow = subscribers.join().unwrap();
        let mut quick = subscribers.join().unwrap();
        for number in 0..=BEHIND {
            subscribers.tell(&Bytes::from(number.to_string()));
            assert_eq!(quick.try_recv().unwrap(), number.to_string());
        }
        subscribers.tell(&Bytes::from_static(b"last"));
        assert_eq!(quick.try_recv().unwrap(), "last");
        // What was sent in time is there, then it is over.
        for number in 0..BEHIND {
            assert_eq!(slow.try_recv().unwrap(), number.to_string());
        }
        assert_eq!(
            slow.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        );
    }

    #[test]
    fn subscriptions_are_limited_and_freed() {
        let subscribers = Subscribers::default();
        let mut all: Vec<_> = (0..MAX_SUBSCRIBERS)
            .map(|_| subscribers.join().unwrap())
            .collect();
        assert!(subscribers.join().is_none());
        all.pop();
        assert!(subscribers.join().is_some());
    }
}
