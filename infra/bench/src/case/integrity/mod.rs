//! Random flows both ways through a peer, and a check that every byte arrives where it should, in order, once.
//!
//! Owns: how many flows there are, for how long, and what counts as wrong. A flow itself, its sizes and its pauses, is
//! in [`flow`].

pub mod flow;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::backend::bind;
use crate::case::round::{Effort, ONLY_PART, Parts};
use crate::failure::{Explain as _, Failure, Outcome};
use crate::figure::{Figure, Figures, gigabytes};
use crate::host::Host;
use crate::measure::measure;
use crate::peer::{Peer, Traffic};
use flow::{Ledger, Plan};

/// Flows at a time.
const FLOWS: u64 = 64;
/// Wrong flows that are named; the rest is counted.
const NAMED: usize = 5;
/// Between two lines that say how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

pub(super) async fn run(host: &Host, peer: Peer, effort: Effort) -> Outcome<Parts> {
    let address = host.ports.free()?;
    let mut relay = peer.start(host, address, Traffic::HalfCloses).await?;
    let listener = bind(address)?;
    eprintln!("  integrity: seed {}", effort.seed);
    let work = exercise(relay.address, listener, effort);
    let measured = measure(&mut relay, effort.seconds, work).await?;
    let moved = measured.result;
    eprintln!(
        "  integrity: {} bytes in {} flows, none wrong",
        moved.bytes, moved.flows
    );
    let figures = Figures::new()
        .with(
            Figure::Throughput,
            moved.bytes as f64 * 8.0 / 1e9 / measured.spent.wall,
        )
        .with(Figure::Rate, moved.flows as f64 / measured.spent.wall)
        .per_gb(&measured.spent, moved.bytes)
        .memory(measured.memory)
        .with(Figure::Moved, gigabytes(moved.bytes));
    Ok(vec![(ONLY_PART, figures)])
}

/// What went through, with every byte where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// Bytes in both directions.
    pub bytes: u64,
    /// Flows.
    pub flows: u64,
}

/// Runs flows through the relay at `address`, which leads to `listener`, for as long as the effort says; then those that
/// have begun come to their end.
///
/// # Errors
/// Where a byte is wrong, missing or too many, or a flow breaks or gets stuck. The sentence names the first flows, and
/// the seed that brings the same sizes and pauses back.
pub async fn exercise(
    address: SocketAddr,
    listener: TcpListener,
    effort: Effort,
) -> Outcome<Moved> {
    let ledger = Arc::new(Ledger::default());
    // Dropping the set at the end of this function ends the server.
    let mut server = JoinSet::new();
    server.spawn(flow::serve(listener, Arc::clone(&ledger)));

    let tally = Arc::new(Tally::default());
    let end = Instant::now() + Duration::from_secs(effort.seconds);
    let mut lanes = JoinSet::new();
    for _ in 0..FLOWS {
        let (ledger, tally) = (Arc::clone(&ledger), Arc::clone(&tally));
        lanes.spawn(async move {
            while Instant::now() < end && !tally.wrong.load(Ordering::Relaxed) {
                let number = tally.begun.fetch_add(1, Ordering::Relaxed);
                let plan = Plan::new(effort.seed, number);
                match flow::run(address, &plan, &ledger).await {
                    Ok(bytes) => tally.ended(bytes),
                    Err(failure) => {
                        // Nobody begins another flow; those under way show how far the fault reaches.
                        tally.wrong.store(true, Ordering::Relaxed);
                        return Some(format!("flow {number}: {failure}"));
                    }
                }
            }
            None
        });
    }
    let wrong = collect(lanes, &tally).await?;
    let moved = tally.moved();
    if wrong.is_empty() && moved.bytes > 0 {
        return Ok(moved);
    }
    Err(Failure::new(format!(
        "{} flows wrong, {} right, seed {}: {}",
        wrong.len(),
        moved.flows,
        effort.seed,
        wrong[..wrong.len().min(NAMED)].join("; ")
    )))
}

/// Waits for all lanes, and says every ten seconds how far they are.
async fn collect(mut lanes: JoinSet<Option<String>>, tally: &Tally) -> Outcome<Vec<String>> {
    let mut wrong = Vec::new();
    let mut ticks = interval(PROGRESS);
    ticks.tick().await;
    loop {
        tokio::select! {
            ended = lanes.join_next() => match ended {
                Some(ended) => wrong.extend(ended.explain("a task")?),
                None => return Ok(wrong),
            },
            _ = ticks.tick() => {
                let Moved { bytes, flows } = tally.moved();
                eprintln!("  integrity: {:.1} GB in {flows} flows so far", gigabytes(bytes));
            }
        }
    }
}

/// How far it is.
#[derive(Debug, Default)]
struct Tally {
    begun: AtomicU64,
    wrong: AtomicBool,
    flows: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    fn ended(&self, bytes: u64) {
        self.flows.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn moved(&self) -> Moved {
        Moved {
            bytes: self.bytes.load(Ordering::Relaxed),
            flows: self.flows.load(Ordering::Relaxed),
        }
    }
}
