//! What makes an archive the one that was planned: the rules, without any I/O.

use bytes::Bytes;
use netsocket_protocol::block::{Block, BlockError};
use netsocket_protocol::message::{Plan, Trailer};

/// Why an archive is not the one that the server planned or sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A block is cut short or its checksum is wrong.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The plan begins in the middle, though the whole was asked for.
    #[error("it begins with block {0} instead of block 0")]
    Beginning(u64),
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
        /// Blocks in the plan.
        planned: u64,
        /// Blocks that came, or that the trailer claims.
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

/// Holds an archive against its plan, block by block, and against its trailer.
#[derive(Debug)]
pub struct Verifier {
    planned: u64,
    next: u64,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl Verifier {
    /// A verifier for the whole archive of `plan`.
    ///
    /// # Errors
    /// [`Damage::Beginning`] where the plan leaves out the first blocks.
    pub fn new(plan: &Plan) -> Result<Self, Damage> {
        if plan.first_block != 0 {
            return Err(Damage::Beginning(plan.first_block));
        }
        Ok(Self {
            planned: plan.blocks,
            next: 0,
            bytes: 0,
            hasher: blake3::Hasher::new(),
        })
    }

    /// The bytes of the payload of the next data frame.
    ///
    /// # Errors
    /// [`Damage`] where it is damaged or not the next block of the plan.
    pub fn block(&mut self, payload: Bytes) -> Result<Bytes, Damage> {
        let block = Block::from_payload(payload)?;
        if block.index != self.next {
            return Err(Damage::Order {
                expected: self.next,
                got: block.index,
            });
        }
        if self.next >= self.planned {
            return Err(Damage::Blocks {
                planned: self.planned,
                got: self.next.saturating_add(1),
            });
        }
        self.next += 1;
        self.bytes += block.bytes.len() as u64;
        self.hasher.update(&block.bytes);
        Ok(block.bytes)
    }

    /// Whether all that came is all that was planned and sent.
    ///
    /// # Errors
    /// [`Damage`] where a count or the digest differs.
    pub fn finish(&self, trailer: &Trailer) -> Result<(), Damage> {
        for got in [self.next, trailer.blocks] {
            if got != self.planned {
                return Err(Damage::Blocks {
                    planned: self.planned,
                    got,
                });
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
    use netsocket_protocol::message::Compression;

    use super::*;

    fn plan(blocks: u64) -> Plan {
        Plan {
            plan: "p".to_owned(),
            files: 1,
            file_bytes: 6,
            tar_bytes: 6,
            block_bytes: 3,
            blocks,
            first_block: 0,
            compression: Compression::Gzip,
            sketch: String::new(),
        }
    }

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

    fn whole() -> Verifier {
        let mut verifier = Verifier::new(&plan(2)).unwrap();
        assert_eq!(verifier.block(payload(0, b"abc")).unwrap(), "abc");
        assert_eq!(verifier.block(payload(1, b"def")).unwrap(), "def");
        verifier
    }

    #[test]
    fn what_was_planned_and_sent_is_accepted() {
        assert_eq!(whole().finish(&trailer()), Ok(()));
    }

    #[test]
    fn blocks_come_once_in_order_and_no_more_than_planned() {
        let mut verifier = Verifier::new(&plan(2)).unwrap();
        let order = |expected, got| Err(Damage::Order { expected, got });
        assert_eq!(verifier.block(payload(1, b"def")), order(0, 1));
        verifier.block(payload(0, b"abc")).unwrap();
        assert_eq!(verifier.block(payload(0, b"abc")), order(1, 0));
        verifier.block(payload(1, b"def")).unwrap();
        assert_eq!(
            verifier.block(payload(2, b"ghi")),
            Err(Damage::Blocks { planned: 2, got: 3 })
        );
    }

    #[test]
    fn a_plan_that_begins_in_the_middle_is_refused() {
        let middle = Plan {
            first_block: 1,
            ..plan(2)
        };
        assert_eq!(Verifier::new(&middle).err(), Some(Damage::Beginning(1)));
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
        assert_eq!(
            whole().finish(&blocks),
            Err(Damage::Blocks { planned: 2, got: 1 })
        );
        assert_eq!(
            whole().finish(&bytes),
            Err(Damage::Bytes { sent: 7, got: 6 })
        );
        assert_eq!(whole().finish(&digest), Err(Damage::Digest));
        let mut short = Verifier::new(&plan(2)).unwrap();
        short.block(payload(0, b"abc")).unwrap();
        assert_eq!(
            short.finish(&trailer()),
            Err(Damage::Blocks { planned: 2, got: 1 })
        );
    }
}
