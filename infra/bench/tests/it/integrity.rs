//! The integrity run finds what it is there to find: each relay below has one fault.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bench::backend::bind;
use bench::case::Effort;
use bench::case::integrity::{Moved, exercise};
use bench::failure::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::host;

/// What a relay does wrong, to the answers of the backend alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// One bit of one byte in a million is another.
    Flips,
    /// Of one piece in a hundred the last byte is gone.
    Drops,
    /// One piece in a hundred comes twice.
    Repeats,
    /// The end of the client's bytes is the end of everything.
    CutsBoth,
}

/// Bytes between two flips.
const FLIP_EVERY: u64 = 1_000_000;
/// Pieces between two that are dropped or repeated.
const PIECE_EVERY: u64 = 100;

async fn relay(listener: TcpListener, backend: SocketAddr, fault: Fault) {
    let count = Arc::new(AtomicU64::new(0));
    while let Ok((client, _)) = listener.accept().await {
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            let backend = TcpStream::connect(backend).await?;
            let (from_client, to_client) = client.into_split();
            let (from_backend, to_backend) = backend.into_split();
            let up = copy(from_client, to_backend, Fault::None, &count);
            let down = copy(from_backend, to_client, fault, &count);
            if fault == Fault::CutsBoth {
                tokio::select! { end = up => end, end = down => end }
            } else {
                tokio::try_join!(up, down).map(|_| ())
            }
        });
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fault: Fault,
    count: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let step = if fault == Fault::Flips {
            read as u64
        } else {
            1
        };
        let every = if fault == Fault::Flips {
            FLIP_EVERY
        } else {
            PIECE_EVERY
        };
        let before = count.fetch_add(step, Ordering::Relaxed);
        let hit = before / every != (before + step) / every;
        let piece = &mut buffer[..read];
        match fault {
            Fault::Flips if hit => {
                piece[read / 2] ^= 1;
                to.write_all(piece).await?;
            }
            Fault::Drops if hit => to.write_all(&piece[..read - 1]).await?,
            Fault::Repeats if hit => {
                to.write_all(piece).await?;
                to.write_all(piece).await?;
            }
            _ => to.write_all(piece).await?,
        }
    }
}

async fn run_through(fault: Fault) -> Outcome<Moved> {
    let host = host();
    let address = host.ports.free()?;
    let backend = bind(address)?;
    let front = bind(host.ports.free()?)?;
    let front_address = front.local_addr().unwrap();
    tokio::spawn(relay(front, address, fault));
    let effort = Effort {
        seconds: 1,
        seed: 42,
    };
    exercise(front_address, backend, effort).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_relay_passes() {
    let moved = run_through(Fault::None).await.unwrap();
    assert!(moved.bytes > 1_000_000 && moved.flows > 64, "{moved:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_found() {
    for (fault, sign) in [
        (Fault::Flips, "digests differ"),
        (Fault::Drops, "digests differ"),
        (Fault::Repeats, "digests differ"),
        (Fault::CutsBoth, "flow "),
    ] {
        let said = run_through(fault).await.unwrap_err().to_string();
        assert!(
            said.contains(sign) && said.contains("seed 42"),
            "{fault:?}: {said}"
        );
    }
}
