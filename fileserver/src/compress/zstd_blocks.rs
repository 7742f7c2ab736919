//! Zstd blocks that may stand in a frame behind any others.
//!
//! A block of zstd may refer to what the decoder still knows: earlier bytes, the three offsets that were used last, the
//! Huffman and other tables of the block before. The first blocks of a frame know that there is nothing before them, but
//! use the offsets that a frame starts with, so they cannot stand behind others. Blocks for that are what the
//! multithreaded mode of libzstd makes from its second job on: without overlap, a job uses none of all this. So each
//! piece is the second job of a frame whose first one is a single byte, and what the first job made is dropped.
//!
//! libzstd passes jobs to threads of its own, and the caller waits until they are done: one works at a time. There are two,
//! because one that has delivered a job is not free at once, and libzstd polls while there is no free one.

use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, compress_bound};

use super::block::BLOCK_BYTES;

/// The binary logarithm of the window: blocks refer to nothing before their piece, whose length is at most this.
const WINDOW_LOG: u32 = BLOCK_BYTES.trailing_zeros();

/// The same as a frame header has it: the exponent above 2^10 in its upper five bits.
pub(crate) const WINDOW_DESCRIPTOR: u8 = 10 << 3;
const _: () = assert!(1 << (10 + (WINDOW_DESCRIPTOR >> 3)) == BLOCK_BYTES);

/// Threads of a compressor.
const WORKERS: u32 = 2;

/// No overlap between jobs.
const NO_OVERLAP: u32 = 1;

/// Room for the header of a frame and for the block of a single byte.
const FIRST_JOB: usize = 64;

/// libzstd could not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed;

/// A compressor at one level.
pub(super) struct ZstdBlocks {
    context: CCtx<'static>,
}

impl ZstdBlocks {
    pub(super) fn new(level: u8) -> Result<Self, Failed> {
        let mut context = CCtx::try_create().ok_or(Failed)?;
        for parameter in [
            CParameter::CompressionLevel(i32::from(level)),
            CParameter::WindowLog(WINDOW_LOG),
            CParameter::NbWorkers(WORKERS),
            CParameter::JobSize(1 << WINDOW_LOG),
            CParameter::OverlapSizeLog(NO_OVERLAP),
        ] {
            context.set_parameter(parameter).map_err(|_| Failed)?;
        }
        Ok(Self { context })
    }

    /// Replaces the contents of `packed` by the blocks of a piece of at most [`BLOCK_BYTES`] bytes.
    pub(super) fn compress(&mut self, piece: &[u8], packed: &mut Vec<u8>) -> Result<(), Failed> {
        self.context
            .reset(ResetDirective::SessionOnly)
            .map_err(|_| Failed)?;
        packed.clear();
        packed.reserve(FIRST_JOB + compress_bound(BLOCK_BYTES));
        let mut out = OutBuffer::around(packed);
        self.flush(&[0], &mut out)?;
        let first = out.pos();
        self.flush(piece, &mut out)?;
        packed.drain(..first);
        Ok(())
    }

    /// Compresses these bytes as a job of their own and waits until it is done.
    fn flush(&mut self, bytes: &[u8], out: &mut OutBuffer<'_, Vec<u8>>) -> Result<(), Failed> {
        let mut input = InBuffer::around(bytes);
        loop {
            let left = self
                .context
                .compress_stream2(out, &mut input, ZSTD_EndDirective::ZSTD_e_flush)
                .map_err(|_| Failed)?;
            if left == 0 && input.pos() == bytes.len() {
                return Ok(());
            }
            if out.pos() == out.capacity() {
                return Err(Failed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
