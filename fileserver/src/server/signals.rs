//! The signals of the program: stop, and reload of the credentials.

use std::io;
use std::panic::resume_unwind;

use netsocket_settings::Supervisor;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::security::credential_store::CredentialStore;

/// The name of the task that reloads.
const RELOAD_TASK: &str = "reload";
/// The name of the task that stops the server.
const STOP_TASK: &str = "signals";

/// The signals that a file server obeys. From the first moment on they are not fatal any more.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to watch for them, within a runtime. What arrives before [`Self::obey`] is obeyed then.
    ///
    /// # Errors
    /// The system gives no descriptors.
    pub fn watch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Obeys them, and returns at the second SIGTERM or SIGINT; the first one begins the shutdown. SIGHUP reloads
    /// certificates and tokens. `tasks` starts what obeys again after a panic.
    pub async fn obey(
        self,
        shutdown: &CancellationToken,
        credential_store: CredentialStore,
        tasks: &Supervisor,
    ) {
        let reload = move || reload(credential_store.clone());
        let hangups = tokio::spawn(on_each(self.hangup, tasks.clone(), reload));
        let _hangups = AbortOnDropHandle::new(hangups);
        let stops = Mutex::new((self.terminate, self.interrupt));
        tasks.run(STOP_TASK, || stop_twice(&stops, shutdown)).await;
    }
}

/// Returns at the second signal; the first one begins the shutdown.
async fn stop_twice(signals: &Mutex<(Signal, Signal)>, shutdown: &CancellationToken) {
    let mut signals = signals.lock().await;
    let (terminate, interrupt) = &mut *signals;
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    // It may begin anew between the two.
    if !shutdown.is_cancelled() {
        next().await;
        shutdown.cancel();
    }
    next().await;
    tracing::warn!("second signal: closing all sessions now");
}

/// Acts on each signal, for ever; also on one that arrives while this begins anew.
async fn on_each<F: Future>(signal: Signal, tasks: Supervisor, act: impl Fn() -> F) {
    let signal = Mutex::new(signal);
    let obey = || async {
        let mut signal = signal.lock().await;
        while signal.recv().await.is_some() {
            act().await;
        }
    };
    tasks.run(RELOAD_TASK, obey).await;
}

/// Reloads the credentials. One that panics leaves the current ones in place.
async fn reload(credential_store: CredentialStore) {
    let reload = spawn_blocking(move || credential_store.reload());
    if let Some(Ok(payload)) = reload.await.err().map(JoinError::try_into_panic) {
        // It is counted and logged with the others.
        resume_unwind(payload);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use rustix::process::{Signal as Number, getpid, kill_process};
    use tokio::time::{sleep, timeout};

    use super::*;

    async fn eventually(mut condition: impl FnMut() -> bool) {
        let wait = async {
            while !condition() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), wait).await.unwrap();
    }

    #[tokio::test]
    async fn every_hangup_is_obeyed_also_after_a_panic() {
        let hangup = signal(SignalKind::hangup()).unwrap();
        let (tasks, obeyed) = (Supervisor::default(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&obeyed);
        let task = tokio::spawn(on_each(hangup, tasks.clone(), move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(())
        }));
        let send = || kill_process(getpid(), Number::HUP).unwrap();
        send();
        eventually(|| obeyed.load(Ordering::SeqCst) == 1).await;
        tasks.make_panic(RELOAD_TASK);
        eventually(|| tasks.panics() == [(RELOAD_TASK, 1)]).await;
        // It comes before the restart.
        send();
        eventually(|| obeyed.load(Ordering::SeqCst) == 2).await;
        task.abort();
    }

    #[tokio::test]
    async fn the_second_signal_is_the_second_also_after_a_panic() {
        let (tasks, shutdown) = (Supervisor::default(), CancellationToken::new());
        let signals = [SignalKind::terminate(), SignalKind::interrupt()];
        let [terminate, interrupt] = signals.map(|kind| signal(kind).unwrap());
        let task = tokio::spawn({
            let (tasks, shutdown) = (tasks.clone(), shutdown.clone());
            async move {
                let stops = Mutex::new((terminate, interrupt));
                tasks.run(STOP_TASK, || stop_twice(&stops, &shutdown)).await;
            }
        });
        kill_process(getpid(), Number::TERM).unwrap();
        eventually(|| shutdown.is_cancelled()).await;
        tasks.make_panic(STOP_TASK);
        eventually(|| tasks.panics() == [(STOP_TASK, 1)]).await;
        kill_process(getpid(), Number::INT).unwrap();
        timeout(Duration::from_secs(60), task)
            .await
            .unwrap()
            .unwrap();
    }
}
