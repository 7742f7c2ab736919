//! A block: its size, the source of its bytes, and why making one can fail.

use rustix::io::Errno;

/// Uncompressed bytes in each block except the last.
pub const BLOCK_BYTES: usize = 1 << 20;

/// Blocks each archive may always hold: the one being sent, and the next.
pub const OWN_BLOCKS: usize = 2;

/// Provides the uncompressed bytes of blocks.
pub trait Source: Send + Sync {
    /// Writes the uncompressed bytes of a block to a buffer of [`BLOCK_BYTES`]. Any thread may request any block, in
    /// any order. Blocks the thread.
    ///
    /// # Errors
    /// If the process lacks a resource, such as a descriptor; never because of a file.
    fn read(&self, block: u64, buffer: &mut [u8]) -> Result<Fill, Errno>;
}

/// What [`Source::read`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// This many bytes at the start of the buffer.
    Bytes(usize),
    /// The block is all zeros; the buffer was not touched.
    Zeros,
}

/// Why a block could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkerFailed {
    /// A bug.
    #[error("a compression thread panicked")]
    Panicked,
    /// The compressor ran out of memory, or has a bug.
    #[error("a block cannot be compressed")]
    Compressor,
    /// The process has run out of descriptors or memory.
    #[error("a block cannot be read: {0}")]
    System(Errno),
}
