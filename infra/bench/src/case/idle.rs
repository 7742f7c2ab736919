//! Many connections that are open and say nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::round::{Effort, ONLY_PART, Parts};
use crate::backend::{Backend, Service};
use crate::failure::{Explain as _, Failure, Outcome};
use crate::figure::{Figure, Figures};
use crate::host::Host;
use crate::measure::Stretch;
use crate::peer::{Peer, Traffic};
use crate::stats::percentile;

/// Proxied connections.
const CONNECTIONS: usize = 4_000;
/// Opened at a time.
const AT_ONCE: usize = 64;
/// Files that are open for each of them, here and in a peer: one to each side. Pipes and other things add a quarter.
const FILES: u64 = 2 * CONNECTIONS as u64 + CONNECTIONS as u64 / 2;
/// For one of them to be opened.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn run(host: &Host, peer: Peer, effort: Effort) -> Outcome<Parts> {
    host.need_open_files(FILES)?;
    let address = host.ports.free()?;
    let mut relay = peer.start(host, address, Traffic::Small).await?;
    let _backend = Backend::start(address, Service::Echo)?;
    // One exchange, so that what a peer allocates once is not shared out over the connections.
    drop(open(relay.address).await?);

    let before = relay.memory()?;
    let opening = Stretch::begin(&relay)?;
    let (streams, mut latencies) = open_all(relay.address).await?;
    let opened = opening.end(&relay)?;

    let idling = Stretch::begin(&relay)?;
    sleep(Duration::from_secs(effort.seconds)).await;
    let idled = idling.end(&relay)?;
    let after = relay.memory()?;
    relay.check_alive()?;
    check_open(&streams)?;

    let count = streams.len();
    let added = after.zip(before).map(|(after, before)| {
        // Pages that a peer gives back after its start can make the difference negative.
        (after as f64 - before as f64) / 1024.0 / count as f64
    });
    let figures = Figures::new()
        .with(Figure::Rate, count as f64 / opened.wall)
        .per_op(&opened, count as u64)
        .with(Figure::P50, percentile(&mut latencies, 0.5).map(f64::from))
        .with(Figure::P99, percentile(&mut latencies, 0.99).map(f64::from))
        .memory(after)
        .with(Figure::MemoryPerConnection, added)
        .with(
            Figure::IdleCpu,
            idled.proxy.map(|s| s * 1000.0 / idled.wall),
        );
    Ok(vec![(ONLY_PART, figures)])
}

/// Opens a connection and exchanges one byte, so that it reaches through to the backend. Also says how many µs it took.
async fn open(address: SocketAddr) -> Outcome<(TcpStream, u32)> {
    let begin = Instant::now();
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"?").await?;
        stream.read_exact(&mut [0]).await?;
        Ok::<_, std::io::Error>(stream)
    };
    let stream = timeout(OPEN_LIMIT, exchange)
        .await
        .map_err(|_| Failure::new("a connection was not opened within 10 s"))?
        .explain("a connection")?;
    let us = u32::try_from(begin.elapsed().as_micros()).unwrap_or(u32::MAX);
    Ok((stream, us))
}

async fn open_all(address: SocketAddr) -> Outcome<(Vec<TcpStream>, Vec<u32>)> {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let gate = Arc::clone(&gate);
        tasks.spawn(async move {
            let _turn = gate.acquire().await.explain("the gate")?;
            open(address).await
        });
    }
    let mut opened = (Vec::new(), Vec::new());
    while let Some(ended) = tasks.join_next().await {
        let (stream, us) = ended.explain("a task")??;
        opened.0.push(stream);
        opened.1.push(us);
    }
    Ok(opened)
}

/// A connection that was cut while it was idle would make the memory figure a lie.
fn check_open(streams: &[TcpStream]) -> Outcome {
    let cut = |stream: &&TcpStream| {
        let kept = stream.try_read(&mut [0]);
        !kept.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    match streams.iter().filter(cut).count() {
        0 => Ok(()),
        count => Err(Failure::new(format!(
            "{count} of {} idle connections were cut",
            streams.len()
        ))),
    }
}
