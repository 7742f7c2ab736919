//! What a block is, where its bytes come from, and why one cannot be made.

use rustix::io::Errno;

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
