//! A piece of an answer's body: bytes, or a range of a file that the socket sends by itself.
//!
//! hyper writes what a body yields, so a range of a file has to look like bytes. [`PLACEHOLDER`] stands for them: nobody
//! reads or writes it. The [transport](super::transport) knows it by its address, and sends the next bytes of the next
//! file instead. hyper passes the slices of a body on without copying them as long as the transport says that it writes
//! several at once; the transport refuses to end an answer with files left over, and tests compare every byte.

use bytes::{Buf, Bytes};

/// The most bytes of a file that one chunk stands for.
pub(super) const MAX_FILE_CHUNK: usize = 1 << 20;

/// Never touched, so it takes no memory.
static PLACEHOLDER: [u8; MAX_FILE_CHUNK] = [0; MAX_FILE_CHUNK];

/// A piece of a body.
#[derive(Debug)]
pub(super) enum Chunk {
    Bytes(Bytes),
    /// So many bytes of the file that was queued for the socket.
    File(usize),
}

/// Whether a slice stands for bytes of a file.
pub(super) fn is_placeholder(slice: &[u8]) -> bool {
    PLACEHOLDER.as_ptr_range().contains(&slice.as_ptr())
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.remaining(),
            Self::File(left) => *left,
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.chunk(),
            Self::File(left) => PLACEHOLDER.get(..*left).unwrap_or(&PLACEHOLDER),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::File(left) => *left = left.saturating_sub(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_placeholder_is_one() {
        let mut file = Chunk::File(10);
        assert!(is_placeholder(file.chunk()) && file.chunk().len() == 10);
        file.advance(4);
        assert!(is_placeholder(file.chunk()) && file.remaining() == 6);
        let bytes = Chunk::Bytes(Bytes::from(vec![0; 10]));
        assert!(!is_placeholder(bytes.chunk()));
    }
}
