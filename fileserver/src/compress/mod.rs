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

mod block;
mod codec;
mod fair_schedule;
mod pool;

pub use block::{BLOCK_BYTES, Filled, OWN_BLOCKS, Source, WorkerFailed};
pub use codec::Codec;
pub use pool::{Made, Pool, PoolFigures, Stream};
