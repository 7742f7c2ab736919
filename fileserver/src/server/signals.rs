//! The signals of the program: stop, and reload of the credentials.

use std::io;
use std::panic::resume_unwind;

use netsocket_settings::{StopSignals, Supervisor, on_each_signal};
use tokio::signal::unix::{Signal, SignalKind, signal};
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
    stop: StopSignals,
    hangup: Signal,
}

impl Signals {
    /// Begins to watch for them, within a runtime. What arrives before [`Self::obey`] is obeyed then.
    ///
    /// # Errors
    /// The system gives no descriptors.
    pub fn watch() -> io::Result<Self> {
        Ok(Self {
            stop: StopSignals::watch()?,
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
        let hangups = on_each_signal(self.hangup, tasks.clone(), RELOAD_TASK, reload);
        let hangups = tokio::spawn(hangups);
        let _hangups = AbortOnDropHandle::new(hangups);
        let stop = || stop_twice(&self.stop, shutdown);
        tasks.run(STOP_TASK, stop).await;
    }
}

/// Returns at the second signal; the first one begins the shutdown.
async fn stop_twice(signals: &StopSignals, shutdown: &CancellationToken) {
    // It may begin anew between the two.
    if !shutdown.is_cancelled() {
        signals.next().await;
        shutdown.cancel();
    }
    signals.next().await;
    tracing::warn!("second signal: closing all sessions now");
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
    async fn the_second_signal_is_the_second_also_after_a_panic() {
        let (tasks, shutdown) = (Supervisor::default(), CancellationToken::new());
        let signals = StopSignals::watch().unwrap();
        let task = tokio::spawn({
            let (tasks, shutdown) = (tasks.clone(), shutdown.clone());
            async move {
                let stop = || stop_twice(&signals, &shutdown);
                tasks.run(STOP_TASK, stop).await;
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
