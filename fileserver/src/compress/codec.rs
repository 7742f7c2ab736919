//! How one block is compressed.
//!
//! The same block gives the same bytes on every machine and with any number of threads: headers contain neither time
//! nor name, and the compressor is reset for each block. A new release of a compressor may produce other bytes; the
//! test below detects that, and then [`crate::archive`]'s format number must change, so that no transfer resumes with
//! them.

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};
use netsocket_protocol::message::Compression;

use super::block::{BLOCK_BYTES, Fill, WorkerFailed};

/// A compression and its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Codec {
    compression: Compression,
    level: u8,
}

impl Codec {
    /// A compression at a level, or at its default level; `None` for an unsupported level.
    #[must_use]
    pub fn new(compression: Compression, level: Option<u8>) -> Option<Self> {
        let codec = |level| Self { compression, level };
        match level {
            None => Some(codec(compression.default_level())),
            Some(level) => compression.levels()?.contains(&level).then(|| codec(level)),
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
}

impl Default for Codec {
    fn default() -> Self {
        let compression = Compression::default();
        Self {
            compression,
            level: compression.default_level(),
        }
    }
}

/// Buffers and compressor of a thread; reused, because they are large.
pub(super) struct BlockCompressor {
    plain: Vec<u8>,
    packed: Vec<u8>,
    encoder: Option<(Codec, Encoder)>,
    /// The compressed block of zeros: sparse files have many.
    zeros: Option<(Codec, Bytes)>,
}

enum Encoder {
    Gzip(Box<Compressor>),
    Zstd(Box<zstd::bulk::Compressor<'static>>),
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
    ) -> Result<Bytes, WorkerFailed> {
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
    fn pack(&mut self, codec: Codec, length: usize) -> Result<Bytes, WorkerFailed> {
        if self.encoder.as_ref().is_none_or(|(same, _)| *same != codec) {
            // Free the old one first, so that there are never two.
            self.encoder = None;
            self.encoder = Some((codec, Encoder::new(codec)?));
        }
        let plain = &self.plain[..length];
        let packed = &mut self.packed;
        match &mut self.encoder {
            Some((_, Encoder::Gzip(gzip))) => {
                packed.resize(gzip.gzip_compress_bound(BLOCK_BYTES), 0);
                let length = gzip.gzip_compress(plain, packed);
                let length = length.map_err(|_| WorkerFailed::Compressor)?;
                Ok(Bytes::copy_from_slice(&packed[..length]))
            }
            Some((_, Encoder::Zstd(zstd))) => {
                packed.resize(zstd::zstd_safe::compress_bound(BLOCK_BYTES), 0);
                let length = zstd.compress_to_buffer(plain, packed.as_mut_slice());
                let length = length.map_err(|_| WorkerFailed::Compressor)?;
                Ok(Bytes::copy_from_slice(&packed[..length]))
            }
            _ => Ok(Bytes::copy_from_slice(plain)),
        }
    }
}

impl Encoder {
    fn new(codec: Codec) -> Result<Self, WorkerFailed> {
        let failed = |_| WorkerFailed::Compressor;
        match codec.compression {
            Compression::Gzip => {
                let level = CompressionLvl::new(i32::from(codec.level));
                let level = level.map_err(|_| WorkerFailed::Compressor)?;
                Ok(Self::Gzip(Box::new(Compressor::new(level))))
            }
            Compression::Zstd => {
                let mut zstd =
                    zstd::bulk::Compressor::new(i32::from(codec.level)).map_err(failed)?;
                zstd.include_checksum(true).map_err(failed)?;
                zstd.include_contentsize(true).map_err(failed)?;
                Ok(Self::Zstd(Box::new(zstd)))
            }
            Compression::None => Ok(Self::None),
        }
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
        plain: &[u8],
    ) -> Bytes {
        let codec = Codec::new(compression, level).unwrap();
        let read = |buffer: &mut [u8]| {
            buffer[..plain.len()].copy_from_slice(plain);
            Ok(Fill::Bytes(plain.len()))
        };
        compressor.make(codec, read).unwrap()
    }

    #[test]
    fn the_bytes_of_a_block_are_these_on_every_machine() {
        let (sample, mut compressor) = (sample(), BlockCompressor::new());
        for (compression, digest) in [
            (Compression::Gzip, "6132f788fddfdc0e"),
            (Compression::Zstd, "052ef599d7995a92"),
            (Compression::None, "098979c949c0fc5f"),
        ] {
            let block = made(&mut compressor, compression, None, &sample);
            let got = blake3::hash(&block).to_hex();
            // Another digest means that resumed transfers would mix two streams: raise `archive::FORMAT`, then change
            // this.
            assert_eq!(&got[..16], digest, "{compression:?} {}", block.len());
        }
    }

    #[test]
    fn a_kit_makes_the_same_whatever_it_made_before() {
        let sample = sample();
        let mut used = BlockCompressor::new();
        for (compression, level) in [
            (Compression::Gzip, None),
            (Compression::Zstd, Some(19)),
            (Compression::Gzip, Some(1)),
            (Compression::None, None),
            (Compression::Zstd, Some(1)),
            (Compression::Gzip, Some(12)),
        ] {
            for length in [0, 1, 513, 100_000] {
                let again = made(&mut used, compression, level, &sample[..length]);
                let fresh = made(
                    &mut BlockCompressor::new(),
                    compression,
                    level,
                    &sample[..length],
                );
                assert!(again == fresh, "{compression:?} {level:?} {length}");
            }
        }
    }

    #[test]
    fn a_block_of_zeros_is_the_same_read_or_known() {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let codec = Codec::new(compression, None).unwrap();
            let mut compressor = BlockCompressor::new();
            let read = made(&mut compressor, compression, None, &vec![0; BLOCK_BYTES]);
            compressor.plain.fill(7);
            for _ in 0..2 {
                assert!(compressor.make(codec, |_| Ok(Fill::Zeros)).unwrap() == read);
            }
        }
    }

    #[test]
    fn only_levels_that_there_are_may_be_asked_for() {
        assert!(Codec::new(Compression::Gzip, Some(12)).is_some());
        for (compression, level) in [
            (Compression::Gzip, 0),
            (Compression::Gzip, 13),
            (Compression::Zstd, 0),
            (Compression::Zstd, 20),
            (Compression::None, 1),
        ] {
            assert_eq!(Codec::new(compression, Some(level)), None);
        }
    }
}
