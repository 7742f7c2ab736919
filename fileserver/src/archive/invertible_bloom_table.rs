//! A fixed-size summary of a set of files, from which a server with another set can tell which files differ. It is the
//! `sketch` of the wire.
//!
//! An invertible Bloom lookup table (Eppstein, Goodrich, Uyeda, Varghese: "What's the Difference? Efficient Set
//! Reconciliation without Prior Context", 2011): every file is added to one cell of each row. Subtracting one table
//! from another leaves the files that only one set has, and they can be extracted one by one as long as they are not
//! many more than half of the cells. The client carries the table from the server that made a plan to the one that
//! resumes it, so servers stay stateless.

use std::collections::HashMap;

use netsocket_protocol::name::{from_hex, to_hex};

use super::entry::Entry;

/// Rows of cells; a file is in one cell of each.
const ROWS: usize = 4;

/// Cells in a row: enough in all for about thirty differing files.
const ROW: usize = 16;

/// Bytes of a cell on the wire.
const CELL: usize = 28;

/// A file in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Item {
    /// Hash of the path.
    path: u64,
    /// Hash of path, size, time and mode.
    file: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cell {
    /// Files added minus files removed.
    count: i32,
    item: Item,
    /// Distinguishes a cell with one file from one with several whose sum looks like one.
    check: u64,
}

/// A summary of a set of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InvertibleBloomTable([[Cell; ROW]; ROWS]);

/// How a set differs from another one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Differences {
    /// Hashes of paths that only this set has.
    pub(super) appeared: Vec<u64>,
    /// Hashes of paths that both have, with another size, time or mode.
    pub(super) altered: Vec<u64>,
    /// How many paths only the other set has; their names are unknown.
    pub(super) vanished: usize,
}

impl InvertibleBloomTable {
    pub(super) fn of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut table = Self(Default::default());
        for entry in entries {
            table.add(item(entry), 1);
        }
        table
    }

    /// The form on the wire: two hexadecimal digits per byte.
    pub(super) fn text(&self) -> String {
        let mut bytes = Vec::with_capacity(ROWS * ROW * CELL);
        for cell in self.0.iter().flatten() {
            bytes.extend_from_slice(&cell.count.to_be_bytes());
            for number in [cell.item.path, cell.item.file, cell.check] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        to_hex(&bytes)
    }

    /// Parses the form on the wire.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = from_hex(text).filter(|bytes| bytes.len() == ROWS * ROW * CELL)?;
        let mut table = Self(Default::default());
        for (cell, bytes) in table.0.iter_mut().flatten().zip(bytes.chunks_exact(CELL)) {
            let (count, rest) = bytes.split_first_chunk()?;
            cell.count = i32::from_be_bytes(*count);
            let (numbers, _) = rest.as_chunks::<8>();
            let [path, file, check] = numbers else {
                return None;
            };
            cell.item.path = u64::from_be_bytes(*path);
            cell.item.file = u64::from_be_bytes(*file);
            cell.check = u64::from_be_bytes(*check);
        }
        Some(table)
    }

    /// How this set differs from `other`; `None` if there are too many differences.
    pub(super) fn differences(&self, other: &Self) -> Option<Differences> {
        let mut left = self.clone();
        for (cell, other) in left.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            cell.count = cell.count.wrapping_sub(other.count);
            cell.item.path ^= other.item.path;
            cell.item.file ^= other.item.file;
            cell.check ^= other.check;
        }
        let (mut here, mut there) = (Vec::new(), Vec::new());
        // A genuine table never yields more files than it has cells; a forged one might.
        for _ in 0..=ROWS * ROW {
            let Some((item, count)) = left.pure_cell() else {
                let is_empty = left.0.iter().flatten().all(|cell| *cell == Cell::default());
                return is_empty.then(|| classify(here, there));
            };
            left.add(item, -count);
            if count > 0 { &mut here } else { &mut there }.push(item);
        }
        None
    }

    /// A file that is alone in a cell, and which side has it.
    fn pure_cell(&self) -> Option<(Item, i32)> {
        self.0.iter().flatten().find_map(|cell| {
            let is_pure = cell.count.abs() == 1 && cell.check == check(cell.item);
            is_pure.then_some((cell.item, cell.count))
        })
    }

    fn add(&mut self, item: Item, count: i32) {
        let check = check(item);
        for (row, cells) in self.0.iter_mut().enumerate() {
            let place = usize::try_from(mixed(item.file, row as u64) % ROW as u64);
            let cell = &mut cells[place.unwrap_or_default()];
            cell.count = cell.count.wrapping_add(count);
            cell.item.path ^= item.path;
            cell.item.file ^= item.file;
            cell.check ^= check;
        }
    }
}

/// A path that both sides have with different files was altered.
fn classify(here: Vec<Item>, there: Vec<Item>) -> Differences {
    let mut gone: HashMap<u64, ()> = there.into_iter().map(|item| (item.path, ())).collect();
    let (altered, appeared): (Vec<Item>, Vec<Item>) = here
        .into_iter()
        .partition(|item| gone.remove(&item.path).is_some());
    let paths = |items: Vec<Item>| items.into_iter().map(|item| item.path).collect();
    Differences {
        appeared: paths(appeared),
        altered: paths(altered),
        vanished: gone.len(),
    }
}

fn item(entry: &Entry) -> Item {
    let path = path_hash(&entry.path);
    let numbers = [
        entry.size,
        entry.modified.seconds.cast_unsigned(),
        u64::from(entry.modified.nanos) << 32 | u64::from(entry.mode),
    ];
    let file = numbers.into_iter().fold(path, |hash, number| {
        mixed(hash.wrapping_add(number), number)
    });
    Item { path, file }
}

/// The hash by which [`Differences`] name a path.
pub(super) fn path_hash(path: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(path).as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn check(item: Item) -> u64 {
    mixed(item.path, item.file | 1) ^ mixed(item.file, 0x5ca1_ab1e)
}

/// The finishing steps of SplitMix64. Only the chance of extracting the differences depends on it.
fn mixed(number: u64, salt: u64) -> u64 {
    let mut x = number ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::ArchivedName;
    use super::*;
    use crate::tree::metadata::Timestamp;

    fn entry(number: usize, size: u64) -> Entry {
        Entry {
            path: format!("directory/{number}").into_bytes(),
            inside: ArchivedName::Base,
            size,
            mode: 0o644,
            modified: Timestamp::default(),
        }
    }

    #[test]
    fn a_few_differences_among_many_files_are_all_found() {
        let old: Vec<Entry> = (0..20_000).map(|number| entry(number, 1)).collect();
        let mut new = old[..19_997].to_vec();
        new.extend([entry(30_000, 1), entry(30_001, 5)]);
        for entry in &mut new[100..107] {
            entry.size = 2;
        }
        let old = InvertibleBloomTable::read(&InvertibleBloomTable::of(old.iter()).text()).unwrap();
        let found = InvertibleBloomTable::of(new.iter())
            .differences(&old)
            .unwrap();
        let hashes = |numbers: &mut dyn Iterator<Item = usize>| {
            let mut all: Vec<u64> = numbers
                .map(|number| path_hash(&entry(number, 0).path))
                .collect();
            all.sort_unstable();
            all
        };
        let sorted = |mut all: Vec<u64>| {
            all.sort_unstable();
            all
        };
        assert_eq!(sorted(found.appeared), hashes(&mut (30_000..30_002)));
        assert_eq!(sorted(found.altered), hashes(&mut (100..107)));
        assert_eq!(found.vanished, 3);
        assert_eq!(old.differences(&old), Some(Differences::default()));
    }

    #[test]
    fn many_differences_are_too_many_to_tell() {
        let old: Vec<Entry> = (0..1_000).map(|number| entry(number, 1)).collect();
        let new: Vec<Entry> = (0..1_000).map(|number| entry(number, 2)).collect();
        let old = InvertibleBloomTable::of(old.iter());
        assert_eq!(InvertibleBloomTable::of(new.iter()).differences(&old), None);
    }

    /// The differences found when the first `count` of 80 files are gone.
    fn gone(base: usize, count: usize) -> Option<Differences> {
        let old: Vec<Entry> = (base..base + 80).map(|number| entry(number, 1)).collect();
        let there = InvertibleBloomTable::of(old.iter());
        InvertibleBloomTable::of(old[count..].iter()).differences(&there)
    }

    #[test]
    fn thirty_differences_are_as_good_as_always_told() {
        let told = |count| {
            (0..500)
                .filter(|seed| gone(seed * 80, count).is_some())
                .count()
        };
        assert_eq!(told(1), 500);
        assert!(
            told(10) >= 498 && told(30) >= 490,
            "{} {}",
            told(10),
            told(30)
        );
    }

    proptest! {
        #[test]
        fn what_is_told_is_true(base in 0_usize..100_000_000, count in 0_usize..80) {
            if let Some(found) = gone(base, count) {
                prop_assert_eq!((found.vanished, found.appeared.len(), found.altered.len()), (count, 0, 0));
            }
        }

        #[test]
        fn whatever_is_sent_as_a_sketch_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), ROWS * ROW * CELL)) {
            let sent = InvertibleBloomTable::read(&to_hex(&bytes)).unwrap();
            prop_assert_eq!(&to_hex(&bytes), &sent.text());
            let _ = InvertibleBloomTable::of([entry(1, 1)].iter()).differences(&sent);
            prop_assert_eq!(InvertibleBloomTable::read(&to_hex(&bytes[1..])), None);
        }
    }
}
