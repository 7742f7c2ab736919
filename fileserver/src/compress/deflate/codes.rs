//! The codes of a deflate block, as far as it takes to skip the block.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the bits that a cast cuts off are masked or known to be zeros"
)]

use super::bits::{Bits, Malformed};
use super::table::{Entry, Table};

const LITERALS: usize = 288;
const DISTANCES: usize = 32;
const PRECODES: usize = 19;
/// The literal that ends a block.
const END_OF_BLOCK: usize = 256;
/// The order of the lengths of the codes of lengths.
const PRECODE_ORDER: [usize; PRECODES] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
/// Extra bits behind the codes of lengths.
const LENGTH_EXTRA: [u16; 29] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
/// Extra bits behind the codes of distances.
const DISTANCE_EXTRA: [u16; 30] = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
    13,
];

/// What an entry means: literals, a length that a distance follows, the end of the block, a distance.
const LITERAL: u16 = 1;
const LENGTH: u16 = 2;
const END: u16 = 3;
const DISTANCE: u16 = 1;

/// The codes of one block.
#[derive(Debug)]
pub(super) struct Codes {
    precode: Table<{ 1 << 7 }>,
    single: Table<{ 1 << 11 }>,
    /// As `single`, but an entry covers several codes.
    literals: Table<{ 1 << 11 }>,
    distances: Table<{ 1 << 9 }>,
    lengths: [u8; LITERALS + DISTANCES],
}

impl Default for Codes {
    fn default() -> Self {
        Self {
            precode: Table::default(),
            single: Table::default(),
            literals: Table::default(),
            distances: Table::default(),
            lengths: [0; LITERALS + DISTANCES],
        }
    }
}

fn literal_entry(symbol: usize, bits: u16) -> Option<Entry> {
    match symbol.checked_sub(END_OF_BLOCK) {
        None => Some(Entry::new(LITERAL, bits, 0)),
        Some(0) => Some(Entry::new(END, bits, 0)),
        Some(length) => Some(Entry::new(LENGTH, bits, *LENGTH_EXTRA.get(length - 1)?)),
    }
}

fn distance_entry(symbol: usize, bits: u16) -> Option<Entry> {
    Some(Entry::new(DISTANCE, bits, *DISTANCE_EXTRA.get(symbol)?))
}

/// Means the symbol, plus 1.
fn precode_entry(symbol: usize, bits: u16) -> Option<Entry> {
    Some(Entry::new(u16::try_from(symbol + 1).ok()?, bits, 0))
}

impl Codes {
    /// The codes that every decompressor knows.
    ///
    /// # Errors
    /// Never.
    pub(super) fn fixed(&mut self) -> Result<(), Malformed> {
        let (literals, distances) = self.lengths.split_at_mut(LITERALS);
        for (symbol, length) in literals.iter_mut().enumerate() {
            *length = match symbol {
                144..=255 => 9,
                256..=279 => 7,
                _ => 8,
            };
        }
        distances.fill(5);
        self.fill(LITERALS)
    }

    /// The codes that a block begins with.
    ///
    /// # Errors
    /// If there are no such codes.
    pub(super) fn dynamic(&mut self, bits: &mut Bits<'_>) -> Result<(), Malformed> {
        bits.refill()?;
        let literals = bits.take(5) + 257;
        let all = literals + bits.take(5) + 1;
        let precodes = bits.take(4) + 4;
        let mut precode_lengths = [0; PRECODES];
        for place in PRECODE_ORDER.iter().take(precodes) {
            bits.refill()?;
            precode_lengths[*place] = bits.take(3) as u8;
        }
        self.precode.fill(&precode_lengths, precode_entry)?;
        self.lengths.fill(0);
        let mut at = 0;
        while at < all {
            bits.refill()?;
            let entry = self.precode.entry(bits.peek());
            bits.skip(entry.bits());
            let (length, times) = match entry.meaning().checked_sub(1).ok_or(Malformed)? {
                16 => {
                    let before = at.checked_sub(1).ok_or(Malformed)?;
                    (self.lengths[before], 3 + bits.take(2))
                }
                17 => (0, 3 + bits.take(3)),
                18 => (0, 11 + bits.take(7)),
                length => (length as u8, 1),
            };
            let end = at + times;
            if end > all {
                return Err(Malformed);
            }
            self.lengths[at..end].fill(length);
            at = end;
        }
        self.fill(literals)
    }

    /// Fills the tables; the lengths of the codes of distances begin at index `literals`.
    fn fill(&mut self, literals: usize) -> Result<(), Malformed> {
        let (literals, rest) = self.lengths.split_at(literals);
        self.single.fill(literals, literal_entry)?;
        self.literals.join(&self.single, LITERAL);
        self.distances.fill(&rest[..DISTANCES], distance_entry)
    }

    /// Skips the rest of a block, to the end of the code that ends it.
    ///
    /// # Errors
    /// If the stream ends before, or has a bit sequence that is no code.
    pub(super) fn skip_block(&self, position: &mut Bits<'_>) -> Result<(), Malformed> {
        let mut bits = *position;
        loop {
            // A length takes up to 20 bits with all behind it, a distance up to 28.
            bits.refill()?;
            let mut entry = self.literals.entry(bits.peek());
            if entry == Entry::LONG {
                entry = self.single.long(bits.peek(), literal_entry)?;
            }
            bits.skip(entry.bits());
            if entry.meaning() == END {
                *position = bits;
                return Ok(());
            }
            // Looked up also where no distance follows: whether one does cannot be predicted, and a branch costs more.
            let is_length = entry.meaning() == LENGTH;
            let mut distance = self.distances.entry(bits.peek());
            if distance == Entry::LONG && is_length {
                distance = self.distances.long(bits.peek(), distance_entry)?;
            }
            bits.skip(if is_length { distance.bits() } else { 0 });
        }
    }
}
