//! What a gigabyte costs with more and more flows at the same time, all of them upwards.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::contestant::Contestant;
use crate::backend::Backend;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::figure::gigabytes;
use crate::host::Host;
use crate::peer::{Peer, Traffic};

/// Flows at a time.
const FLOWS: [usize; 4] = [1, 8, 64, 256];
/// What a sender writes and the receiver reads at a time.
const PIECE: usize = 256 << 10;
/// Until every buffer on the way is full, and how long is counted.
const BEGIN: Duration = Duration::from_secs(2);
const COUNT: Duration = Duration::from_secs(5);

/// One round of one contestant: flows, and seconds of CPU time for a GB.
pub(super) async fn run(host: &Host, peer: Peer) -> Outcome<Vec<(usize, f64)>> {
    let address = host.ports.free()?;
    let received = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&received);
    let _sink = Backend::serving(&[address], move |listener| {
        swallow(listener, Arc::clone(&count))
    })?;
    let traffic = (Traffic::Bulk, 0);
    let mut contestant = Contestant::start(host, peer, &[address], traffic).await?;
    let mut costs = Vec::new();
    for flows in FLOWS {
        costs.push((flows, cost(&mut contestant, flows, &received).await?));
    }
    Ok(costs)
}

async fn cost(contestant: &mut Contestant, flows: usize, received: &AtomicU64) -> Outcome<f64> {
    let mut senders = JoinSet::new();
    let piece: Arc<[u8]> = vec![0; PIECE].into();
    for _ in 0..flows {
        senders.spawn(send(contestant.address, Arc::clone(&piece)));
    }
    sleep(BEGIN).await;
    let (cpu, bytes) = (contestant.cpu()?, received.load(Ordering::Relaxed));
    sleep(COUNT).await;
    let bytes = received.load(Ordering::Relaxed) - bytes;
    let cpu = contestant.cpu()? - cpu;
    // Nobody ends by himself.
    if let Some(ended) = senders.try_join_next() {
        ended.explain("a task")?.explain("a flow")?;
        return Err(Failure::new("a flow ended"));
    }
    senders.shutdown().await;
    if bytes == 0 {
        return Err(Failure::new("nothing arrived"));
    }
    Ok(cpu / gigabytes(bytes))
}

async fn send(to: SocketAddr, piece: Arc<[u8]>) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    loop {
        stream.write_all(&piece).await?;
    }
}

/// Reads whatever comes, and counts it.
async fn swallow(listener: TcpListener, count: Arc<AtomicU64>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            let mut buffer = vec![0; PIECE];
            // How a flow ends is the sender's concern.
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                count.fetch_add(read as u64, Ordering::Relaxed);
            }
        });
    }
}
