//! Checks what only an archive of one stream has: the state behind each block, and the end of the whole. No I/O.
//!
//! A server that has not read the first blocks writes the end from the state that this program sends. So every state must
//! be one of this archive, and the end must be the one that the states and the plan announce.

use netsocket_protocol::message::{Compression, Plan, StreamState};
use netsocket_protocol::stream_end::stream_end;

use crate::outcome::damage::Damage;

/// What the blocks of an archive of one stream are checked against.
#[derive(Debug)]
pub(crate) struct StreamCheck {
    plan: String,
    compression: Compression,
    tar_bytes: u64,
    blocks: u64,
}

impl StreamCheck {
    /// Checks the blocks of this archive.
    ///
    /// # Errors
    /// [`Damage::Plan`] if so many bytes do not make so many blocks.
    pub(crate) fn new(plan: &Plan) -> Result<Self, Damage> {
        let blocks = plan.tar_bytes.checked_div(plan.block_bytes);
        let has_rest = plan.tar_bytes.checked_rem(plan.block_bytes) != Some(0);
        let blocks = blocks.and_then(|full| full.checked_add(u64::from(has_rest)));
        if blocks != Some(plan.blocks) {
            return Err(Damage::Plan {
                blocks: plan.blocks,
                bytes: plan.tar_bytes,
                block_bytes: plan.block_bytes,
            });
        }
        Ok(Self {
            plan: plan.plan.clone(),
            compression: plan.compression,
            tar_bytes: plan.tar_bytes,
            blocks: plan.blocks,
        })
    }

    /// Checks a block and the state behind it.
    ///
    /// # Errors
    /// [`Damage::State`] if the state is not of this archive and block; [`Damage::End`] if the last block ends with anything
    /// but the end of this archive.
    pub(crate) fn block(&self, index: u64, bytes: &[u8], state: StreamState) -> Result<(), Damage> {
        let next = index.saturating_add(1);
        let crc = state.crc(&self.plan, next);
        let crc = crc.ok_or(Damage::State { block: index })?;
        if next == self.blocks
            && !bytes.ends_with(&stream_end(self.compression, self.tar_bytes, crc))
        {
            return Err(Damage::End);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::message::Layout;
    use proptest::prelude::*;

    use super::*;

    const CRC: u32 = 0x0123_4567;

    fn plan(compression: Compression, tar_bytes: u64, blocks: u64) -> Plan {
        Plan {
            plan: "5e0c".to_owned(),
            files: 1,
            file_bytes: 1,
            tar_bytes,
            block_bytes: 1 << 20,
            blocks,
            first_block: 0,
            compression,
            layout: Layout::Stream,
            sketch: String::new(),
        }
    }

    fn check(compression: Compression) -> StreamCheck {
        StreamCheck::new(&plan(
            compression,
            (4 << 32) + (5 << 20) + 0x0a0b,
            (4 << 12) + 6,
        ))
        .unwrap()
    }

    #[test]
    fn a_plan_whose_blocks_do_not_hold_its_bytes_is_a_lie() {
        for (tar_bytes, blocks, is_right) in [
            (1, 1, true),
            (1 << 20, 1, true),
            ((1 << 20) + 1, 2, true),
            (u64::MAX, 1 << 44, true),
            ((1 << 20) + 1, 1, false),
            (1 << 20, 2, false),
            (0, 1, false),
        ] {
            let made = StreamCheck::new(&plan(Compression::Gzip, tar_bytes, blocks));
            assert_eq!(made.is_ok(), is_right, "{tar_bytes} {blocks}");
        }
        let none = Plan {
            block_bytes: 0,
            ..plan(Compression::Gzip, 1, 1)
        };
        assert!(matches!(StreamCheck::new(&none), Err(Damage::Plan { .. })));
    }

    #[test]
    fn a_state_of_another_archive_or_block_is_found() {
        let check = check(Compression::Gzip);
        let state = |plan, next| StreamState::new(plan, next, CRC);
        assert_eq!(check.block(7, b"", state("5e0c", 8)), Ok(()));
        for foreign in [state("5e0d", 8), state("5e0c", 7), state("5e0c", 9)] {
            assert_eq!(
                check.block(7, b"", foreign),
                Err(Damage::State { block: 7 })
            );
        }
    }

    #[test]
    fn the_last_block_ends_with_the_end_of_the_archive() {
        let last = (4 << 12) + 5;
        let state = StreamState::new("5e0c", last + 1, CRC);
        let right = b"block\x03\x00\x67\x45\x23\x01\x0b\x0a\x50\x00";
        assert_eq!(check(Compression::Gzip).block(last, right, state), Ok(()));
        for at in 5..right.len() {
            let mut wrong = right.to_vec();
            wrong[at] ^= 1;
            let result = check(Compression::Gzip).block(last, &wrong, state);
            assert_eq!(result, Err(Damage::End), "{at}");
        }
        let zstd = check(Compression::Zstd);
        assert_eq!(zstd.block(last, b"block\x01\x00\x00", state), Ok(()));
        assert_eq!(zstd.block(last, b"block", state), Err(Damage::End));
        assert_eq!(zstd.block(last, b"", state), Err(Damage::End));
        assert_eq!(
            check(Compression::None).block(last, b"block", state),
            Ok(())
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_is_accepted_or_not(index: u64, bytes in proptest::collection::vec(any::<u8>(), 0..20), state: [u8; 8]) {
            for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
                let _ = check(compression).block(index, &bytes, StreamState::from_bytes(state));
            }
        }

        #[test]
        fn whatever_is_planned_is_accepted_or_not(tar_bytes: u64, block_bytes: u64, blocks: u64) {
            let plan = Plan { block_bytes, ..plan(Compression::Gzip, tar_bytes, blocks) };
            let _ = StreamCheck::new(&plan);
        }
    }
}
