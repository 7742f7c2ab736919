//! Makes a complete deflate stream one that another can follow (RFC 1951).
//!
//! libdeflate sets the final bit of the last deflate block, and nothing tells where that block begins. To find it, the
//! stream is read from the start; only the lengths of its codes matter, no byte is decompressed. Nothing here trusts
//! the stream: whatever it holds, its end is found or it is an error.

mod bits;
mod codes;
mod table;

use bits::Bits;
pub(super) use bits::Malformed;
use codes::Codes;

/// An empty block that is not compressed, without its first three bits, which are zeros.
const EMPTY_STORED: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The most bytes by which an open end is longer.
pub(super) const ADDED: usize = 1 + EMPTY_STORED.len();

/// Bits before the codes of a block.
const BLOCK_HEADER: usize = 3;

/// Where a deflate stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    /// The number of the bit that says that its last block is the last one.
    final_bit: usize,
    /// The number of bits in it.
    bits: usize,
}

/// Opens the ends of deflate streams; reused, because its tables are large.
#[derive(Debug, Default)]
pub(super) struct EndOpener {
    codes: Codes,
}

impl EndOpener {
    /// Clears the final bit of the stream in the first `length` bytes of a buffer and ends it on a byte, as `Z_SYNC_FLUSH`
    /// of zlib does: another stream may follow. Returns the new length, at most [`ADDED`] more.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are not one complete stream, or the buffer has no room.
    pub(super) fn open(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, Malformed> {
        let stream = buffer.get(..length).ok_or(Malformed)?;
        let End { final_bit, bits } = self.end(stream)?;
        let (last, new_length) = (bits.div_ceil(8), (bits + BLOCK_HEADER).div_ceil(8) + 4);
        if last != length || new_length > buffer.len() {
            return Err(Malformed);
        }
        buffer[final_bit / 8] &= !(1 << (final_bit % 8));
        // The rest of the last byte is padding, which need not be zeros.
        if bits % 8 > 0 {
            buffer[bits / 8] &= (1 << (bits % 8)) - 1;
        }
        buffer[last..new_length - 4].fill(0);
        buffer[new_length - 4..new_length].copy_from_slice(&EMPTY_STORED);
        Ok(new_length)
    }

    fn end(&mut self, stream: &[u8]) -> Result<End, Malformed> {
        let mut bits = Bits::new(stream);
        loop {
            let final_bit = bits.position();
            bits.refill()?;
            let is_final = bits.take(1) == 1;
            match bits.take(2) {
                0 => bits.skip_stored()?,
                1 => {
                    self.codes.fixed()?;
                    self.codes.skip_block(&mut bits)?;
                }
                2 => {
                    self.codes.dynamic(&mut bits)?;
                    self.codes.skip_block(&mut bits)?;
                }
                _ => return Err(Malformed),
            }
            if is_final {
                let bits = bits.position();
                // Behind the end, zeros were read.
                return (bits <= stream.len() * 8)
                    .then_some(End { final_bit, bits })
                    .ok_or(Malformed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
