//! The thread pool that compresses the blocks of all archives.
//!
//! Belongs here: which archive gets a thread next (`fair_schedule`), how many blocks are in memory, how a block is
//! compressed (`codec`), also as a part of one stream (`deflate`, `zstd_blocks`). Does not belong here: what a block contains; a [`Source`] provides that.
//!
//! Memory is bounded: a thread has its buffers and compressor (about 4 MiB, some more for zstd), each archive may always hold
//! [`OWN_BLOCKS`], and all archives share a fixed number of further blocks. A block counts until it has been sent, so a
//! client that reads nothing keeps its own blocks and soon none of the shared ones.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//!
//! use netsocket_fileserver::compress::{Codec, Fill, Pool, Source};
//! use netsocket_protocol::transfer::{Compression, Layout};
//! use netsocket_settings::Supervisor;
//!
//! /// Each block contains its own number.
//! struct Numbers;
//!
//! impl Source for Numbers {
//!     fn read(&self, block: u64, buffer: &mut [u8]) -> Result<Fill, rustix::io::Errno> {
//!         buffer[..8].copy_from_slice(&block.to_be_bytes());
//!         Ok(Fill::Bytes(8))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = Pool::start(2, 4, &Supervisor::default())?;
//! let plain = Codec::new(Compression::None, None, Layout::Blocks).expect("no level");
//! let mut blocks = pool.stream(Arc::new(Numbers), plain, 3, 5);
//! // In order, whichever thread finishes first.
//! for number in 3..5_u64 {
//!     let block = blocks.next().await?.expect("two of them");
//!     assert_eq!(block.bytes, number.to_be_bytes()[..]);
//! }
//! assert!(blocks.next().await?.is_none());
//! # Ok(())
//! # }
//! ```

mod block;
mod codec;
mod deflate;
mod fair_schedule;
mod pool;
mod zstd_blocks;

pub use block::{BLOCK_BYTES, Fill, OWN_BLOCKS, Source, WorkerFailed};
pub use codec::Codec;
pub use pool::{CompressedBlock, Pool, PoolStats, Stream};
pub(crate) use zstd_blocks::WINDOW_DESCRIPTOR;
