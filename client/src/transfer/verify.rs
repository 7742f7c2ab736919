//! Verifies the blocks and the trailer of an answer against what was announced. No I/O.

use bytes::Bytes;
use netsocket_protocol::block::{Block, BlockError};
use netsocket_protocol::message::{StreamState, Trailer};

use crate::outcome::damage::Damage;
use crate::transfer::stream_check::StreamCheck;

/// What an answer announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    /// A number of blocks.
    Blocks(u64),
    /// A number of bytes, in any number of blocks.
    Bytes(u64),
}

/// A verified block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBlock {
    /// Its bytes.
    pub bytes: Bytes,
    /// Their CRC-32.
    pub checksum: u32,
    /// The state of an archive of one stream behind this block.
    pub state: Option<StreamState>,
}

/// Verifies one answer, block by block, and its trailer.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// The number of the first block.
    first: u64,
    due: Announced,
    blocks: u64,
    bytes: u64,
    hasher: blake3::Hasher,
    /// For an archive of one stream.
    stream: Option<StreamCheck>,
}

impl Verifier {
    /// A verifier for an answer that starts with block `first`.
    #[must_use]
    pub(crate) fn new(first: u64, due: Announced) -> Self {
        Self {
            first,
            due,
            blocks: 0,
            bytes: 0,
            hasher: blake3::Hasher::new(),
            stream: None,
        }
    }

    /// The same for the blocks of an archive of one stream.
    #[must_use]
    pub(crate) fn with_stream(self, stream: StreamCheck) -> Self {
        let stream = Some(stream);
        Self { stream, ..self }
    }

    /// Verifies the payload of the next data frame.
    ///
    /// # Errors
    /// [`Damage`] if it is damaged or not the expected block.
    pub(crate) fn block(&mut self, payload: Bytes) -> Result<VerifiedBlock, Damage> {
        // The checksum follows the number; a payload without it is detected below.
        let checksum = payload
            .get(8..12)
            .and_then(|four| four.try_into().ok())
            .map_or(0, u32::from_be_bytes);
        let (Block { index, bytes }, state) = match &self.stream {
            None => (Block::from_payload(payload)?, None),
            Some(_) => {
                let (block, state) = Block::from_stream_payload(payload)?;
                (block, Some(state))
            }
        };
        let expected = self.first.saturating_add(self.blocks);
        if index != expected {
            return Err(Damage::Order {
                expected,
                got: index,
            });
        }
        let (blocks, sum) = (self.blocks + 1, self.bytes + bytes.len() as u64);
        match self.due {
            Announced::Blocks(planned) if blocks > planned => {
                return Err(Damage::Blocks {
                    planned,
                    got: blocks,
                });
            }
            Announced::Bytes(due) if sum > due => return Err(Damage::Length { due, got: sum }),
            // Empty blocks could go on forever.
            Announced::Bytes(_) if bytes.is_empty() => return Err(BlockError::CutShort.into()),
            Announced::Blocks(_) | Announced::Bytes(_) => {}
        }
        if let (Some(stream), Some(state)) = (&self.stream, state) {
            stream.block(index, &bytes, state)?;
        }
        (self.blocks, self.bytes) = (blocks, sum);
        self.hasher.update(&bytes);
        Ok(VerifiedBlock {
            bytes,
            checksum,
            state,
        })
    }

    /// The digest state over this answer.
    #[must_use]
    pub(crate) fn hasher(&self) -> &blake3::Hasher {
        &self.hasher
    }

    /// Verifies the totals of the answer.
    ///
    /// # Errors
    /// [`Damage`] if a count or the digest differs.
    pub(crate) fn finish(&self, trailer: &Trailer) -> Result<(), Damage> {
        let planned = match self.due {
            Announced::Blocks(planned) => planned,
            Announced::Bytes(due) if due != self.bytes => {
                let got = self.bytes;
                return Err(Damage::Length { due, got });
            }
            Announced::Bytes(_) => self.blocks,
        };
        for got in [self.blocks, trailer.blocks] {
            if got != planned {
                return Err(Damage::Blocks { planned, got });
            }
        }
        if trailer.bytes != self.bytes {
            return Err(Damage::Bytes {
                sent: trailer.bytes,
                got: self.bytes,
            });
        }
        if self.hasher.finalize().to_hex().as_str() != trailer.digest {
            return Err(Damage::Digest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use netsocket_protocol::frame::HEADER;

    use super::*;

    fn payload(index: u64, bytes: &'static [u8]) -> Bytes {
        let mut frame = BytesMut::new();
        let bytes = Bytes::from_static(bytes);
        Block { index, bytes }.put_frame(&mut frame).unwrap();
        frame.freeze().slice(HEADER..)
    }

    fn trailer() -> Trailer {
        Trailer {
            blocks: 2,
            bytes: 6,
            digest: blake3::hash(b"abcdef").to_hex().to_string(),
            warnings: vec![],
            unlisted: 0,
        }
    }

    fn source(first: u64, due: Announced) -> Verifier {
        let mut verifier = Verifier::new(first, due);
        assert_eq!(verifier.block(payload(first, b"abc")).unwrap().bytes, "abc");
        let second = verifier.block(payload(first + 1, b"def")).unwrap();
        assert_eq!(second.bytes, "def");
        assert_eq!(second.checksum, crc32fast::hash(b"def"));
        verifier
    }

    #[test]
    fn what_was_announced_and_sent_is_accepted() {
        for due in [Announced::Blocks(2), Announced::Bytes(6)] {
            assert_eq!(source(0, due).finish(&trailer()), Ok(()));
            assert_eq!(source(17, due).finish(&trailer()), Ok(()));
        }
    }

    #[test]
    fn blocks_come_once_in_order_and_no_more_than_announced() {
        let mut verifier = Verifier::new(5, Announced::Blocks(2));
        let order = |expected, got| Err(Damage::Order { expected, got });
        assert_eq!(verifier.block(payload(6, b"def")), order(5, 6));
        verifier.block(payload(5, b"abc")).unwrap();
        assert_eq!(verifier.block(payload(5, b"abc")), order(6, 5));
        verifier.block(payload(6, b"def")).unwrap();
        assert_eq!(
            verifier.block(payload(7, b"ghi")),
            Err(Damage::Blocks { planned: 2, got: 3 })
        );
        let mut verifier = source(0, Announced::Bytes(7));
        assert_eq!(
            verifier.block(payload(2, b"gh")),
            Err(Damage::Length { due: 7, got: 8 })
        );
        assert_eq!(
            verifier.block(payload(2, b"")),
            Err(Damage::Block(BlockError::CutShort))
        );
    }

    #[test]
    fn each_lie_of_a_trailer_is_found() {
        let blocks = Trailer {
            blocks: 1,
            ..trailer()
        };
        let bytes = Trailer {
            bytes: 7,
            ..trailer()
        };
        let digest = Trailer {
            digest: "0".repeat(64),
            ..trailer()
        };
        for due in [Announced::Blocks(2), Announced::Bytes(6)] {
            assert_eq!(
                source(0, due).finish(&blocks),
                Err(Damage::Blocks { planned: 2, got: 1 })
            );
            assert_eq!(
                source(0, due).finish(&bytes),
                Err(Damage::Bytes { sent: 7, got: 6 })
            );
            assert_eq!(source(0, due).finish(&digest), Err(Damage::Digest));
        }
        let mut short = Verifier::new(0, Announced::Blocks(2));
        short.block(payload(0, b"abc")).unwrap();
        assert_eq!(
            short.finish(&trailer()),
            Err(Damage::Blocks { planned: 2, got: 1 })
        );
        let mut short = Verifier::new(0, Announced::Bytes(6));
        short.block(payload(0, b"abc")).unwrap();
        assert_eq!(
            short.finish(&trailer()),
            Err(Damage::Length { due: 6, got: 3 })
        );
    }
}
