//! How one block is compressed.
//!
//! The same block gives the same bytes on every machine and with any number of threads: headers contain neither time
//! nor name, and the compressor is reset for each block. A new release of a compressor may produce other bytes; the
//! test below detects that, and then [`crate::archive`]'s format number must change, so that no transfer resumes with
//! them.

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};
use netsocket_protocol::message::{Compression, Layout};

use super::block::{BLOCK_BYTES, Fill, WorkerFailed};
use super::deflate::{ADDED, EndOpener, Malformed};
use super::zstd_blocks::{Failed, ZstdBlocks};

/// A compression, its level, and what a block is to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Codec {
    compression: Compression,
    level: u8,
    layout: Layout,
}

impl Codec {
    /// A compression at a level, or at its default level for that layout; `None` for an unsupported level.
    #[must_use]
    pub fn new(compression: Compression, level: Option<u8>, layout: Layout) -> Option<Self> {
        let codec = |level| Self {
            compression,
            level,
            layout,
        };
        match level {
            None => Some(codec(compression.default_level(layout))),
            Some(level) => compression.levels()?.contains(&level).then(|| codec(level)),
        }
    }

    /// The default compression at its default level for a layout.
    #[must_use]
    pub fn default_in(layout: Layout) -> Self {
        let compression = Compression::default();
        Self {
            compression,
            level: compression.default_level(layout),
            layout,
        }
    }

    /// The compression.
    #[must_use]
    pub fn compression(self) -> Compression {
        self.compression
    }

    /// The level.
    #[must_use]
    pub fn level(self) -> u8 {
        self.level
    }

    /// Whether a block is complete by itself, or a part of one stream.
    #[must_use]
    pub fn layout(self) -> Layout {
        self.layout
    }
}

impl Default for Codec {
    fn default() -> Self {
        Self::default_in(Layout::default())
    }
}

/// A compressed block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) bytes: Bytes,
    /// The CRC-32 of the block before compression, in [`Layout::Stream`]; otherwise 0.
    pub(super) plain_crc: u32,
    /// Its length before compression.
    pub(super) plain_length: usize,
}

/// Buffers and compressor of a thread; reused, because they are large.
pub(super) struct BlockCompressor {
    plain: Vec<u8>,
    packed: Vec<u8>,
    encoder: Option<(Codec, Encoder)>,
    /// The compressed block of zeros: sparse files have many.
    zeros: Option<(Codec, Packed)>,
}

enum Encoder {
    /// A gzip member for each block.
    Gzip(Box<Compressor>),
    /// Deflate blocks that others may follow.
    Deflate(Box<Compressor>, Box<EndOpener>),
    /// A zstd frame for each block.
    Zstd(Box<zstd::bulk::Compressor<'static>>),
    /// Zstd blocks that may follow others.
    ZstdBlocks(Box<ZstdBlocks>),
    None,
}

impl BlockCompressor {
    pub(super) fn new() -> Self {
        Self {
            plain: vec![0; BLOCK_BYTES],
            packed: Vec::new(),
            encoder: None,
            zeros: None,
        }
    }

    /// Compresses the block that `read` provides.
    pub(super) fn make(
        &mut self,
        codec: Codec,
        read: impl FnOnce(&mut [u8]) -> Result<Fill, WorkerFailed>,
    ) -> Result<Packed, WorkerFailed> {
        match read(&mut self.plain)? {
            Fill::Bytes(length) => self.pack(codec, length),
            Fill::Zeros => {
                if let Some((same, zeros)) = &self.zeros
                    && *same == codec
                {
                    return Ok(zeros.clone());
                }
                self.plain.fill(0);
                let zeros = self.pack(codec, BLOCK_BYTES)?;
                self.zeros = Some((codec, zeros.clone()));
                Ok(zeros)
            }
        }
    }

    /// Compresses the first `length` bytes.
    fn pack(&mut self, codec: Codec, length: usize) -> Result<Packed, WorkerFailed> {
        if self.encoder.as_ref().is_none_or(|(same, _)| *same != codec) {
            // Free the old one first, so that there are never two.
            self.encoder = None;
            self.encoder = Some((codec, Encoder::new(codec)?));
        }
        let plain = &self.plain[..length];
        let bytes = match &mut self.encoder {
            Some((_, encoder)) => encoder.pack(plain, &mut self.packed)?,
            None => Bytes::copy_from_slice(plain),
        };
        Ok(Packed {
            bytes,
            plain_crc: match codec.layout {
                Layout::Stream => crc32fast::hash(plain),
                Layout::Blocks => 0,
            },
            plain_length: length,
        })
    }
}

impl From<Malformed> for WorkerFailed {
    fn from(_: Malformed) -> Self {
        Self::Compressor
    }
}

impl From<Failed> for WorkerFailed {
    fn from(_: Failed) -> Self {
        Self::Compressor
    }
}

impl Encoder {
    fn new(codec: Codec) -> Result<Self, WorkerFailed> {
        let failed = |_| WorkerFailed::Compressor;
        match (codec.compression, codec.layout) {
            (Compression::Gzip, layout) => {
                let level = CompressionLvl::new(i32::from(codec.level));
                let level = level.map_err(|_| WorkerFailed::Compressor)?;
                let compressor = Box::new(Compressor::new(level));
                Ok(match layout {
                    Layout::Blocks => Self::Gzip(compressor),
                    Layout::Stream => Self::Deflate(compressor, Box::default()),
                })
            }
            (Compression::Zstd, Layout::Stream) => {
                Ok(Self::ZstdBlocks(Box::new(ZstdBlocks::new(codec.level)?)))
            }
            (Compression::Zstd, Layout::Blocks) => {
                let mut zstd =
                    zstd::bulk::Compressor::new(i32::from(codec.level)).map_err(failed)?;
                zstd.include_checksum(true).map_err(failed)?;
                zstd.include_contentsize(true).map_err(failed)?;
                Ok(Self::Zstd(Box::new(zstd)))
            }
            (Compression::None, _) => Ok(Self::None),
        }
    }

    /// Compresses a block, with a buffer for it.
    fn pack(&mut self, plain: &[u8], packed: &mut Vec<u8>) -> Result<Bytes, WorkerFailed> {
        let length = match self {
            Self::Gzip(gzip) => {
                packed.resize(gzip.gzip_compress_bound(BLOCK_BYTES), 0);
                let length = gzip.gzip_compress(plain, packed);
                length.map_err(|_| WorkerFailed::Compressor)?
            }
            Self::Deflate(deflate, opener) => {
                packed.resize(deflate.deflate_compress_bound(BLOCK_BYTES) + ADDED, 0);
                let length = deflate.deflate_compress(plain, packed);
                opener.open(packed, length.map_err(|_| WorkerFailed::Compressor)?)?
            }
            Self::Zstd(zstd) => {
                packed.resize(zstd::zstd_safe::compress_bound(BLOCK_BYTES), 0);
                let length = zstd.compress_to_buffer(plain, packed.as_mut_slice());
                length.map_err(|_| WorkerFailed::Compressor)?
            }
            Self::ZstdBlocks(zstd) => {
                zstd.compress(plain, packed)?;
                packed.len()
            }
            Self::None => return Ok(Bytes::copy_from_slice(plain)),
        };
        Ok(Bytes::copy_from_slice(&packed[..length]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A megabyte of what source code is like: words, with repetitions near and far.
    fn sample() -> Vec<u8> {
        let mut state = 1_u32;
        let mut text = Vec::new();
        while text.len() < BLOCK_BYTES {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.extend_from_slice(format!("let x{} = {};\n", state >> 22, state >> 27).as_bytes());
        }
        text.truncate(BLOCK_BYTES);
        text
    }

    fn made(
        compressor: &mut BlockCompressor,
        compression: Compression,
        level: Option<u8>,
        layout: Layout,
        plain: &[u8],
    ) -> Bytes {
        let codec = Codec::new(compression, level, layout).unwrap();
        let read = |buffer: &mut [u8]| {
            buffer[..plain.len()].copy_from_slice(plain);
            Ok(Fill::Bytes(plain.len()))
        };
        let made = compressor.make(codec, read).unwrap();
        if layout == Layout::Stream {
            assert_eq!(made.plain_crc, crc32fast::hash(plain));
        }
        assert_eq!(made.plain_length, plain.len());
        made.bytes
    }

    #[test]
    fn the_bytes_of_a_block_are_these_on_every_machine() {
        let (sample, mut compressor) = (sample(), BlockCompressor::new());
        for (compression, layout, digest) in [
            (Compression::Gzip, Layout::Blocks, "6132f788fddfdc0e"),
            (Compression::Zstd, Layout::Blocks, "052ef599d7995a92"),
            (Compression::None, Layout::Blocks, "098979c949c0fc5f"),
            (Compression::Gzip, Layout::Stream, "8b3eb3defc03c950"),
            (Compression::Zstd, Layout::Stream, "542e69e35262b4de"),
            (Compression::None, Layout::Stream, "098979c949c0fc5f"),
        ] {
            let block = made(&mut compressor, compression, None, layout, &sample);
            let got = blake3::hash(&block).to_hex();
            // Another digest means that resumed transfers would mix two streams: raise the format of that layout in
            // `archive::plan`, then change this.
            assert_eq!(
                &got[..16],
                digest,
                "{compression:?} {layout:?} {}",
                block.len()
            );
        }
    }

    #[test]
    fn a_compressor_makes_the_same_whatever_it_made_before() {
        let sample = sample();
        let mut used = BlockCompressor::new();
        for (compression, level, layout) in [
            (Compression::Gzip, None, Layout::Blocks),
            (Compression::Zstd, Some(19), Layout::Stream),
            (Compression::Gzip, Some(1), Layout::Stream),
            (Compression::Zstd, Some(19), Layout::Blocks),
            (Compression::None, None, Layout::Blocks),
            (Compression::Zstd, Some(1), Layout::Stream),
            (Compression::Gzip, Some(12), Layout::Stream),
            (Compression::Gzip, Some(12), Layout::Blocks),
        ] {
            for length in [1, 513, 100_000, 1] {
                let plain = &sample[..length];
                let again = made(&mut used, compression, level, layout, plain);
                let mut unused = BlockCompressor::new();
                let fresh = made(&mut unused, compression, level, layout, plain);
                assert!(
                    again == fresh,
                    "{compression:?} {level:?} {layout:?} {length}"
                );
            }
        }
    }

    #[test]
    fn a_block_of_zeros_is_the_same_read_or_known() {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            for layout in [Layout::Blocks, Layout::Stream] {
                let codec = Codec::new(compression, None, layout).unwrap();
                let mut compressor = BlockCompressor::new();
                let zeros = vec![0; BLOCK_BYTES];
                let read = made(&mut compressor, compression, None, layout, &zeros);
                compressor.plain.fill(7);
                for _ in 0..2 {
                    let known = compressor.make(codec, |_| Ok(Fill::Zeros)).unwrap();
                    assert!(known.bytes == read);
                    assert_eq!(known.plain_length, BLOCK_BYTES);
                }
            }
        }
    }

    #[test]
    fn only_levels_that_there_are_may_be_asked_for() {
        let codec = |compression, level| Codec::new(compression, level, Layout::Stream);
        assert!(codec(Compression::Gzip, Some(12)).is_some());
        for (compression, level) in [
            (Compression::Gzip, 0),
            (Compression::Gzip, 13),
            (Compression::Zstd, 0),
            (Compression::Zstd, 20),
            (Compression::None, 1),
        ] {
            assert_eq!(codec(compression, Some(level)), None);
        }
    }
}
