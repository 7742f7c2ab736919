//! The table of a Huffman code: how many bits to skip for the next codes.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the bits that a cast cuts off are masked or known to be zeros"
)]

use super::bits::Malformed;

/// The longest code of a literal, a length or a distance.
pub(super) const LONGEST: usize = 15;

/// What the next code is, in 16 bits: all bits to skip (5), the bits of the code itself (4), what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u16);

const CODE_SHIFT: u32 = 5;
const MEANING_SHIFT: u32 = 9;

impl Entry {
    /// The code is longer than the index of the table, or there is none.
    pub(super) const LONG: Self = Self(0);

    /// A code of `code_bits` bits, with `extra` bits behind it. `meaning` is at least 1.
    pub(super) const fn new(meaning: u16, code_bits: u16, extra: u16) -> Self {
        Self(meaning << MEANING_SHIFT | code_bits << CODE_SHIFT | (code_bits + extra))
    }

    /// What it means.
    #[inline]
    pub(super) fn meaning(self) -> u16 {
        self.0 >> MEANING_SHIFT
    }

    /// All bits to skip.
    #[inline]
    pub(super) fn bits(self) -> u32 {
        u32::from(self.0 & ((1 << CODE_SHIFT) - 1))
    }

    /// The bits of the last code, without what is behind it.
    fn code_bits(self) -> u32 {
        u32::from(self.0 >> CODE_SHIFT & 0xf)
    }

    /// This entry behind other codes of that many bits.
    fn behind(self, bits: u32) -> Self {
        // At most the bits of an index and some extra bits: it fits.
        Self(self.0 + bits as u16)
    }
}

/// A table with an entry for each value of its index, and what codes longer than that need.
#[derive(Debug)]
pub(super) struct Table<const ENTRIES: usize> {
    entries: Box<[Entry; ENTRIES]>,
    /// How many codes there are of each length.
    counts: [u16; LONGEST + 1],
    /// The symbols, by length of code and value.
    symbols: Vec<u16>,
}

/// The entry of a symbol and the bits of its code; `None` for a symbol that means nothing.
pub(super) type EntryOf = fn(usize, u16) -> Option<Entry>;

impl<const ENTRIES: usize> Default for Table<ENTRIES> {
    fn default() -> Self {
        Self {
            entries: Box::new([Entry::LONG; ENTRIES]),
            counts: [0; LONGEST + 1],
            symbols: Vec::new(),
        }
    }
}

impl<const ENTRIES: usize> Table<ENTRIES> {
    const INDEX_BITS: u32 = ENTRIES.trailing_zeros();

    /// Fills the table for codes of these lengths.
    ///
    /// # Errors
    /// If there is no such code.
    pub(super) fn fill(&mut self, lengths: &[u8], entry_of: EntryOf) -> Result<(), Malformed> {
        self.counts = [0; LONGEST + 1];
        for length in lengths {
            *self.counts.get_mut(usize::from(*length)).ok_or(Malformed)? += 1;
        }
        self.counts[0] = 0;
        // The next code of each length, and its place among the symbols.
        let (mut next, mut places) = ([0_u32; LONGEST + 2], [0_usize; LONGEST + 2]);
        for length in 1..=LONGEST {
            let end = next[length] + u32::from(self.counts[length]);
            if end > 1 << length {
                return Err(Malformed);
            }
            next[length + 1] = end << 1;
            places[length + 1] = places[length] + usize::from(self.counts[length]);
        }
        self.entries.fill(Entry::LONG);
        self.symbols.clear();
        self.symbols.resize(places[LONGEST + 1], 0);
        for (symbol, length) in (0_u16..).zip(lengths).filter(|(_, length)| **length > 0) {
            let bits = usize::from(*length);
            self.symbols[places[bits]] = symbol;
            places[bits] += 1;
            let code = next[bits];
            next[bits] += 1;
            // A symbol that means nothing gets no entry, and `long` finds it.
            if bits as u32 <= Self::INDEX_BITS
                && let Some(entry) = entry_of(usize::from(symbol), u16::from(*length))
            {
                // Codes begin with their most significant bit, everything else with the least.
                let first = (code.reverse_bits() >> (32 - bits)) as usize;
                for place in self.entries.iter_mut().skip(first).step_by(1 << bits) {
                    *place = entry;
                }
            }
        }
        Ok(())
    }

    /// The entry for these bits; [`Entry::LONG`] where [`Self::long`] has to look.
    #[inline]
    pub(super) fn entry(&self, bits: u64) -> Entry {
        self.entries[bits as usize & (ENTRIES - 1)]
    }

    /// The entry of the code at these bits, however long it is.
    ///
    /// # Errors
    /// If there is no such code, or its symbol means nothing.
    #[cold]
    pub(super) fn long(&self, mut bits: u64, entry_of: EntryOf) -> Result<Entry, Malformed> {
        let (mut code, mut first, mut before) = (0_u32, 0_u32, 0_usize);
        for length in 1..=LONGEST {
            code |= (bits & 1) as u32;
            bits >>= 1;
            let end = first + u32::from(self.counts[length]);
            if code < end {
                let place = before + (code - first) as usize;
                let symbol = self.symbols.get(place).ok_or(Malformed)?;
                return entry_of(usize::from(*symbol), length as u16).ok_or(Malformed);
            }
            before += usize::from(self.counts[length]);
            first = end << 1;
            code <<= 1;
        }
        Err(Malformed)
    }

    /// Makes this a table whose entries cover as many codes of `single` as their index holds, up to the first one that does
    /// not mean `literal`.
    pub(super) fn join(&mut self, single: &Self, literal: u16) {
        for (index, joined) in self.entries.iter_mut().enumerate() {
            *joined = single.entry(index as u64);
            while joined.meaning() == literal {
                let bits = joined.bits();
                let next = single.entry((index >> bits) as u64);
                // The index says nothing of the bits beyond it.
                if next == Entry::LONG || bits + next.code_bits() > Self::INDEX_BITS {
                    break;
                }
                *joined = next.behind(bits);
            }
        }
    }
}
