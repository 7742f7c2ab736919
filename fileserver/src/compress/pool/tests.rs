use std::sync::mpsc;
use std::time::Duration;

use netsocket_protocol::message::{Compression, Layout};
use netsocket_settings::Supervisor;
use rustix::io::Errno;
use tokio::time::timeout;

use super::*;
use crate::compress::{BLOCK_BYTES, Fill, OWN_BLOCKS};

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);

fn plain() -> Codec {
    Codec::new(Compression::None, None, Layout::Blocks).unwrap()
}

/// Blocks that hold their own number, or fail.
struct Numbers {
    bad: Option<(u64, Errno)>,
    panics_at: Option<u64>,
}

const GOOD: Numbers = Numbers {
    bad: None,
    panics_at: None,
};

impl Source for Numbers {
    fn read(&self, block: u64, buffer: &mut [u8]) -> Result<Fill, Errno> {
        assert_eq!(buffer.len(), BLOCK_BYTES);
        if self.panics_at == Some(block) {
            panic!("as asked");
        }
        if let Some((at, errno)) = self.bad
            && at == block
        {
            return Err(errno);
        }
        buffer[..8].copy_from_slice(&block.to_be_bytes());
        Ok(Fill::Bytes(8))
    }
}

/// Blocks that are made when the test says so.
struct Gated {
    begun: mpsc::Sender<u64>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Source for Gated {
    fn read(&self, block: u64, _: &mut [u8]) -> Result<Fill, Errno> {
        let _ = self.begun.send(block);
        let _ = self.gate.lock().unwrap().recv();
        Ok(Fill::Bytes(1))
    }
}

async fn patiently<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap()
}

async fn all(stream: &mut Stream) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(made) = patiently(stream.next()).await.unwrap() {
        assert_eq!(made.checksum, crc32fast::hash(&made.bytes));
        numbers.push(u64::from_be_bytes(made.bytes[..].try_into().unwrap()));
    }
    numbers
}

#[tokio::test]
async fn blocks_come_in_order_from_any_number_of_threads() {
    for threads in [1, 2, 5] {
        let pool = Pool::start(threads, 3, &Supervisor::default()).unwrap();
        let mut streams: Vec<Stream> = (0..4)
            .map(|first| pool.stream(Arc::new(GOOD), plain(), first * 10, 100))
            .collect();
        for (first, stream) in (0..).zip(&mut streams) {
            assert_eq!(all(stream).await, (first * 10..100).collect::<Vec<_>>());
        }
        drop(streams);
        let figures = pool.stats();
        assert_eq!((figures.archives, figures.blocks_held), (0, 0));
        assert_eq!((figures.blocks_made, figures.bytes_made), (340, 340 * 8));
    }
}

#[tokio::test]
async fn a_failure_ends_the_archive_that_has_it_and_no_other() {
    let pool = Pool::start(2, 4, &Supervisor::default()).unwrap();
    let panics = Numbers {
        panics_at: Some(3),
        ..GOOD
    };
    let lacks = Numbers {
        bad: Some((3, Errno::MFILE)),
        ..GOOD
    };
    let mut good = pool.stream(Arc::new(GOOD), plain(), 0, 50);
    for (source, failure) in [
        (panics, WorkerFailed::Panicked),
        (lacks, WorkerFailed::System(Errno::MFILE)),
    ] {
        let mut stream = pool.stream(Arc::new(source), plain(), 0, 10);
        for _ in 0..3 {
            assert!(patiently(stream.next()).await.unwrap().is_some());
        }
        assert_eq!(patiently(stream.next()).await.unwrap_err(), failure);
    }
    assert_eq!(all(&mut good).await.len(), 50);
}

#[tokio::test]
async fn clients_that_take_nothing_leave_room_for_one_that_does() {
    let pool = Pool::start(2, 1, &Supervisor::default()).unwrap();
    let mut stalled: Vec<(Stream, CompressedBlock)> = Vec::new();
    for _ in 0..10 {
        let mut stream = pool.stream(Arc::new(GOOD), plain(), 0, 1_000_000);
        // On its way to a client that does not take it.
        let block = patiently(stream.next()).await.unwrap().unwrap();
        stalled.push((stream, block));
    }
    let mut fast = pool.stream(Arc::new(GOOD), plain(), 0, 500);
    assert_eq!(all(&mut fast).await.len(), 500);
    assert!(pool.stats().blocks_held <= 10 * OWN_BLOCKS as u64 + 1);
    assert_eq!(pool.stats().archives, 11);
    drop(stalled);
    drop(fast);
    assert_eq!(pool.stats().archives, 0);
}

#[tokio::test]
async fn an_archive_that_is_given_up_makes_no_further_block() {
    let pool = Pool::start(1, 8, &Supervisor::default()).unwrap();
    let ((begun, begins), (open, gate)) = (mpsc::channel(), mpsc::channel());
    let source = Gated {
        begun,
        gate: Mutex::new(gate),
    };
    let stream = pool.stream(Arc::new(source), plain(), 0, 1_000);
    assert_eq!(begins.recv_timeout(PATIENCE).unwrap(), 0);
    drop(stream);
    open.send(()).unwrap();
    // The source goes with the job that was under way: nobody asks it for anything any more.
    assert_eq!(
        begins.recv_timeout(PATIENCE),
        Err(mpsc::RecvTimeoutError::Disconnected)
    );
}

#[tokio::test]
async fn a_small_archive_does_not_wait_for_the_end_of_large_ones() {
    let pool = Pool::start(1, 64, &Supervisor::default()).unwrap();
    let ((begun, begins), (open, gate)) = (mpsc::channel(), mpsc::channel());
    let source = Gated {
        begun,
        gate: Mutex::new(gate),
    };
    let mut large = pool.stream(Arc::new(source), plain(), 0, 1 << 40);
    assert_eq!(begins.recv_timeout(PATIENCE).unwrap(), 0);
    let mut small = pool.stream(Arc::new(GOOD), plain(), 0, 3);
    let reader =
        tokio::spawn(async move { while patiently(large.next()).await.unwrap().is_some() {} });
    // One block of the large archive for each of the small one.
    for _ in 0..4 {
        open.send(()).unwrap();
    }
    assert_eq!(all(&mut small).await, [0, 1, 2]);
    reader.abort();
    drop(open);
}

/// Panics in the thread that lets go of it last, which is beyond the making of a block.
struct Explosive(Gated);

impl Source for Explosive {
    fn read(&self, block: u64, buffer: &mut [u8]) -> Result<Fill, Errno> {
        self.0.read(block, buffer)
    }
}

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[tokio::test]
async fn a_thread_that_panics_goes_on() {
    let supervisor = Supervisor::default();
    let pool = Pool::start(1, 4, &supervisor).unwrap();
    let (begun, begins) = mpsc::channel();
    let (go_on, gate) = mpsc::channel();
    let source = Explosive(Gated {
        begun,
        gate: Mutex::new(gate),
    });
    let stream = pool.stream(Arc::new(source), plain(), 0, 1);
    begins.recv_timeout(PATIENCE).unwrap();
    drop(stream);
    go_on.send(()).unwrap();
    let mut good = pool.stream(Arc::new(GOOD), plain(), 0, 20);
    assert_eq!(all(&mut good).await, (0..20).collect::<Vec<_>>());
    assert_eq!(supervisor.panics(), [("archive", 1)]);
    drop(good);
    assert_eq!((pool.stats().archives, pool.stats().blocks_held), (0, 0));
}
