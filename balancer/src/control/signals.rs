//! The signals of the program: stop, reload, restart.

use std::future::Future;
use std::io;
use std::process::exit;

use netsocket_settings::{Supervisor, flush_log};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
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
    terminate: Signal,
    interrupt: Signal,
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
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
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
            terminate,
            interrupt,
            hangup,
            user2,
        } = self;
        let (shutdown, supervisor) = (shutdown.clone(), tasks.clone());
        let stopping = lifecycle.clone();
        tokio::spawn(async move {
            let signals = Mutex::new((terminate, interrupt));
            let stop = || stop(&signals, &shutdown, &stopping);
            supervisor.run(TASK, stop).await;
        });
        let reloading = lifecycle.clone();
        tokio::spawn(on_each(hangup, tasks.clone(), move || {
            let reloading = reloading.clone();
            // What came of it is in the log.
            async move { drop(reloading.reload().await) }
        }));
        let restarting = lifecycle.clone();
        tokio::spawn(on_each(user2, tasks.clone(), move || {
            let restarting = restarting.clone();
            async move { drop(restarting.restart().await) }
        }));
    }
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
    tasks.run(TASK, obey).await;
}

/// The first signal begins the drain, the second ends the process at once.
///
/// Not so a second SIGTERM once a new process has taken over: at a stop, systemd sends it to all processes of the service, and
/// once more to those that are left when the main one has ended. This one still has sessions then, and a deadline for them.
async fn stop(
    signals: &Mutex<(Signal, Signal)>,
    shutdown: &CancellationToken,
    lifecycle: &LifecycleHandle,
) {
    let mut signals = signals.lock().await;
    let (terminate, interrupt) = &mut *signals;
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        }
    };
    if !shutdown.is_cancelled() {
        next().await;
        shutdown.cancel();
    }
    let second = loop {
        let signal = next().await;
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
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
    async fn signals_are_obeyed_also_after_a_panic() {
        let signal = signal(SignalKind::user_defined1()).unwrap();
        let (tasks, obeyed) = (Supervisor::default(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&obeyed);
        let task = tokio::spawn(on_each(signal, tasks.clone(), move || {
            count.fetch_add(1, SeqCst);
            std::future::ready(())
        }));
        let send = || kill_process(getpid(), Number::USR1).unwrap();
        send();
        eventually(|| obeyed.load(SeqCst) == 1).await;
        tasks.make_panic(TASK);
        eventually(|| tasks.panics() == [(TASK, 1)]).await;
        // It comes before the restart.
        send();
        eventually(|| obeyed.load(SeqCst) == 2).await;
        task.abort();
    }

    #[tokio::test]
    async fn a_stop_goes_on_where_it_was() {
        let signals = [SignalKind::terminate(), SignalKind::interrupt()];
        let [terminate, interrupt] = signals.map(|kind| signal(kind).unwrap());
        let (tasks, shutdown) = (Supervisor::default(), CancellationToken::new());
        let supervisor = tasks.clone();
        let (lifecycle, _) = LifecycleHandle::new();
        let task = tokio::spawn({
            let (shutdown, lifecycle) = (shutdown.clone(), lifecycle.clone());
            async move {
                let signals = Mutex::new((terminate, interrupt));
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
