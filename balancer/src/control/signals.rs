//! The signals of the program: stop, reload, restart.

use std::io;
use std::process::exit;

use netsocket_settings::{StopSignals, Supervisor, flush_log, on_each_signal};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::control::lifecycle::LifecycleHandle;

/// The name of the tasks.
const TASK: &str = "signals";
/// A second signal: what a shell reports for a process that a signal ended.
const EXIT_SIGNALLED: i32 = 128;

/// The signals that a balancer obeys. From the first moment on they are not fatal any more.
#[derive(Debug)]
pub struct Signals {
    stop: StopSignals,
    hangup: Signal,
    user2: Signal,
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
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Obeys them from now on: SIGTERM and SIGINT stop, SIGHUP reloads, SIGUSR2 restarts. `tasks` starts what obeys again
    /// after a panic.
    pub fn obey(
        self,
        shutdown: &CancellationToken,
        lifecycle: &LifecycleHandle,
        tasks: &Supervisor,
    ) {
        let Self {
            stop: signals,
            hangup,
            user2,
        } = self;
        let (shutdown, supervisor) = (shutdown.clone(), tasks.clone());
        let stopping = lifecycle.clone();
        tokio::spawn(async move {
            let stop = || stop(&signals, &shutdown, &stopping);
            supervisor.run(TASK, stop).await;
        });
        let reloading = lifecycle.clone();
        tokio::spawn(on_each_signal(hangup, tasks.clone(), TASK, move || {
            let reloading = reloading.clone();
            // What came of it is in the log.
            async move { drop(reloading.reload().await) }
        }));
        let restarting = lifecycle.clone();
        tokio::spawn(on_each_signal(user2, tasks.clone(), TASK, move || {
            let restarting = restarting.clone();
            async move { drop(restarting.restart().await) }
        }));
    }
}

/// The first signal begins the drain, the second ends the process at once.
///
/// Not so a second SIGTERM once a new process has taken over: at a stop, systemd sends it to all processes of the service, and
/// once more to those that are left when the main one has ended. This one still has sessions then, and a deadline for them.
async fn stop(signals: &StopSignals, shutdown: &CancellationToken, lifecycle: &LifecycleHandle) {
    if !shutdown.is_cancelled() {
        signals.next().await;
        shutdown.cancel();
    }
    let second = loop {
        let signal = signals.next().await;
        if signal == SignalKind::interrupt() || !lifecycle.is_handed_over() {
            break signal;
        }
    };
    warn!("second signal, exiting immediately");
    flush_log();
    exit(EXIT_SIGNALLED + second.as_raw_value());
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
    async fn a_stop_goes_on_where_it_was() {
        let signals = StopSignals::watch().unwrap();
        let (tasks, shutdown) = (Supervisor::default(), CancellationToken::new());
        let supervisor = tasks.clone();
        let (lifecycle, _) = LifecycleHandle::new();
        let task = tokio::spawn({
            let (shutdown, lifecycle) = (shutdown.clone(), lifecycle.clone());
            async move {
                let stop = || stop(&signals, &shutdown, &lifecycle);
                supervisor.run(TASK, stop).await;
            }
        });
        eventually(|| tasks.panics() == [(TASK, 0)]).await;
        tasks.make_panic(TASK);
        eventually(|| tasks.panics() == [(TASK, 1)]).await;
        kill_process(getpid(), Number::TERM).unwrap();
        timeout(Duration::from_secs(60), shutdown.cancelled())
            .await
            .unwrap();
        // A second one would end this process, but does not after a hand-over.
        lifecycle.hand_over();
        let mut seen = signal(SignalKind::terminate()).unwrap();
        kill_process(getpid(), Number::TERM).unwrap();
        seen.recv().await.unwrap();
        // What the task has received with this one, it has also looked at by its next panic.
        tasks.make_panic(TASK);
        eventually(|| tasks.panics() == [(TASK, 2)]).await;
        task.abort();
    }
}
