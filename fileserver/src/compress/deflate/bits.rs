//! The bits of a deflate stream, least significant first.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the bits that a cast cuts off are masked or known to be zeros"
)]

/// Bits that [`Bits::refill`] provides at least.
pub(super) const REFILLED: u32 = 56;

/// The bytes are not one complete deflate stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compress) struct Malformed;

/// A position in a stream, and the bits behind it.
// Copied, not borrowed, by what is not inlined, so that the rest keeps it in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte that is not in the buffer.
    next: usize,
    /// What is above `count` may be bits of `bytes[next]`, or zeros.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            next: 0,
            buffer: 0,
            count: 0,
        }
    }

    /// The number of bits before this position.
    pub(super) fn position(&self) -> usize {
        self.next * 8 - self.count as usize
    }

    /// Provides [`REFILLED`] bits; behind the end of the stream they are zeros.
    ///
    /// # Errors
    /// If the position is behind the end of the stream.
    #[inline]
    pub(super) fn refill(&mut self) -> Result<(), Malformed> {
        match self
            .bytes
            .get(self.next..)
            .and_then(|rest| rest.first_chunk())
        {
            Some(eight) => {
                self.buffer |= u64::from_le_bytes(*eight) << self.count;
                self.next += ((63 - self.count) >> 3) as usize;
                self.count |= REFILLED;
                Ok(())
            }
            None => {
                *self = self.refilled_at_end()?;
                Ok(())
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn refilled_at_end(mut self) -> Result<Self, Malformed> {
        if self.position() > self.bytes.len() * 8 {
            return Err(Malformed);
        }
        while self.count < REFILLED {
            let byte = self.bytes.get(self.next).copied().unwrap_or_default();
            self.buffer |= u64::from(byte) << self.count;
            self.next += 1;
            self.count += 8;
        }
        Ok(self)
    }

    /// The next bits, not taken: as many as the buffer has.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        self.buffer
    }

    /// Takes that many of the bits that were provided.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer >>= count;
        // Never more than were provided.
        self.count = self.count.wrapping_sub(count);
    }

    /// Takes that many bits as a number.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> usize {
        let taken = self.buffer & ((1 << count) - 1);
        self.skip(count);
        taken as usize
    }

    /// Skips the rest of a block that is not compressed.
    pub(super) fn skip_stored(&mut self) -> Result<(), Malformed> {
        let start = self.position().div_ceil(8);
        let header = self.bytes.get(start..).and_then(|rest| rest.first_chunk());
        let [a, b, c, d] = *header.ok_or(Malformed)?;
        let length = u16::from_le_bytes([a, b]);
        if length != !u16::from_le_bytes([c, d]) {
            return Err(Malformed);
        }
        self.next = start + 4 + usize::from(length);
        (self.buffer, self.count) = (0, 0);
        if self.next > self.bytes.len() {
            return Err(Malformed);
        }
        Ok(())
    }
}
