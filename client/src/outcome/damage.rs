//! Why received data is not what the server announced or sent.

use netsocket_protocol::block::BlockError;

/// Why what came is not what the server planned or sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A block is cut short or its checksum is wrong.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The answer begins elsewhere than it was asked to.
    #[error("it begins with {unit} {got} instead of {unit} {expected}")]
    Beginning {
        /// `block` or `byte`.
        unit: &'static str,
        /// What was asked for.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// The answer is about another archive or file than the one that was asked to go on.
    #[error("it goes on with something else than it began with")]
    Another,
    /// A block is out of order, missing or sent twice.
    #[error("block {got} came where block {expected} was due")]
    Order {
        /// The number that comes next.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// There are more or fewer blocks than planned.
    #[error("{got} blocks came where {planned} were planned")]
    Blocks {
        /// Blocks that were due in this answer.
        planned: u64,
        /// Blocks that came, or that the trailer claims.
        got: u64,
    },
    /// There are more or fewer bytes than were announced.
    #[error("{got} bytes came where {due} were due")]
    Length {
        /// Bytes by what was said before the first.
        due: u64,
        /// Bytes that came.
        got: u64,
    },
    /// The trailer counts other bytes than came.
    #[error("{got} bytes came where {sent} were sent")]
    Bytes {
        /// Bytes by the trailer.
        sent: u64,
        /// Bytes that came.
        got: u64,
    },
    /// The digest of all bytes is not the one in the trailer.
    #[error("its digest is not the one that the server sent")]
    Digest,
}
