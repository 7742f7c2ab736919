//! Why received data is not what the server announced or sent.

use netsocket_protocol::block::BlockError;

/// How received data differs from what the server announced or sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A block is cut short or its checksum is wrong.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The answer starts at the wrong block or byte.
    #[error("it starts at {unit} {got} instead of {unit} {expected}")]
    Beginning {
        /// `block` or `byte`.
        unit: &'static str,
        /// The request.
        expected: u64,
        /// The one received.
        got: u64,
    },
    /// The answer continues a different archive or file.
    #[error("it continues a different archive or file")]
    Another,
    /// A block is out of order, missing or sent twice.
    #[error("received block {got}, expected block {expected}")]
    Order {
        /// The expected number.
        expected: u64,
        /// The received number.
        got: u64,
    },
    /// There are more or fewer blocks than planned.
    #[error("received {got} blocks, expected {planned}")]
    Blocks {
        /// Blocks expected in this answer.
        planned: u64,
        /// Blocks received, or claimed by the trailer.
        got: u64,
    },
    /// There are more or fewer bytes than were announced.
    #[error("received {got} bytes, expected {due}")]
    Length {
        /// Bytes announced.
        due: u64,
        /// Bytes received.
        got: u64,
    },
    /// The trailer's byte count differs from the bytes received.
    #[error("received {got} bytes, {sent} were sent")]
    Bytes {
        /// Bytes according to the trailer.
        sent: u64,
        /// Bytes received.
        got: u64,
    },
    /// So many bytes do not make so many blocks.
    #[error("{bytes} bytes do not make {blocks} blocks of {block_bytes} bytes")]
    Plan {
        /// Blocks announced.
        blocks: u64,
        /// Bytes of the tar stream.
        bytes: u64,
        /// Bytes in each block but the last.
        block_bytes: u64,
    },
    /// A block came with a state that belongs to another archive or block.
    #[error("the state behind block {block} is not one of this archive")]
    State {
        /// The number of the block.
        block: u64,
    },
    /// The checksum or the length at the end of the archive is wrong, or the end is missing.
    #[error("its end has another checksum or length than its blocks")]
    End,
    /// The digest of all bytes does not match the trailer.
    #[error("its digest does not match the server's")]
    Digest,
}
