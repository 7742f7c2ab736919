//! The signals of a server, obeyed as long as it lives.
//!
//! Owns: waiting for signals so that none is lost where the task that obeys them panics and starts again. Does not own: what
//! they mean.
//!
//! ```
//! use netsocket_settings::StopSignals;
//! use rustix::process::{Signal, getpid, kill_process};
//! use tokio::signal::unix::SignalKind;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let signals = StopSignals::watch()?;
//! kill_process(getpid(), Signal::TERM)?;
//! assert_eq!(signals.next().await, SignalKind::terminate());
//! # Ok(())
//! # }
//! ```

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;

use crate::supervisor::Supervisor;

/// SIGTERM and SIGINT, which ask a server to stop.
#[derive(Debug)]
pub struct StopSignals(Mutex<Pair>);

#[derive(Debug)]
struct Pair {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Begins to watch for them, within a runtime. From now on they do not end the process. What arrives before
    /// [`Self::next`] is returned then.
    ///
    /// # Errors
    /// The system gives no descriptors.
    pub fn watch() -> io::Result<Self> {
        Ok(Self(Mutex::new(Pair {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })))
    }

    /// Waits for the next of them.
    pub async fn next(&self) -> SignalKind {
        let mut pair = self.0.lock().await;
        let Pair {
            terminate,
            interrupt,
        } = &mut *pair;
        tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

/// Acts on each signal, for ever, in a task of that name; also on a signal that arrives while the task starts again after a
/// panic.
pub async fn on_each_signal<F: Future>(
    signal: Signal,
    tasks: Supervisor,
    task: &'static str,
    act: impl Fn() -> F,
) {
    let signal = Mutex::new(signal);
    let obey = || async {
        let mut signal = signal.lock().await;
        while signal.recv().await.is_some() {
            act().await;
        }
    };
    tasks.run(task, obey).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use rustix::process::{Signal as Number, getpid, kill_process};
    use tokio::time::{sleep, timeout};

    use super::*;

    const TASK: &str = "signals";

    async fn eventually(mut condition: impl FnMut() -> bool) {
        let wait = async {
            while !condition() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), wait).await.unwrap();
    }

    #[tokio::test]
    async fn every_signal_is_obeyed_also_after_a_panic() {
        let signal = signal(SignalKind::user_defined1()).unwrap();
        let (tasks, obeyed) = (Supervisor::default(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&obeyed);
        let task = tokio::spawn(on_each_signal(signal, tasks.clone(), TASK, move || {
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
    async fn either_signal_asks_for_a_stop() {
        let signals = StopSignals::watch().unwrap();
        for (number, kind) in [
            (Number::TERM, SignalKind::terminate()),
            (Number::INT, SignalKind::interrupt()),
            (Number::TERM, SignalKind::terminate()),
        ] {
            kill_process(getpid(), number).unwrap();
            let next = timeout(Duration::from_secs(60), signals.next()).await;
            assert_eq!(next.unwrap(), kind);
        }
    }
}
