//! A block of data with its number and its checksum.
//!
//! This is the payload of a [`Data`](crate::frame::FrameType::Data) frame: the block number (eight bytes) and the
//! CRC-32 (IEEE, as in gzip) of the data (four bytes), both big-endian; then the data.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::frame::{FrameError, FrameType, HEADER, header};

/// Bytes before the data of a block.
pub const BLOCK_HEADER: usize = 12;

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

    /// Reads the payload of a data frame and verifies its checksum.
    ///
    /// # Errors
    /// [`BlockError`] if it is cut short or damaged.
    pub fn from_payload(mut payload: Bytes) -> Result<Self, BlockError> {
        if payload.len() < BLOCK_HEADER {
            return Err(BlockError::CutShort);
        }
        let (index, checksum) = (payload.get_u64(), payload.get_u32());
        if crc32fast::hash(&payload) != checksum {
            return Err(BlockError::Checksum { index });
        }
        Ok(Self {
            index,
            bytes: payload,
        })
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
