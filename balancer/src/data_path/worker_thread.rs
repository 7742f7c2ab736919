//! The thread of one worker: keeps the worker going, also after a panic outside of its sessions, which costs those sessions.
//!
//! A panic within a session ends that session only, see [`crate::data_path::event_loop`].

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;
use tracing::debug;

use crate::core::log_limiter::LogLimiter;
use crate::data_path::scheduling::run_in_batches;
use crate::data_path::shared::Shared;
use crate::data_path::worker::{Worker, WorkerSummary};

/// The name of the work of all these threads.
const TASK: &str = "worker";

/// Tells how a worker has ended.
pub(crate) type WorkerEnd = oneshot::Receiver<WorkerSummary>;

/// Starts the thread of worker `number`, which accepts from all listeners.
///
/// # Errors
/// No descriptors for it, or no thread.
pub(crate) fn start(
    shared: Arc<Shared>,
    number: usize,
    accept_errors: Arc<LogLimiter>,
) -> io::Result<WorkerEnd> {
    let make = {
        let shared = Arc::clone(&shared);
        move || worker(&shared, number, &accept_errors)
    };
    let first = make()?;
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || {
            if let Err(error) = run_in_batches() {
                debug!(%error, "a worker is scheduled like any other thread");
            }
            let summary = keep_working(&shared, number, first, make);
            // A receiver that is gone only means that nobody waits any more.
            let _ = sender.send(summary);
        })?;
    Ok(receiver)
}

fn worker(
    shared: &Arc<Shared>,
    number: usize,
    accept_errors: &Arc<LogLimiter>,
) -> io::Result<Worker> {
    if shared.listeners.is_closed() {
        return Err(io::Error::other("the balancer is stopping"));
    }
    let listeners = shared.listeners.all();
    let (shared, accept_errors) = (Arc::clone(shared), Arc::clone(accept_errors));
    Worker::new(shared, number, listeners, accept_errors)
}

/// Runs workers, one after the other where one fails, until the stop.
fn keep_working(
    shared: &Shared,
    number: usize,
    first: Worker,
    again: impl Fn() -> io::Result<Worker>,
) -> WorkerSummary {
    let mut first = Some(first);
    let summary = shared.tasks.run_blocking(
        TASK,
        || shared.is_draining(),
        || first.take().map_or_else(&again, Ok)?.run(),
    );
    summary.unwrap_or_else(|| {
        // It has failed since the stop: nobody is to wait for an answer from it.
        let handle = shared.workers.worker(number);
        drop(handle.map(|handle| handle.mailbox.close()));
        WorkerSummary::default()
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{SocketAddr, TcpStream};
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::config::Config;
    use crate::core::admission::Network;
    use crate::core::termination::Termination;
    use crate::data_path::mailbox::Mail;
    use crate::data_path::service::Routes;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn eventually(what: &str, condition: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < end, "never: {what}");
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// A worker whose sessions wait for the header of a proxy, and how they have ended.
    struct Test {
        shared: Arc<Shared>,
        address: SocketAddr,
        ends: Arc<Mutex<Vec<Termination>>>,
        end: WorkerEnd,
    }

    impl Test {
        fn start() -> Self {
            let ends = Arc::new(Mutex::new(Vec::new()));
            let sink = Arc::clone(&ends);
            let shared = Shared::without_backends(Some(Arc::new(move |record| {
                sink.lock().unwrap().push(record.termination);
            })));
            let mut config = Config::default();
            let network: Network = "127.0.0.0/8".parse().unwrap();
            config.proxy.from = [network].into_iter().collect();
            config.proxy.timeout = 10 * PATIENCE;
            let service = shared.only_service();
            let target = Arc::clone(&service.rules.load().routes.target);
            service.set_rules(&config, Routes::to(target), &shared.access_logs);
            let shared = Arc::new(shared);
            let address = shared.listen();
            let end = start(Arc::clone(&shared), 0, Arc::default()).unwrap();
            Self {
                shared,
                address,
                ends,
                end,
            }
        }

        fn send(&self, mail: Mail) {
            let handle = self.shared.workers.worker(0).unwrap();
            assert!(handle.mailbox.send(mail).is_ok());
        }

        /// A client that has become a session.
        fn client(&self) -> TcpStream {
            let client = TcpStream::connect(self.address).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            eventually("a session", || self.shared.counters.active() == 1);
            client
        }

        fn panics(&self) -> Vec<(&'static str, u64)> {
            self.shared.tasks.panics()
        }

        fn stop(&self) {
            self.shared.stop.cancel();
            self.shared.workers.stop();
        }
    }

    #[test]
    fn a_worker_that_panics_ends_its_sessions_and_takes_the_next() {
        let test = Test::start();
        let mut client = test.client();
        test.send(Mail::Panic);
        let ended = client.read(&mut [0; 1]);
        assert!(
            ended.as_ref().map_or(true, |count| *count == 0),
            "{ended:?}"
        );
        eventually("its record", || !test.ends.lock().unwrap().is_empty());
        assert_eq!(*test.ends.lock().unwrap(), [Termination::InternalConnect]);
        eventually("the count", || test.panics() == [(TASK, 1)]);
        eventually("no session", || test.shared.counters.active() == 0);

        let client = test.client();
        let sessions = || test.shared.workers.loads().sum::<usize>();
        eventually("the load", || sessions() == 1);
        let (ask, answer) = oneshot::channel();
        test.send(Mail::List(None, ask));
        let listed = answer.blocking_recv().unwrap();
        // The sessions before and after it can be told apart.
        assert_eq!((listed.len(), listed[0].id.serial), (1, 2));
        drop(client);
        test.stop();
        assert_eq!(test.end.blocking_recv().unwrap().killed, 0);
    }

    #[test]
    fn a_worker_that_panics_in_the_drain_is_over() {
        let test = Test::start();
        let _client = test.client();
        test.stop();
        test.send(Mail::Panic);
        let Test {
            shared,
            address,
            end,
            ..
        } = test;
        end.blocking_recv().unwrap();
        let handle = shared.workers.worker(0).unwrap();
        assert!(handle.mailbox.send(Mail::Stop).is_err());
        assert_eq!(shared.counters.active(), 0);
        // Nothing of it listens any more.
        shared.listeners.close();
        assert!(TcpStream::connect(address).is_err());
    }
}
