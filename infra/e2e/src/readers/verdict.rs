//! What a reader made of an archive, held against the tree: decided without running anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::readers::kind::{Fault, Kind};
use crate::readers::listing::Listed;
use crate::readers::reader::{Expected, Gives, Reader};
use crate::readers::sample::Planted;

/// How far a time may be off: a reader that counts in milliseconds is right.
const MILLISECOND: u128 = 1_000_000;

/// What a reader made of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Files that are right.
    pub right: usize,
    /// Files in the tree.
    pub of: usize,
    /// Whether those that are right are the first ones, and nothing else came.
    pub first: bool,
    /// What is wrong with the others.
    pub faults: BTreeSet<(Kind, Fault)>,
    /// The kinds of files that are there with another time; nothing where it tells none.
    pub wrong_times: Option<BTreeSet<Kind>>,
    /// Files that are not in the tree at all.
    pub strange: usize,
    /// What it said when it failed.
    pub error: Option<String>,
}

impl Verdict {
    /// Compares what came with the tree.
    #[must_use]
    pub fn of(files: &[Planted], came: &[Listed], error: Option<String>) -> Self {
        let mut by_name: BTreeMap<&[u8], &Listed> = BTreeMap::new();
        let mut twice = 0;
        for file in came {
            twice += usize::from(by_name.insert(&file.name, file).is_some());
        }
        let known: BTreeSet<&[u8]> = files.iter().map(|planted| &planted.file.name[..]).collect();
        let strange = came.iter().filter(|file| !known.contains(&file.name[..]));
        // No two files of the tree have the same content.
        let mut renamed: BTreeSet<&str> = strange.map(|file| &file.digest[..]).collect();
        let mut strange = twice + renamed.len();
        let (mut faults, mut wrong_times) = (BTreeSet::new(), BTreeSet::new());
        let (mut right, mut first) = (0, true);
        for (place, Planted { kind, file }) in files.iter().enumerate() {
            let found = by_name.get(&file.name[..]);
            let fault = match found {
                Some(found) if (found.size, &found.digest) == (file.size, &file.digest) => None,
                Some(_) => Some(Fault::Changed),
                None if renamed.remove(&file.digest[..]) => {
                    strange -= 1;
                    Some(Fault::Renamed)
                }
                None => Some(Fault::Missing),
            };
            match fault {
                None => {
                    first &= right == place;
                    right += 1;
                }
                Some(fault) => {
                    first &= fault == Fault::Missing;
                    faults.insert((*kind, fault));
                }
            }
            if found.is_some_and(|found| !is_same_time(found.modified, file.modified)) {
                wrong_times.insert(*kind);
            }
        }
        let tells = came.iter().any(|file| file.modified.is_some());
        Self {
            right,
            of: files.len(),
            first: first && strange == 0,
            faults,
            wrong_times: tells.then_some(wrong_times),
            strange,
            error,
        }
    }

    /// Whether everything came, and nothing else.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.right == self.of && self.strange == 0 && self.error.is_none()
    }

    /// What is other than the table says, if anything: a limit that is gone is to be struck from it.
    #[must_use]
    pub fn surprise(&self, reader: &Reader) -> Option<String> {
        let as_expected = match (reader.expected, &self.error) {
            (Expected::Whole, _) => self.is_whole(),
            (Expected::Except(faults, strange), None) => {
                self.strange == strange && self.faults.iter().eq(faults)
            }
            (Expected::Except(..), Some(_)) | (Expected::Refuses(_), None) => false,
            (Expected::Refuses(words), Some(error)) => error.contains(words),
        };
        if !as_expected {
            return Some(match reader.expected {
                Expected::Whole => "expected: whole".to_owned(),
                Expected::Except(faults, strange) => {
                    format!("expected: {}", Shown(faults, strange))
                }
                Expected::Refuses(words) => format!("expected: error: {words}"),
            });
        }
        // The times in a tar stream are not told by what only decompresses it, nor are those after an error.
        let wrong = self.wrong_times.as_ref()?;
        if reader.gives == Gives::Tar || self.error.is_some() {
            return None;
        }
        (!wrong.iter().eq(reader.wrong_times)).then(|| {
            let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            let expected: Vec<String> =
                reader.wrong_times.iter().map(ToString::to_string).collect();
            format!("wrong times: {wrong:?}, expected: {expected:?}")
        })
    }
}

fn is_same_time(told: Option<i128>, real: Option<i128>) -> bool {
    let both = told.zip(real);
    both.is_some_and(|(told, real)| told.abs_diff(real) < MILLISECOND)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = &self.error {
            write!(f, "error: {error}")?;
            return match self.right {
                0 => Ok(()),
                right => write!(f, " (after {right} of {} files)", self.of),
            };
        }
        if self.is_whole() {
            return f.write_str("whole");
        }
        if self.first {
            return write!(f, "first {} of {} files", self.right, self.of);
        }
        let faults: Vec<(Kind, Fault)> = self.faults.iter().copied().collect();
        write!(f, "{}", Shown(&faults, self.strange))
    }
}

/// Faults and the number of strange files, for people.
#[derive(Debug)]
pub struct Shown<'a>(pub &'a [(Kind, Fault)], pub usize);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whole except: ")?;
        for (place, (kind, fault)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let fault = match fault {
                Fault::Missing => "missing",
                Fault::Renamed => "under another name",
                Fault::Changed => "with other bytes",
            };
            write!(f, "{comma}{kind} {fault}")?;
        }
        match self.1 {
            0 => Ok(()),
            1 => f.write_str(", and a file that is not in the tree"),
            strange => write!(f, ", and {strange} files that are not in the tree"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readers::reader::NO_FRACTION;

    /// It tells times, and has none for fractions.
    const READER: Reader = Reader::new("r", &[], Gives::Lines, "");
    /// It tells no times.
    const UNTIMED: Reader = Reader::new("r", &[], Gives::Tar, "");

    fn listed(name: &str, text: &str, modified: i128) -> Listed {
        Listed {
            name: name.as_bytes().to_vec(),
            size: text.len() as u64,
            digest: text.to_owned(),
            modified: Some(modified),
        }
    }

    fn tree() -> Vec<Planted> {
        let kinds = [Kind::Small, Kind::NotUtf8, Kind::Fraction];
        kinds
            .into_iter()
            .map(|kind| Planted {
                kind,
                file: listed(kind.label(), kind.label(), 1_500_000_000),
            })
            .collect()
    }

    fn came(tree: &[Planted]) -> Vec<Listed> {
        tree.iter().map(|planted| planted.file.clone()).collect()
    }

    #[test]
    fn everything_is_whole() {
        let tree = tree();
        let mut all = came(&tree);
        all.reverse();
        all[0].modified = Some(1_000_000_000);
        let verdict = Verdict::of(&tree, &all, None);
        assert!(verdict.is_whole());
        assert_eq!(verdict.to_string(), "whole");
        assert_eq!(verdict.surprise(&READER), None);
        // A time that the table calls wrong has become right.
        all[0].modified = Some(1_499_999_999);
        let verdict = Verdict::of(&tree, &all, None);
        assert!(verdict.surprise(&READER).is_some());
        assert_eq!(verdict.surprise(&UNTIMED), None);
        assert_eq!(verdict.surprise(&READER.wrong_times(&[])), None);
        assert_eq!(NO_FRACTION, [Kind::Fraction]);
        // What came twice is not what was sent.
        all.push(all[0].clone());
        assert!(!Verdict::of(&tree, &all, None).is_whole());
    }

    #[test]
    fn silence_after_the_first_files_is_said() {
        let tree = tree();
        let all = came(&tree);
        let verdict = Verdict::of(&tree, &all[..2], None);
        assert_eq!(verdict.to_string(), "first 2 of 3 files");
        assert!(verdict.surprise(&UNTIMED).is_some());
        let verdict = Verdict::of(&tree, &all[1..], None);
        assert_eq!(verdict.to_string(), "whole except: small missing");
        let verdict = Verdict::of(&tree, &all[..1], Some("cut off".to_owned()));
        assert_eq!(verdict.to_string(), "error: cut off (after 1 of 3 files)");
        assert_eq!(verdict.surprise(&UNTIMED.refuses("cut")), None);
        assert!(verdict.surprise(&UNTIMED).is_some());
        let verdict = Verdict::of(&tree, &all, Some("cut off".to_owned()));
        assert!(!verdict.is_whole());
    }

    #[test]
    fn a_known_limit_is_expected_both_ways() {
        const LIMITED: Reader = UNTIMED.except(&[(Kind::NotUtf8, Fault::Renamed)]);
        let tree = tree();
        let mut all = came(&tree);
        assert!(Verdict::of(&tree, &all, None).surprise(&LIMITED).is_some());
        all[1].name = b"?".to_vec();
        let verdict = Verdict::of(&tree, &all, None);
        assert_eq!(verdict.surprise(&LIMITED), None);
        assert!(verdict.surprise(&UNTIMED).is_some());
        assert_eq!(
            verdict.to_string(),
            "whole except: name not UTF-8 under another name"
        );
        all[1].digest = "x".to_owned();
        let verdict = Verdict::of(&tree, &all, None);
        assert_eq!(
            verdict.to_string(),
            "whole except: name not UTF-8 missing, and a file that is not in the tree"
        );
        assert!(verdict.surprise(&LIMITED).is_some());
        all[1] = tree[1].file.clone();
        all[1].size += 1;
        let verdict = Verdict::of(&tree, &all, None);
        assert_eq!(
            verdict.to_string(),
            "whole except: name not UTF-8 with other bytes"
        );
    }
}
