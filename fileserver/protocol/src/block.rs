//! A block of data with its number and its checksum.
//!
//! This is the payload of a [`Data`](crate::frame::FrameType::Data) frame: the block number (eight bytes) and the
//! CRC-32 (IEEE, as in gzip) of the data (four bytes), both big-endian; then the data. A block of an archive in the
//! layout `stream` has the state of the stream behind it ([`StreamState`], eight bytes) before the data.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::frame::{FrameError, FrameType, HEADER, header};
use crate::stream_state::{STATE_BYTES, StreamState};

/// Bytes before the data of a block.
pub const BLOCK_HEADER: usize = 12;

/// Bytes before the data of a block of an archive in [`Layout::Stream`](crate::transfer::Layout::Stream).
pub const STREAM_BLOCK_HEADER: usize = BLOCK_HEADER + STATE_BYTES;

/// A block with a verified checksum.
///
/// # Examples
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use netsocket_protocol::block::{Block, BlockError};
/// use netsocket_protocol::frame::HEADER;
///
/// let block = Block { index: 7, bytes: Bytes::from_static(b"some data") };
/// let mut wire = BytesMut::new();
/// block.put_frame(&mut wire)?;
///
/// let mut payload = wire.split_off(HEADER);
/// assert_eq!(Block::from_payload(payload.clone().freeze())?, block);
///
/// payload[15] ^= 1;
/// let damaged = Block::from_payload(payload.freeze());
/// assert_eq!(damaged, Err(BlockError::Checksum { index: 7 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its number; the first block of a whole stream is 0.
    pub index: u64,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Why a payload is not a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The payload is shorter than the header of a block.
    #[error("a block is cut short")]
    CutShort,
    /// The bytes are damaged.
    #[error("block {index} has a wrong checksum")]
    Checksum {
        /// The number in the damaged block.
        index: u64,
    },
}

impl Block {
    /// Appends the frame of this block.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] if the block does not fit into a frame.
    pub fn put_frame(&self, target: &mut BytesMut) -> Result<(), FrameError> {
        let before = self.before(crc32fast::hash(&self.bytes))?;
        target.reserve(before.len() + self.bytes.len());
        target.put_slice(&before);
        target.put_slice(&self.bytes);
        Ok(())
    }

    /// The part of this block's frame before its data, given the CRC-32 of the data.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] if the block does not fit into a frame.
    pub fn before(&self, checksum: u32) -> Result<[u8; HEADER + BLOCK_HEADER], FrameError> {
        let mut before = [0; HEADER + BLOCK_HEADER];
        let length = BLOCK_HEADER + self.bytes.len();
        before[..HEADER].copy_from_slice(&header(FrameType::Data, length)?);
        before[HEADER..HEADER + 8].copy_from_slice(&self.index.to_be_bytes());
        before[HEADER + 8..].copy_from_slice(&checksum.to_be_bytes());
        Ok(before)
    }

    /// The same with the state behind the block, for an archive in [`Layout::Stream`](crate::transfer::Layout::Stream).
    ///
    /// # Errors
    /// [`FrameError::TooLong`] if the block does not fit into a frame.
    pub fn before_with_state(
        &self,
        checksum: u32,
        state: StreamState,
    ) -> Result<[u8; HEADER + STREAM_BLOCK_HEADER], FrameError> {
        let mut before = [0; HEADER + STREAM_BLOCK_HEADER];
        let length = STREAM_BLOCK_HEADER + self.bytes.len();
        before[..HEADER].copy_from_slice(&header(FrameType::Data, length)?);
        before[HEADER..HEADER + 8].copy_from_slice(&self.index.to_be_bytes());
        before[HEADER + 8..HEADER + 12].copy_from_slice(&checksum.to_be_bytes());
        before[HEADER + BLOCK_HEADER..].copy_from_slice(&state.to_bytes());
        Ok(before)
    }

    /// Reads the payload of a data frame of an archive in [`Layout::Stream`](crate::transfer::Layout::Stream) and verifies
    /// its checksum, but not its state.
    ///
    /// # Errors
    /// [`BlockError`] if it is cut short or damaged.
    pub fn from_stream_payload(mut payload: Bytes) -> Result<(Self, StreamState), BlockError> {
        if payload.len() < STREAM_BLOCK_HEADER {
            return Err(BlockError::CutShort);
        }
        let (index, checksum) = (payload.get_u64(), payload.get_u32());
        let mut state = [0; STATE_BYTES];
        payload.copy_to_slice(&mut state);
        let state = StreamState::from_bytes(state);
        Ok((Self::checked(index, checksum, payload)?, state))
    }

    /// Reads the payload of a data frame and verifies its checksum.
    ///
    /// # Errors
    /// [`BlockError`] if it is cut short or damaged.
    pub fn from_payload(mut payload: Bytes) -> Result<Self, BlockError> {
        if payload.len() < BLOCK_HEADER {
            return Err(BlockError::CutShort);
        }
        let (index, checksum) = (payload.get_u64(), payload.get_u32());
        Self::checked(index, checksum, payload)
    }

    fn checked(index: u64, checksum: u32, bytes: Bytes) -> Result<Self, BlockError> {
        if crc32fast::hash(&bytes) != checksum {
            return Err(BlockError::Checksum { index });
        }
        Ok(Self { index, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_block_is_found() {
        let mut frame = BytesMut::new();
        let block = Block {
            index: 7,
            bytes: Bytes::from_static(b"some bytes"),
        };
        block.put_frame(&mut frame).unwrap();
        let payload = frame.freeze().slice(HEADER..);
        assert_eq!(Block::from_payload(payload.clone()), Ok(block));
        for at in 8..payload.len() {
            let mut damaged = payload.to_vec();
            damaged[at] ^= 1;
            assert_eq!(
                Block::from_payload(damaged.into()),
                Err(BlockError::Checksum { index: 7 }),
                "{at}"
            );
        }
        assert_eq!(
            Block::from_payload(payload.slice(..11)),
            Err(BlockError::CutShort)
        );
    }
}
