//! One worker: a thread with a runtime of its own that accepts from the shared socket and lives its sessions.
//!
//! A session never leaves the thread that accepted it, so the data path takes no lock that another thread wants.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::task::yield_now;
use tokio::time::error::Elapsed;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::warn;

use crate::listen::BACKLOG;
use crate::log_gate::LogGate;
use crate::session::Session;
use crate::shared::Shared;

/// Connections taken in a row before sessions have their turn.
const ACCEPT_BURST: usize = 32;
/// How often a worker looks at its timers at the least. The runtime writes to a descriptor of its own, and reads it
/// again, for every timer that is due before all others. Nearly every session has two: its connect timeout, and the
/// shorter limit after an end. With this tick before them none is ever the first.
const TICK: Duration = Duration::from_millis(250);
/// The pause when the system has no descriptor or memory for another connection; it keeps them queued meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a worker has to tell at its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WorkerSummary {
    /// Sessions that were still open at the drain deadline.
    pub(crate) killed: usize,
}

pub(crate) struct Worker {
    shared: Arc<Shared>,
    accept_errors: Arc<LogGate>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, accept_errors: Arc<LogGate>) -> Self {
        Self {
            shared,
            accept_errors,
        }
    }

    /// Accepts from `listener` until the stop, then works until all sessions are over or the drain deadline.
    ///
    /// # Errors
    /// The runtime cannot be made, or it cannot take the socket.
    pub(crate) fn run(self, listener: StdListener) -> io::Result<WorkerSummary> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let summary = runtime.block_on(self.serve(listener));
        // Ends what is left: dropping a session resets its sockets and tells its record.
        drop(runtime);
        summary
    }

    async fn serve(&self, listener: StdListener) -> io::Result<WorkerSummary> {
        let sessions = TaskTracker::new();
        let listener = TcpListener::from_std(listener)?;
        let tick = AbortOnDropHandle::new(tokio::spawn(tick()));
        let stop = &self.shared.stop;
        let _: Option<()> = stop
            .run_until_cancelled(self.accept(&listener, &sessions))
            .await;
        let listener = listener.into_std()?;
        let rest = async {
            self.accept_rest(listener, &sessions).await;
            sessions.close();
            sessions.wait().await;
        };
        // Sessions that are over have left the tracker.
        let _: Result<(), Elapsed> = timeout(self.shared.timeouts.drain, rest).await;
        drop(tick);
        Ok(WorkerSummary {
            killed: sessions.len(),
        })
    }

    /// Accepts for ever.
    async fn accept(&self, listener: &TcpListener, sessions: &TaskTracker) {
        loop {
            for _ in 0..ACCEPT_BURST {
                match listener.accept().await {
                    Ok((client, address)) => self.admit(sessions, client, address),
                    Err(error) => self.accept_failed(&error).await,
                }
            }
            yield_now().await;
        }
    }

    /// Takes the connections that were complete before the stop, as their clients have been told, and closes the
    /// socket. When descriptors are short this waits for sessions that end.
    async fn accept_rest(&self, listener: StdListener, sessions: &TaskTracker) {
        for _ in 0..BACKLOG {
            let adopted = listener.accept().and_then(|(client, address)| {
                client.set_nonblocking(true)?;
                Ok((TcpStream::from_std(client)?, address))
            });
            match adopted {
                Ok((client, address)) => self.admit(sessions, client, address),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.accept_failed(&error).await,
            }
        }
    }

    fn admit(&self, sessions: &TaskTracker, client: TcpStream, address: SocketAddr) {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        sessions.spawn(Session::new(Arc::clone(&self.shared), client, address).run());
    }

    async fn accept_failed(&self, error: &io::Error) {
        self.shared.counters.count_accept_error();
        if let Some(suppressed) = self.accept_errors.pass(self.shared.uptime()) {
            warn!(%error, suppressed, "accept failed");
        }
        if is_exhaustion(error) {
            sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Keeps a timer pending that is due soon, see [`TICK`].
async fn tick() {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
    }
}

/// Whether the next accept will fail as well, for want of something; else only that one connection was lost.
fn is_exhaustion(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as StdStream;
    use std::sync::Mutex;

    use super::*;
    use crate::listen::listen;

    #[test]
    fn clients_that_are_queued_at_the_stop_are_not_lost() {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<StdStream> = (0..50)
            .map(|_| StdStream::connect(address).unwrap())
            .collect();
        let ends = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&ends);
        let shared = Shared::without_backends(Some(Arc::new(move |record| {
            sink.lock().unwrap().push(record.termination);
        })));
        shared.stop.cancel();
        let summary = Worker::new(Arc::new(shared), Arc::default())
            .run(listener)
            .unwrap();
        assert_eq!(summary.killed, 0);
        // Nobody is there to serve them, and that is what each of them has on record.
        let ends = ends.lock().unwrap();
        assert_eq!(ends.len(), clients.len());
        assert!(ends.iter().all(|end| end.code() == "SC"), "{ends:?}");
    }

    #[test]
    fn only_a_lack_of_something_is_waited_for() {
        for (errno, lack) in [
            (Errno::MFILE, true),
            (Errno::NOMEM, true),
            (Errno::CONNABORTED, false),
        ] {
            assert_eq!(is_exhaustion(&errno.into()), lack);
        }
    }
}
