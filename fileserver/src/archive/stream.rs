//! The blocks of an archive, compressed on several threads and handed out in order.
//!
//! One task reads the tar stream block by block on blocking threads, and gives each block to another blocking thread to
//! compress; a channel keeps the order and bounds how many are under way. Dropping [`Blocks`] ends all of it.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};
use netsocket_protocol::message::Warning;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::task::AbortOnDropHandle;

use super::content::Content;
use super::plan::Plan;
use super::{BLOCK_BYTES, LEVEL};
use crate::root::Root;

/// A thread that reads or compresses has failed, which is a defect of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a worker that makes the archive has failed")]
pub struct WorkerFailed;

/// The compressed blocks of an archive, one after the other.
#[derive(Debug)]
pub struct Blocks {
    under_way: mpsc::Receiver<JoinHandle<Result<Bytes, WorkerFailed>>>,
    feeder: AbortOnDropHandle<Result<Vec<Warning>, WorkerFailed>>,
}

impl Blocks {
    /// Begins to make the archive, with at most about `in_flight` blocks at a time. Must be called inside of a runtime.
    #[must_use]
    pub fn start(root: Arc<Root>, plan: Arc<Plan>, in_flight: usize) -> Self {
        // Beside those in the channel, one waits to be sent and one was handed out.
        let (sender, under_way) = mpsc::channel(in_flight.saturating_sub(2).max(1));
        let feeder = tokio::spawn(feed(Content::new(root, plan), sender));
        Self {
            under_way,
            feeder: AbortOnDropHandle::new(feeder),
        }
    }

    /// The next block; nothing behind the last one.
    ///
    /// # Errors
    /// [`WorkerFailed`] for a defect; never because of a file.
    pub async fn next(&mut self) -> Result<Option<Bytes>, WorkerFailed> {
        match self.under_way.recv().await {
            Some(block) => block.await.map_err(|_| WorkerFailed)?.map(Some),
            None => Ok(None),
        }
    }

    /// When all blocks were taken: the files that were not as planned, in the order of the archive.
    ///
    /// # Errors
    /// [`WorkerFailed`] for a defect, also where the stream ended early because of it.
    pub async fn finish(self) -> Result<Vec<Warning>, WorkerFailed> {
        drop(self.under_way);
        self.feeder.await.map_err(|_| WorkerFailed)?
    }
}

/// What a thread needs to compress a block; used again and again, as it is large.
struct Kit {
    compressor: Compressor,
    plain: Vec<u8>,
    member: Vec<u8>,
}

impl Kit {
    fn new() -> Result<Self, WorkerFailed> {
        let level = CompressionLvl::new(LEVEL).map_err(|_| WorkerFailed)?;
        let mut compressor = Compressor::new(level);
        let longest = compressor.gzip_compress_bound(BLOCK_BYTES);
        Ok(Self {
            compressor,
            plain: vec![0; BLOCK_BYTES],
            member: vec![0; longest],
        })
    }

    /// One gzip member of the first `length` bytes; its header has neither time nor name.
    fn compress(&mut self, length: usize) -> Result<Bytes, WorkerFailed> {
        let length = self
            .compressor
            .gzip_compress(&self.plain[..length], &mut self.member)
            .map_err(|_| WorkerFailed)?;
        Ok(Bytes::copy_from_slice(&self.member[..length]))
    }
}

async fn feed(
    mut content: Content,
    sender: mpsc::Sender<JoinHandle<Result<Bytes, WorkerFailed>>>,
) -> Result<Vec<Warning>, WorkerFailed> {
    let spare: Arc<Mutex<Vec<Kit>>> = Arc::default();
    loop {
        let kit = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut kit = match kit {
            Some(kit) => kit,
            None => Kit::new()?,
        };
        let length;
        (content, kit, length) = spawn_blocking(move || {
            let length = content.read(&mut kit.plain);
            (content, kit, length)
        })
        .await
        .map_err(|_| WorkerFailed)?;
        if length == 0 {
            return Ok(content.into_faults());
        }
        let spare = Arc::clone(&spare);
        let block = spawn_blocking(move || {
            let member = kit.compress(length);
            spare
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(kit);
            member
        });
        if sender.send(block).await.is_err() {
            // Nobody takes blocks any more.
            return Ok(content.into_faults());
        }
    }
}
