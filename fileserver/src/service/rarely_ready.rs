//! A future that waits long, in a task that is woken often for something else.
//!
//! A future that is polled in vain costs locks, and those of a token that all sessions share are contended. So it gets a
//! waker of its own, and is polled only once that was called.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled only when it has something to say.
#[derive(Debug)]
pub(crate) struct RarelyReady<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
    /// The waker of the task, as the bell knows it.
    task: Waker,
}

#[derive(Debug)]
struct Bell {
    has_rung: AtomicBool,
    task: Mutex<Waker>,
}

impl<F: Future> RarelyReady<F> {
    pub(crate) fn new(future: F) -> Self {
        let bell = Arc::new(Bell {
            // The first poll says whom to wake.
            has_rung: AtomicBool::new(true),
            task: Mutex::new(Waker::noop().clone()),
        });
        Self {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            task: Waker::noop().clone(),
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Before the task is looked up: whoever changes it then sees this.
        self.has_rung.store(true, Ordering::SeqCst);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.wake_by_ref();
    }
}

impl<F: Future> Future for RarelyReady<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if !this.task.will_wake(cx.waker()) {
            this.task = cx.waker().clone();
            let mut task = this
                .bell
                .task
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            task.clone_from(&this.task);
        }
        // Only the poll resets it, so a look before saves an atomic exchange at most polls.
        let has_rung = &this.bell.has_rung;
        if !has_rung.load(Ordering::SeqCst) || !has_rung.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        let mut cx = Context::from_waker(&this.waker);
        this.future.as_mut().poll(&mut cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_only_when_it_has_asked_for_it() {
        let (polls, notify) = (AtomicUsize::new(0), Notify::new());
        let mut notified = Box::pin(notify.notified());
        let counted = poll_fn(|cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            notified.as_mut().poll(cx)
        });
        let mut rare = RarelyReady::new(counted);
        let mut once = async || poll_fn(|cx| Poll::Ready(Pin::new(&mut rare).poll(cx))).await;
        for _ in 0..5 {
            assert!(once().await.is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        notify.notify_one();
        assert!(once().await.is_ready());
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whichever_task_waits_is_woken() {
        for _ in 0..200 {
            let token = CancellationToken::new();
            let mut rare = RarelyReady::new({
                let token = token.clone();
                async move { token.cancelled().await }
            });
            // One task begins to wait, another goes on.
            assert!(
                poll_fn(|cx| Poll::Ready(Pin::new(&mut rare).poll(cx)))
                    .await
                    .is_pending()
            );
            let waits = tokio::spawn(rare);
            token.cancel();
            waits.await.unwrap();
        }
    }
}
