//! One flow: a connection on which both ends send at the same time, each ending its direction when it is done.
//!
//! A header tells the server which flow it is and what to send. Both ends are in this process, so their digests are
//! compared here and need no way through the relay: bytes of another flow are found as well as changed ones.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::stream::{Pace, Through, receive, send};
use crate::failure::{Explain as _, Failure, Outcome};

/// Sizes are spread evenly over their number of digits, up to 2 to this power.
const LARGEST_POWER: f64 = 26.0;
/// For a whole flow: far longer than its pauses add up to.
const LIMIT: Duration = Duration::from_secs(120);
/// Number, seed, and both sizes, as 64-bit numbers.
const HEADER: usize = 32;

/// What a flow sends, and from which random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    number: u64,
    seed: u64,
    up: u64,
    down: u64,
}

impl Plan {
    /// The same numbers give the same plan.
    #[must_use]
    pub fn new(seed: u64, number: u64) -> Self {
        // Seeds of flows that follow each other must not be neighbours: mix them.
        let mut rng = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Self {
            number,
            seed: rng.u64(..),
            up: random_size(&mut rng),
            down: random_size(&mut rng),
        }
    }

    fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let fields = [self.number, self.seed, self.up, self.down];
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: [u8; HEADER]) -> Self {
        let (fields, _) = bytes.as_chunks::<8>();
        let field = |index: usize| fields.get(index).map_or(0, |f| u64::from_be_bytes(*f));
        Self {
            number: field(0),
            seed: field(1),
            up: field(2),
            down: field(3),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.up + self.down
    }
}

/// From nothing to 64 MiB; half of all sizes are below 8 KiB.
fn random_size(rng: &mut fastrand::Rng) -> u64 {
    let size = (rng.f64() * LARGEST_POWER).exp2() - 1.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 2^26"
    )]
    let size = size as u64;
    size
}

/// What one end of a flow saw.
#[derive(Debug, Clone, Copy)]
struct End {
    sent: Through,
    received: Through,
}

type Report = Result<End, String>;

/// Where the server's end of each flow reports.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<HashMap<u64, oneshot::Sender<Report>>>);

impl Ledger {
    fn expect(&self, number: u64) -> oneshot::Receiver<Report> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(number, sender);
        receiver
    }

    fn report(&self, number: u64, report: Report) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.remove(&number) {
            // Nobody listens where the client's end has failed already.
            let _ = sender.send(report);
        }
    }
}

/// The server's end of all flows, until it is dropped.
pub(crate) async fn serve(listener: TcpListener, ledger: Arc<Ledger>) {
    let mut flows = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    flows.spawn(serve_one(stream, Arc::clone(&ledger)));
                }
            }
            Some(_) = flows.join_next() => {}
        }
    }
}

async fn serve_one(mut stream: TcpStream, ledger: Arc<Ledger>) {
    let mut header = [0; HEADER];
    // A connection without a header is a check of a relay, or the client's end reports what broke.
    if stream.read_exact(&mut header).await.is_err() {
        return;
    }
    let plan = Plan::from_bytes(header);
    let mut rng = fastrand::Rng::with_seed(!plan.seed);
    let end = both_ways(stream, (plan.down, plan.up), &mut rng).await;
    ledger.report(
        plan.number,
        end.map_err(|error| format!("at the backend: {error}")),
    );
}

/// Runs the client's end of one flow through the relay at `address`; gives back how many bytes went both ways.
///
/// # Errors
/// Where it breaks, gets stuck, or the two ends do not agree on what went through.
pub(crate) async fn run(address: SocketAddr, plan: &Plan, ledger: &Ledger) -> Outcome<u64> {
    let far = ledger.expect(plan.number);
    let both_ends = async {
        let near = near_end(address, plan).await.explain("at the client")?;
        let far = far.await.explain("the backend's end")?;
        Ok((near, far.map_err(Failure::new)?))
    };
    let (near, far) = timeout(LIMIT, both_ends)
        .await
        .map_err(|_| Failure::new(format!("stuck for {} s", LIMIT.as_secs())))??;
    agree("up", plan.up, near.sent, far.received)?;
    agree("down", plan.down, far.sent, near.received)?;
    Ok(plan.bytes())
}

async fn near_end(address: SocketAddr, plan: &Plan) -> io::Result<End> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&plan.to_bytes()).await?;
    let mut rng = fastrand::Rng::with_seed(plan.seed);
    both_ways(stream, (plan.up, plan.down), &mut rng).await
}

async fn both_ways(
    mut stream: TcpStream,
    (sends, receives): (u64, u64),
    rng: &mut fastrand::Rng,
) -> io::Result<End> {
    stream.set_nodelay(true)?;
    let (sending, receiving) = (Pace::random(rng, sends), Pace::random(rng, receives));
    let (from, to) = stream.split();
    let (sent, received) = tokio::try_join!(
        send(to, sends, sending, rng.fork()),
        receive(from, receiving, rng.fork())
    )?;
    Ok(End { sent, received })
}

fn agree(way: &str, planned: u64, sent: Through, received: Through) -> Outcome {
    if sent == received && sent.bytes == planned {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{way}: {planned} bytes planned, {} sent, {} received, digests {}",
        sent.bytes,
        received.bytes,
        if sent.digest == received.digest {
            "equal"
        } else {
            "differ"
        }
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_back_from_its_seed_and_from_its_bytes() {
        let plan = Plan::new(5, 9);
        assert_eq!(plan, Plan::new(5, 9));
        assert_ne!(plan.seed, Plan::new(5, 10).seed);
        assert_ne!(plan.seed, Plan::new(6, 9).seed);
        assert_eq!(Plan::from_bytes(plan.to_bytes()), plan);
    }

    #[test]
    fn sizes_are_small_and_large() {
        let plans: Vec<Plan> = (0..1000).map(|number| Plan::new(1, number)).collect();
        let small = plans.iter().filter(|plan| plan.up < 8 * 1024).count();
        assert!((300..700).contains(&small), "{small}");
        assert!(plans.iter().any(|plan| plan.down > 32 << 20));
        assert!(plans.iter().all(|plan| plan.up < 64 << 20));
    }
}
