//! One direction of a flow: random bytes in random pieces with random pauses, and the digest of what went through.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::sleep;

/// What went through one end of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Through {
    pub(super) bytes: u64,
    pub(super) digest: blake3::Hash,
}

/// How one end handles its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Longest piece, in bytes.
    piece: usize,
    /// One pause in so many pieces.
    pause_every: u32,
    /// Longest pause, in µs.
    longest_pause: u64,
}

/// Pieces of one byte, a segment, a buffer, and more than any buffer; and the most bytes that are sent in such pieces,
/// so that the run is not about the cost of system calls.
const PIECES: [(usize, u64); 4] = [
    (1, 8 << 10),
    (1_460, 2 << 20),
    (16 << 10, u64::MAX),
    (256 << 10, u64::MAX),
];
/// Pauses: mostly none, sometimes long enough for every buffer on the way to fill.
const PAUSES: [(u32, u64); 4] = [(u32::MAX, 1), (200, 2_000), (50, 10_000), (2_000, 300_000)];

impl Pace {
    /// A pace for `bytes` bytes.
    pub(super) fn random(rng: &mut fastrand::Rng, bytes: u64) -> Self {
        let smallest = PIECES.partition_point(|(_, most)| *most < bytes);
        let (piece, _) = PIECES[rng.usize(smallest..PIECES.len())];
        let (pause_every, longest_pause) = PAUSES[rng.usize(..PAUSES.len())];
        Self {
            piece,
            pause_every,
            longest_pause,
        }
    }

    async fn pause(self, rng: &mut fastrand::Rng) {
        if rng.u32(..self.pause_every) == 0 {
            sleep(Duration::from_micros(rng.u64(..self.longest_pause))).await;
        }
    }
}

/// Sends `bytes` random bytes and then the end.
pub(super) async fn send(
    mut to: impl AsyncWrite + Unpin,
    bytes: u64,
    pace: Pace,
    mut rng: fastrand::Rng,
) -> io::Result<Through> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; pace.piece];
    let mut left = bytes;
    while left > 0 {
        let longest = usize::try_from(left).unwrap_or(usize::MAX).min(pace.piece);
        let piece = &mut buffer[..rng.usize(1..=longest)];
        rng.fill(piece);
        hasher.update(piece);
        to.write_all(piece).await?;
        left -= piece.len() as u64;
        pace.pause(&mut rng).await;
    }
    to.shutdown().await?;
    Ok(Through {
        bytes,
        digest: hasher.finalize(),
    })
}

/// Receives until the end.
pub(super) async fn receive(
    mut from: impl AsyncRead + Unpin,
    pace: Pace,
    mut rng: fastrand::Rng,
) -> io::Result<Through> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; pace.piece];
    let mut bytes = 0;
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(Through {
                bytes,
                digest: hasher.finalize(),
            });
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
        pace.pause(&mut rng).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_ends_see_the_same_whatever_their_pace() {
        let mut rng = fastrand::Rng::with_seed(11);
        for bytes in [0, 1, 4_000, 300_000] {
            let (near, far) = tokio::io::duplex(1_000);
            let (slow, fast) = (Pace::random(&mut rng, bytes), Pace::random(&mut rng, bytes));
            let sent = send(near, bytes, slow, rng.fork());
            let received = receive(far, fast, rng.fork());
            let (sent, received) = tokio::try_join!(sent, received).unwrap();
            assert_eq!(sent, received);
            assert_eq!(received.bytes, bytes);
        }
    }
}
