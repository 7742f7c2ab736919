//! One pool of threads that makes the blocks of all archives of the process.
//!
//! Owns: who gets a thread next (`fair_schedule`), how many blocks are in memory, and how a block is compressed (`codec`). Does
//! not own: what is in a block; that is asked of a [`Source`].
//!
//! Memory is bounded whatever is asked for: a thread has its buffers and compressor (about 4 MiB), an archive may always
//! hold [`OWN_BLOCKS`], and all archives share a fixed number of further blocks. A block counts until it was sent, so a
//! client that takes nothing holds its own blocks and soon nothing of what is shared.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//!
//! use netsocket_fileserver::compress::{Codec, Filled, Pool, Source};
//! use netsocket_protocol::transfer::Compression;
//!
//! /// Each block holds its own number.
//! struct Numbers;
//!
//! impl Source for Numbers {
//!     fn read(&self, block: u64, buffer: &mut [u8]) -> Result<Filled, rustix::io::Errno> {
//!         buffer[..8].copy_from_slice(&block.to_be_bytes());
//!         Ok(Filled::Bytes(8))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = Pool::start(2, 4)?;
//! let plain = Codec::new(Compression::None, None).expect("no level");
//! let mut blocks = pool.stream(Arc::new(Numbers), plain, 3, 5);
//! // In order, whichever thread was faster.
//! for number in 3..5_u64 {
//!     let block = blocks.next().await?.expect("two of them");
//!     assert_eq!(block.bytes, number.to_be_bytes()[..]);
//! }
//! assert!(blocks.next().await?.is_none());
//! # Ok(())
//! # }
//! ```

mod codec;
mod fair_schedule;
mod pool;

use rustix::io::Errno;

pub use codec::Codec;
pub use pool::{Made, Pool, PoolFigures, Stream};

/// Plain bytes in each block but the last.
pub const BLOCK_BYTES: usize = 1 << 20;

/// Blocks that every archive may hold whatever the others do: one on its way to the client, and the next.
pub const OWN_BLOCKS: usize = 2;

/// What blocks are made of.
pub trait Source: Send + Sync {
    /// Puts the plain bytes of a block into a buffer of [`BLOCK_BYTES`]. Any thread may ask for any block, in any order.
    /// Blocks the thread.
    ///
    /// # Errors
    /// Where the process lacks what it takes, such as a descriptor; never because of a file.
    fn read(&self, block: u64, buffer: &mut [u8]) -> Result<Filled, Errno>;
}

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// So many bytes at the beginning of the buffer.
    Bytes(usize),
    /// [`BLOCK_BYTES`] zeros; the buffer was not touched.
    Zeros,
}

/// Why a block could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkerFailed {
    /// A defect of ours.
    #[error("a thread that makes archives has panicked")]
    Panicked,
    /// The compressor wants more memory than there is, or there is a defect.
    #[error("a block cannot be compressed")]
    Compressor,
    /// The process has no descriptor or memory left.
    #[error("a block cannot be read: {0}")]
    System(Errno),
}
