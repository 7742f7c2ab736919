//! Many flows, each with little to say: a relay wakes up for every few bytes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::round::{Effort, ONLY_PART, Parts};
use crate::backend::{Backend, Service};
use crate::failure::{Explain as _, Failure, Outcome};
use crate::figure::{Figure, Figures};
use crate::host::Host;
use crate::measure::measure;
use crate::peer::{Peer, Traffic};
use crate::stats::percentile;

/// Flows at a time.
const FLOWS: usize = 1_000;
/// Files that are open for each of them, here and in a peer, with some to spare.
const FILES: u64 = 3 * FLOWS as u64;
/// Between two messages of a flow.
const INTERVAL: Duration = Duration::from_millis(100);
/// Longest message, in bytes.
const LONGEST: usize = 64;
/// For one message to come back.
const ECHO_LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn run(host: &Host, peer: Peer, effort: Effort) -> Outcome<Parts> {
    host.need_open_files(FILES)?;
    let address = host.ports.free()?;
    let mut relay = peer.start(host, address, Traffic::Small).await?;
    let _backend = Backend::start(address, Service::Echo)?;
    let mut streams = Vec::with_capacity(FLOWS);
    for _ in 0..FLOWS {
        streams.push(connect(relay.address).await?);
    }
    let measured = measure(&mut relay, effort.seconds, talk(streams, effort)).await?;
    let mut latencies = measured.result;
    let count = latencies.len();
    if count == 0 {
        return Err(Failure::new("no message was sent: too few seconds"));
    }
    let figures = Figures::new()
        .with(Figure::Rate, count as f64 / measured.spent.wall)
        .per_op(&measured.spent, count as u64)
        .with(Figure::P50, percentile(&mut latencies, 0.5).map(f64::from))
        .with(Figure::P99, percentile(&mut latencies, 0.99).map(f64::from))
        .memory(measured.memory);
    Ok(vec![(ONLY_PART, figures)])
}

/// A connection that reaches through to the backend.
async fn connect(address: SocketAddr) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect(address)
        .await
        .explain(&address.to_string())?;
    stream.set_nodelay(true).explain("a connection")?;
    exchange(&mut stream, b"?").await?;
    Ok(stream)
}

/// Lets all flows send, and gives back the time of every message in µs.
async fn talk(streams: Vec<TcpStream>, effort: Effort) -> Outcome<Vec<u32>> {
    let begin = Instant::now();
    let end = begin + Duration::from_secs(effort.seconds);
    let mut seeds = fastrand::Rng::with_seed(effort.seed);
    let mut tasks = JoinSet::new();
    for stream in streams {
        tasks.spawn(flow(stream, begin, end, seeds.fork()));
    }
    let mut latencies = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        latencies.extend(ended.explain("a task")??);
    }
    Ok(latencies)
}

async fn flow(
    mut stream: TcpStream,
    begin: Instant,
    end: Instant,
    mut rng: fastrand::Rng,
) -> Outcome<Vec<u32>> {
    // The flows begin one after the other, so that the load is even.
    let mut ticks = interval_at(begin + INTERVAL.mul_f64(rng.f64()), INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut latencies = Vec::new();
    let mut message = [0; LONGEST];
    while ticks.tick().await < end {
        let length = rng.usize(1..=LONGEST);
        rng.fill(&mut message[..length]);
        latencies.push(exchange(&mut stream, &message[..length]).await?);
    }
    Ok(latencies)
}

/// Sends a message and waits until it has come back; says how many µs that took.
async fn exchange(stream: &mut TcpStream, message: &[u8]) -> Outcome<u32> {
    let sent = Instant::now();
    let mut echo = [0; LONGEST];
    let echo = &mut echo[..message.len()];
    let there_and_back = async {
        stream.write_all(message).await?;
        stream.read_exact(echo).await
    };
    timeout(ECHO_LIMIT, there_and_back)
        .await
        .map_err(|_| Failure::new("a message did not come back within 10 s"))?
        .explain("a trickling flow")?;
    if echo != message {
        return Err(Failure::new("a message came back changed"));
    }
    Ok(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX))
}
