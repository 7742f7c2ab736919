//! A summary of a set of files, of a fixed length, from which a server that has another set can tell which files differ.
//!
//! An invertible Bloom lookup table (Eppstein, Goodrich, Uyeda, Varghese: "What's the Difference? Efficient Set
//! Reconciliation without Prior Context", 2011): every file is added to one cell of each row; subtracting the table of one
//! set from that of another leaves the files that only one of them has, and these can be taken out one by one as long as
//! they are not many more than half of the cells. A client carries it from the server that made a plan to the one that
//! shall go on with it, so no server remembers anything.

use std::collections::HashMap;

use netsocket_protocol::name::{from_hex, to_hex};

use super::entry::Entry;

/// Rows of cells; a file is in one cell of each.
const ROWS: usize = 4;

/// Cells in a row: in all enough for about thirty files that differ.
const ROW: usize = 16;

/// Bytes of a cell as it is sent.
const CELL: usize = 28;

/// What a file is in a sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Item {
    /// Hash of the path.
    path: u64,
    /// Hash of path, size, time and mode.
    file: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cell {
    /// Files added, less those taken away.
    count: i32,
    item: Item,
    /// Tells a cell of one file from one of several whose sum looks like one.
    check: u64,
}

/// A summary of a set of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sketch([[Cell; ROW]; ROWS]);

/// How a set differs from another one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Differences {
    /// Hashes of the paths that only this set has.
    pub(super) appeared: Vec<u64>,
    /// Of those that both have, with another size, time or mode.
    pub(super) altered: Vec<u64>,
    /// How many paths only the other set has; their names are not to be had.
    pub(super) vanished: usize,
}

impl Sketch {
    pub(super) fn of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut sketch = Self(Default::default());
        for entry in entries {
            sketch.add(item(entry), 1);
        }
        sketch
    }

    /// As it is sent: two digits a byte.
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

    /// The sketch that was sent as this, if it is one.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = from_hex(text).filter(|bytes| bytes.len() == ROWS * ROW * CELL)?;
        let mut sketch = Self(Default::default());
        for (cell, bytes) in sketch.0.iter_mut().flatten().zip(bytes.chunks_exact(CELL)) {
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
        Some(sketch)
    }

    /// What this set has and `other` has not, and the other way round; `None` where it is too much to tell.
    pub(super) fn differences(&self, other: &Self) -> Option<Differences> {
        let mut left = self.clone();
        for (cell, other) in left.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            cell.count = cell.count.wrapping_sub(other.count);
            cell.item.path ^= other.item.path;
            cell.item.file ^= other.item.file;
            cell.check ^= other.check;
        }
        let (mut here, mut there) = (Vec::new(), Vec::new());
        // More than there are cells cannot come out of a sketch that somebody has not made up.
        for _ in 0..=ROWS * ROW {
            let Some((item, count)) = left.lone() else {
                let is_empty = left.0.iter().flatten().all(|cell| *cell == Cell::default());
                return is_empty.then(|| paired(here, there));
            };
            left.add(item, -count);
            if count > 0 { &mut here } else { &mut there }.push(item);
        }
        None
    }

    /// A file that has a cell for itself, and which side has it.
    fn lone(&self) -> Option<(Item, i32)> {
        self.0.iter().flatten().find_map(|cell| {
            let is_lone = cell.count.abs() == 1 && cell.check == check(cell.item);
            is_lone.then_some((cell.item, cell.count))
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

/// A path that both sides have, with different files, was altered.
fn paired(here: Vec<Item>, there: Vec<Item>) -> Differences {
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

/// The finishing steps of SplitMix64. Nothing depends on it but how well differences are told.
fn mixed(number: u64, salt: u64) -> u64 {
    let mut x = number ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::Inside;
    use super::*;
    use crate::tree::metadata::Timestamp;

    fn entry(number: usize, size: u64) -> Entry {
        Entry {
            path: format!("directory/{number}").into_bytes(),
            inside: Inside::Base,
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
        let old = Sketch::read(&Sketch::of(old.iter()).text()).unwrap();
        let found = Sketch::of(new.iter()).differences(&old).unwrap();
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
        let old = Sketch::of(old.iter());
        assert_eq!(Sketch::of(new.iter()).differences(&old), None);
    }

    /// What is told where the first `count` of 80 files are gone.
    fn gone(base: usize, count: usize) -> Option<Differences> {
        let old: Vec<Entry> = (base..base + 80).map(|number| entry(number, 1)).collect();
        let there = Sketch::of(old.iter());
        Sketch::of(old[count..].iter()).differences(&there)
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
            let sent = Sketch::read(&to_hex(&bytes)).unwrap();
            prop_assert_eq!(&to_hex(&bytes), &sent.text());
            let _ = Sketch::of([entry(1, 1)].iter()).differences(&sent);
            prop_assert_eq!(Sketch::read(&to_hex(&bytes[1..])), None);
        }
    }
}
