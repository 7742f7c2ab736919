//! What stands around the blocks of an archive that is one gzip member or one zstd frame, and the state behind each block.

use bytes::Bytes;
use netsocket_protocol::message::{Compression, Layout, StreamState};
use netsocket_protocol::stream_end::stream_end;

use super::plan::Plan;
use crate::compress::{CompressedBlock, WINDOW_DESCRIPTOR};

/// A gzip header (RFC 1952) without name and time, from an unknown system: the same everywhere.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A frame header descriptor (RFC 8878): eight bytes of content size, a window descriptor, no checksum, no dictionary.
const ZSTD_DESCRIPTOR: u8 = 0b1100_0000;

/// Where the blocks of an archive start to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Start {
    pub(super) block: u64,
    /// The CRC-32 of the tar stream before it; without meaning if each block is complete by itself.
    pub(super) crc: u32,
}

impl Start {
    /// At this block; `crc` is the CRC-32 of the tar stream before it, which only [`Layout::Stream`] needs.
    #[must_use]
    pub fn at(block: u64, crc: u32) -> Self {
        Self { block, crc }
    }

    /// The first block.
    #[must_use]
    pub fn block(self) -> u64 {
        self.block
    }
}

/// A block of an archive as it is sent.
#[derive(Debug)]
pub struct ArchiveBlock {
    /// Its bytes.
    pub bytes: Bytes,
    /// Their CRC-32.
    pub checksum: u32,
    /// What another server needs to resume behind it, in [`Layout::Stream`].
    pub state: Option<StreamState>,
    /// Counts as held until it is dropped.
    _made: CompressedBlock,
}

/// Puts the blocks of one archive together, in order.
#[derive(Debug)]
pub(super) struct Assembly {
    plan: String,
    compression: Compression,
    layout: Layout,
    tar_bytes: u64,
    blocks: u64,
    next: u64,
    /// Over the tar stream before block `next`.
    crc: crc32fast::Hasher,
}

impl Assembly {
    pub(super) fn new(plan: &Plan, start: Start) -> Self {
        let codec = plan.options().codec;
        Self {
            plan: plan.id().to_owned(),
            compression: codec.compression(),
            layout: codec.layout(),
            tar_bytes: plan.tar_bytes(),
            blocks: plan.blocks(),
            next: start.block,
            // Its own length does not matter to what is combined with it.
            crc: crc32fast::Hasher::new_with_initial(start.crc),
        }
    }

    /// The next block, with what stands before the first and behind the last one.
    pub(super) fn put(&mut self, made: CompressedBlock) -> ArchiveBlock {
        let is_first = self.next == 0;
        self.next += 1;
        let (mut bytes, mut checksum) = (made.bytes.clone(), made.checksum);
        if self.layout == Layout::Blocks {
            return ArchiveBlock {
                bytes,
                checksum,
                state: None,
                _made: made,
            };
        }
        let length = made.plain_length as u64;
        let block = crc32fast::Hasher::new_with_initial_len(made.plain_crc, length);
        self.crc.combine(&block);
        let crc = self.crc.clone().finalize();
        let header = if is_first { self.header() } else { Vec::new() };
        let end = if self.next == self.blocks {
            stream_end(self.compression, self.tar_bytes, crc)
        } else {
            Vec::new()
        };
        if !(header.is_empty() && end.is_empty()) {
            bytes = [&header[..], &bytes, &end].concat().into();
            checksum = crc32fast::hash(&bytes);
        }
        ArchiveBlock {
            bytes,
            checksum,
            state: Some(StreamState::new(&self.plan, self.next, crc)),
            _made: made,
        }
    }

    fn header(&self) -> Vec<u8> {
        match self.compression {
            Compression::Gzip => GZIP_HEADER.to_vec(),
            Compression::Zstd => {
                let size = self.tar_bytes.to_le_bytes();
                [
                    &ZSTD_MAGIC[..],
                    &[ZSTD_DESCRIPTOR, WINDOW_DESCRIPTOR],
                    &size,
                ]
                .concat()
            }
            Compression::None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
