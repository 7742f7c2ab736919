//! Many sessions through one address, from many source addresses: some idle, some with a few bytes now and then.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::failure::{Explain as _, Failure, Outcome};

/// Between two messages of a trickling session.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);
/// Bytes of each.
const MESSAGE: usize = 64;
/// For one answer.
const LIMIT: Duration = Duration::from_secs(30);
/// Connections that are opened at a time.
const AT_ONCE: usize = 256;
/// Source addresses, each with some 28,000 ports.
const SOURCES: usize = 64;

/// How long things took, in µs, since somebody last asked.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Mutex<Vec<u32>>);

impl Latencies {
    pub(crate) fn add(&self, began: Instant) {
        let us = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(us);
    }

    pub(crate) fn take(&self) -> Vec<u32> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Connects from one of many addresses of the loopback network, whose third byte is `net`.
pub(crate) async fn connect(to: SocketAddr, net: u8, number: usize) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    let last = u8::try_from(number % SOURCES + 1).unwrap_or(u8::MAX);
    socket.bind(SocketAddr::from(([127, 0, net, last], 0)))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends `message`, and expects it back.
pub(crate) async fn echo(stream: &mut TcpStream, message: &[u8]) -> Outcome {
    let mut answer = [0; MESSAGE];
    let answer = answer
        .get_mut(..message.len())
        .ok_or_else(|| Failure::new("a message is too long"))?;
    let exchange = async {
        stream.write_all(message).await?;
        stream.read_exact(answer).await
    };
    let done = timeout(LIMIT, exchange).await;
    done.map_err(|_| Failure::new("a session has stalled"))?
        .explain("a session")?;
    if *answer != *message {
        return Err(Failure::new("a session has changed bytes"));
    }
    Ok(())
}

/// Open sessions.
pub(crate) struct Sessions {
    to: SocketAddr,
    idle: Vec<TcpStream>,
    trickling: JoinSet<()>,
    stop: Arc<AtomicBool>,
    broken: Arc<AtomicU64>,
    latencies: Arc<Latencies>,
}

impl Sessions {
    pub(crate) fn new(to: SocketAddr, latencies: Arc<Latencies>) -> Self {
        Self {
            to,
            idle: Vec::new(),
            trickling: JoinSet::new(),
            stop: Arc::default(),
            broken: Arc::default(),
            latencies,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.idle.len() + self.trickling.len()
    }

    /// Opens idle sessions until there are so many.
    pub(crate) async fn open_idle(&mut self, count: usize) -> Outcome {
        let more = count.saturating_sub(self.idle.len());
        let opened = open(self.to, self.idle.len(), more).await?;
        self.idle.extend(opened);
        Ok(())
    }

    /// Opens sessions that speak every [`INTERVAL`], each at its own moment.
    pub(crate) async fn open_trickling(&mut self, count: usize) -> Outcome {
        for stream in open(self.to, self.idle.len(), count).await? {
            let (stop, broken) = (Arc::clone(&self.stop), Arc::clone(&self.broken));
            let latencies = Arc::clone(&self.latencies);
            self.trickling.spawn(async move {
                if trickle(stream, &stop, &latencies).await.is_err() {
                    broken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Ok(())
    }

    /// Ends all of them, and says how many had not survived.
    pub(crate) async fn lost(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        while self.trickling.join_next().await.is_some() {}
        let mut lost = self.broken.load(Ordering::Relaxed);
        for mut stream in self.idle {
            lost += u64::from(echo(&mut stream, b"still there?").await.is_err());
        }
        lost
    }
}

/// Opens `count` sessions, each up to the backend.
async fn open(to: SocketAddr, first: usize, count: usize) -> Outcome<Vec<TcpStream>> {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for number in first..first + count {
        let gate = Arc::clone(&gate);
        tasks.spawn(async move {
            let _turn = gate.acquire().await.explain("the gate")?;
            let mut stream = connect(to, 1, number).await.explain("a session")?;
            echo(&mut stream, b"?").await?;
            Outcome::Ok(stream)
        });
    }
    let mut opened = Vec::with_capacity(count);
    while let Some(ended) = tasks.join_next().await {
        opened.push(ended.explain("a task")??);
    }
    Ok(opened)
}

async fn trickle(mut stream: TcpStream, stop: &AtomicBool, latencies: &Latencies) -> Outcome {
    let first = Instant::now() + INTERVAL.mul_f64(fastrand::f64());
    let mut ticks = interval_at(first, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut message = [0; MESSAGE];
    let mut random = fastrand::Rng::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        random.fill(&mut message);
        let began = Instant::now();
        echo(&mut stream, &message).await?;
        latencies.add(began);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, Service};

    fn backend() -> (SocketAddr, Backend) {
        let address = crate::port::Ports::new().free().unwrap();
        (address, Backend::start(address, Service::Echo).unwrap())
    }

    #[tokio::test]
    async fn sessions_that_live_are_not_lost_and_those_that_were_cut_are() {
        let (address, backend) = backend();
        let mut sessions = Sessions::new(address, Arc::default());
        sessions.open_idle(5).await.unwrap();
        assert_eq!(sessions.count(), 5);
        assert_eq!(sessions.lost().await, 0);
        let mut sessions = Sessions::new(address, Arc::default());
        sessions.open_idle(3).await.unwrap();
        drop(backend);
        assert_eq!(sessions.lost().await, 3);
    }

    #[tokio::test]
    async fn each_source_has_its_own_address() {
        let (address, _backend) = backend();
        let one = connect(address, 1, 0).await.unwrap();
        let other = connect(address, 1, 1).await.unwrap();
        assert_eq!(one.local_addr().unwrap().ip().to_string(), "127.0.1.1");
        assert_eq!(other.local_addr().unwrap().ip().to_string(), "127.0.1.2");
    }
}
