//! New connections at a fixed rate, whether or not earlier ones are done: what a waiting person feels.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::stage::sessions::{Latencies, connect};

/// For one of them, from the first packet to its end.
const LIMIT: Duration = Duration::from_secs(10);
/// Between two bursts.
const TICK: Duration = Duration::from_millis(5);

/// What came of the connections since somebody last asked.
#[derive(Debug, Default)]
pub(crate) struct Dialed {
    /// From the first packet to the first byte of an answer, in µs.
    pub(crate) latencies: Vec<u32>,
    /// Refused, reset, or not answered in time.
    pub(crate) failed: u64,
}

/// Makes them until it is stopped.
pub(crate) struct Dialer {
    latencies: Arc<Latencies>,
    failed: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Dialer {
    pub(crate) fn start(to: SocketAddr, rate: u32) -> Self {
        let (latencies, failed) = (Arc::new(Latencies::default()), Arc::new(AtomicU64::new(0)));
        let (sink, failures) = (Arc::clone(&latencies), Arc::clone(&failed));
        let task = tokio::spawn(async move {
            let began = Instant::now();
            let mut ticks = interval(TICK);
            // A burst that is late is made up for: the rate is what was asked for.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut made = 0;
            loop {
                ticks.tick().await;
                let due = due(began.elapsed(), rate);
                for number in made..due {
                    let (sink, failures) = (Arc::clone(&sink), Arc::clone(&failures));
                    tokio::spawn(async move {
                        let began = Instant::now();
                        match timeout(LIMIT, exchange(to, number, began, &sink)).await {
                            Ok(Ok(())) => {}
                            _ => drop(failures.fetch_add(1, Ordering::Relaxed)),
                        }
                    });
                }
                made = due;
            }
        });
        Self {
            latencies,
            failed,
            task,
        }
    }

    pub(crate) fn take(&self) -> Dialed {
        Dialed {
            latencies: self.latencies.take(),
            failed: self.failed.swap(0, Ordering::Relaxed),
        }
    }

    pub(crate) async fn stop(self) {
        self.task.abort();
        // It was aborted; there is nothing else to hear.
        let _ = self.task.await;
    }
}

/// How many connections there should have been by then.
fn due(elapsed: Duration, rate: u32) -> usize {
    let due = elapsed.as_millis() * u128::from(rate) / 1000;
    usize::try_from(due).unwrap_or(usize::MAX)
}

async fn exchange(
    to: SocketAddr,
    number: usize,
    began: Instant,
    latencies: &Latencies,
) -> std::io::Result<()> {
    let mut stream = connect(to, 3, number).await?;
    stream.write_all(b"?").await?;
    stream.read_exact(&mut [0]).await?;
    latencies.add(began);
    stream.shutdown().await?;
    // The end comes from the backend, so that it has seen ours.
    match stream.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err(std::io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_any_time() {
        assert_eq!(due(Duration::from_millis(5), 5_000), 25);
        assert_eq!(due(Duration::from_secs(10), 5_000), 50_000);
        assert_eq!(due(Duration::from_millis(999), 1), 0);
    }

    #[tokio::test]
    async fn a_refused_connection_is_a_failure() {
        let nobody = crate::port::Ports::new().free().unwrap();
        let dialer = Dialer::start(nobody, 1_000);
        let mut failed = 0;
        while failed == 0 {
            tokio::time::sleep(TICK).await;
            let dialed = dialer.take();
            assert!(dialed.latencies.is_empty());
            failed += dialed.failed;
        }
        dialer.stop().await;
    }
}
