//! The threads that compress blocks, and the streams that return them in order.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::Bytes;
use netsocket_settings::Supervisor;
use tokio::sync::Notify;

use super::block::{Source, WorkerFailed};
use super::codec::{BlockCompressor, Codec};
use super::fair_schedule::{FairSchedule, Id, Job};

/// The name of the work of all threads.
const TASK: &str = "archive";

/// The compression threads. Dropping it stops them after their current block.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

/// The current state of a pool, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStats {
    /// Archives in progress.
    pub archives: u64,
    /// Blocks that are being made or wait to be sent.
    pub blocks_held: u64,
    /// Blocks made since the start.
    pub blocks_made: u64,
    /// Their bytes, compressed.
    pub bytes_made: u64,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Signals that there may be a job, or that the pool stops.
    work: Condvar,
    blocks_made: AtomicU64,
    bytes_made: AtomicU64,
}

#[derive(Debug)]
struct State {
    schedule: FairSchedule,
    archives: HashMap<Id, Archive>,
    ending: bool,
}

/// An archive in the pool.
struct Archive {
    source: Arc<dyn Source>,
    codec: Codec,
    /// Finished blocks that the stream has not returned yet.
    ready: BTreeMap<u64, Result<CompressedBlock, WorkerFailed>>,
    /// Signals that a block was added.
    added: Arc<Notify>,
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive")
            .field("codec", &self.codec)
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding the lock; if it did, the state would still be consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A compressed block; it counts as held until it is dropped.
#[derive(Debug)]
pub struct CompressedBlock {
    /// The compressed bytes.
    pub bytes: Bytes,
    /// Their CRC-32.
    pub checksum: u32,
    /// In [`Layout::Stream`](netsocket_protocol::transfer::Layout::Stream), the CRC-32 of the block before compression.
    pub plain_crc: u32,
    /// The length of the block before compression.
    pub plain_length: usize,
    _held: Held,
}

#[derive(Debug)]
struct Held {
    shared: Arc<Shared>,
    archive: Id,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.state().schedule.release(self.archive);
        self.shared.work.notify_one();
    }
}

impl Pool {
    /// Starts `threads` threads, for archives that share `shared_blocks` blocks beyond their own. `supervisor` has a thread go
    /// on after a panic; one while a block is made ends only the archive that the block belongs to.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(
        threads: usize,
        shared_blocks: usize,
        supervisor: &Supervisor,
    ) -> io::Result<Self> {
        let threads = threads.max(1);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                schedule: FairSchedule::new(threads, shared_blocks),
                archives: HashMap::new(),
                ending: false,
            }),
            work: Condvar::new(),
            blocks_made: AtomicU64::new(0),
            bytes_made: AtomicU64::new(0),
        });
        let pool = Self { shared };
        for number in 0..threads {
            let (shared, supervisor) = (Arc::clone(&pool.shared), supervisor.clone());
            thread::Builder::new()
                .name(format!("archive-{number}"))
                .spawn(move || {
                    let is_over = || shared.state().ending;
                    let work = || {
                        work(&shared);
                        Ok::<_, Infallible>(())
                    };
                    supervisor.run_blocking(TASK, is_over, work);
                })?;
        }
        Ok(pool)
    }

    /// Starts to make the blocks of a source from `first` up to, but excluding, `end`.
    pub fn stream(&self, source: Arc<dyn Source>, codec: Codec, first: u64, end: u64) -> Stream {
        let added = Arc::new(Notify::new());
        let archive = Archive {
            source,
            codec,
            ready: BTreeMap::new(),
            added: Arc::clone(&added),
        };
        let mut state = self.shared.state();
        let id = state.schedule.join(first, end);
        state.archives.insert(id, archive);
        drop(state);
        self.shared.work.notify_all();
        Stream {
            shared: Arc::clone(&self.shared),
            id,
            next: first,
            end,
            added,
        }
    }

    /// Its current state, in numbers.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        let state = self.shared.state();
        PoolStats {
            archives: state.schedule.archives() as u64,
            blocks_held: state.schedule.held() as u64,
            blocks_made: self.shared.blocks_made.load(Ordering::Relaxed),
            bytes_made: self.shared.bytes_made.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state().ending = true;
        self.shared.work.notify_all();
    }
}

/// The blocks of one archive, in order. Dropping it stops the work on them.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    id: Id,
    next: u64,
    end: u64,
    added: Arc<Notify>,
}

impl Stream {
    /// The next block; `None` after the last one. Cancel safe.
    ///
    /// # Errors
    /// [`WorkerFailed`] if it cannot be made; the blocks before it are valid.
    pub async fn next(&mut self) -> Result<Option<CompressedBlock>, WorkerFailed> {
        if self.next == self.end {
            return Ok(None);
        }
        let mut waits = false;
        loop {
            if let Some(block) = self.take(waits) {
                self.next += 1;
                return block.map(Some);
            }
            waits = true;
            // `Notify` stores a notification sent since `take` checked.
            self.added.notified().await;
        }
    }

    /// The next block if it is ready; tells the schedule whether the client or the blocks wait.
    fn take(&self, has_waited: bool) -> Option<Result<CompressedBlock, WorkerFailed>> {
        let mut state = self.shared.state();
        let State {
            schedule, archives, ..
        } = &mut *state;
        let archive = archives.get_mut(&self.id)?;
        let block = archive.ready.remove(&self.next);
        if block.is_none() && !has_waited {
            schedule.client_waits(self.id);
            drop(state);
            self.shared.work.notify_one();
        } else if block.is_some() && !has_waited && archive.ready.contains_key(&(self.next + 1)) {
            schedule.blocks_wait(self.id);
        }
        block
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.schedule.leave(self.id);
        let archive = state.archives.remove(&self.id);
        drop(state);
        // Dropping its blocks takes the lock.
        drop(archive);
    }
}

/// The loop of each thread.
fn work(shared: &Arc<Shared>) {
    let mut compressor: Option<BlockCompressor> = None;
    while let Some((job, source, codec)) = next_job(shared) {
        let held = Held {
            shared: Arc::clone(shared),
            archive: job.archive,
        };
        let made = catch_unwind(AssertUnwindSafe(|| {
            let compressor = compressor.get_or_insert_with(BlockCompressor::new);
            compressor.make(codec, |buffer| {
                source.read(job.block, buffer).map_err(WorkerFailed::System)
            })
        }));
        let made = made.unwrap_or_else(|_| {
            compressor = None;
            Err(WorkerFailed::Panicked)
        });
        let made = made.map(|packed| CompressedBlock {
            checksum: crc32fast::hash(&packed.bytes),
            bytes: packed.bytes,
            plain_crc: packed.plain_crc,
            plain_length: packed.plain_length,
            _held: held,
        });
        if let Ok(made) = &made {
            let length = made.bytes.len() as u64;
            shared.blocks_made.fetch_add(1, Ordering::Relaxed);
            shared.bytes_made.fetch_add(length, Ordering::Relaxed);
        }
        deliver(shared, job, made);
    }
}

/// Waits for a job; `None` when the pool stops.
fn next_job(shared: &Shared) -> Option<(Job, Arc<dyn Source>, Codec)> {
    let mut state = shared.state();
    loop {
        if state.ending {
            return None;
        }
        if let Some(job) = state.schedule.next() {
            if let Some(archive) = state.archives.get(&job.archive) {
                return Some((job, Arc::clone(&archive.source), archive.codec));
            }
            state.schedule.release(job.archive);
        } else {
            state = shared
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn deliver(shared: &Shared, job: Job, made: Result<CompressedBlock, WorkerFailed>) {
    let mut state = shared.state();
    let Some(archive) = state.archives.get_mut(&job.archive) else {
        // Nobody waits for it any more. Dropping it takes the lock.
        drop(state);
        drop(made);
        return;
    };
    archive.ready.insert(job.block, made);
    archive.added.notify_one();
}

#[cfg(test)]
mod tests;
