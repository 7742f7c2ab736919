//! What an archive will be, fixed before its first byte.

use netsocket_protocol::message::{self, EntryNames, Problem, Warning};
use netsocket_protocol::name::Name;

use super::entry::{Entry, Inside, base_name};
use super::invertible_bloom_table::Sketch;
use super::naming::renamings;
use super::tar::END;
use crate::compress::{BLOCK_BYTES, Codec};
use crate::query::search::FoundFile;

/// Changes with every change of the bytes that the same plan gives, also by a new release of a compressor.
const FORMAT: u32 = 2;

/// Hexadecimal digits of a plan's id: 128 bits of BLAKE3.
const ID_DIGITS: usize = 32;

/// What an archive is like, whatever is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form {
    /// How its blocks are compressed.
    pub codec: Codec,
    /// The names inside.
    pub names: EntryNames,
}

/// The files of an archive and what is to be said of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    form: Form,
    entries: Vec<Entry>,
    /// Where each entry begins in the tar stream.
    starts: Vec<u64>,
    warnings: Vec<Warning>,
    id: String,
    sketch: Sketch,
    file_bytes: u64,
    tar_bytes: u64,
}

/// There is no archive because no file is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NothingToArchive {
    /// No file is meant.
    NoneFound,
    /// None of the files that are meant may be read.
    NoneReadable,
}

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It would be empty.
    #[error("there is no file to archive")]
    Nothing(NothingToArchive),
    /// The length of the tar stream does not fit into 64 bits, as sparse files can achieve.
    #[error("the files are too large for one archive")]
    TooLarge,
}

impl Plan {
    /// Plans the archive of these files, which are sorted by path.
    ///
    /// # Errors
    /// [`PlanError`] where there is nothing to archive, or too much.
    pub fn new(files: Vec<FoundFile>, form: Form) -> Result<Self, PlanError> {
        let found = files.len();
        let mut warnings = Vec::new();
        let mut entries = Vec::with_capacity(found);
        for file in files {
            if file.readable {
                entries.push(Entry {
                    path: file.path,
                    inside: match form.names {
                        EntryNames::Base => Inside::Base,
                        EntryNames::Path => Inside::Path,
                    },
                    size: file.size,
                    mode: file.mode & 0o7777,
                    modified: file.modified,
                });
            } else {
                warnings.push(Warning {
                    path: Name::from(file.path),
                    problem: Problem::Unreadable,
                });
            }
        }
        if entries.is_empty() {
            return Err(PlanError::Nothing(if found == 0 {
                NothingToArchive::NoneFound
            } else {
                NothingToArchive::NoneReadable
            }));
        }
        if form.names == EntryNames::Base {
            rename(&mut entries, &mut warnings);
        }
        let mut starts = Vec::with_capacity(entries.len());
        let mut tar_bytes = 0_u64;
        for entry in &entries {
            starts.push(tar_bytes);
            tar_bytes = entry
                .tar_bytes()
                .and_then(|bytes| tar_bytes.checked_add(bytes))
                .ok_or(PlanError::TooLarge)?;
        }
        Ok(Self {
            id: id(&entries, form),
            sketch: Sketch::of(entries.iter()),
            // Less than the tar stream, so it cannot overflow.
            file_bytes: entries.iter().map(|entry| entry.size).sum(),
            tar_bytes: tar_bytes.checked_add(END).ok_or(PlanError::TooLarge)?,
            form,
            entries,
            starts,
            warnings,
        })
    }

    /// What it is like.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// The entry that holds that place of the tar stream; one behind the last where it is the end of the archive.
    pub(super) fn entry_at(&self, place: u64) -> usize {
        let behind = self.starts.partition_point(|start| *start <= place);
        let index = behind.saturating_sub(1);
        match (self.entries.get(index), self.starts.get(index)) {
            (Some(entry), Some(start))
                if entry
                    .tar_bytes()
                    .is_some_and(|bytes| start + bytes <= place) =>
            {
                behind
            }
            _ => index,
        }
    }

    /// The summary of its files.
    pub(super) fn sketch(&self) -> &Sketch {
        &self.sketch
    }

    /// Where an entry begins in the tar stream.
    pub(super) fn start_of(&self, index: usize) -> Option<u64> {
        self.starts.get(index).copied()
    }

    /// Hash of everything that determines the bytes of the archive; the birth times do not, as copies of a tree differ
    /// in them.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The files, in the order of the archive.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The files that are left out or have another name.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Bytes of the tar stream.
    #[must_use]
    pub fn tar_bytes(&self) -> u64 {
        self.tar_bytes
    }

    /// Blocks of the stream.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.tar_bytes.div_ceil(BLOCK_BYTES as u64)
    }

    /// What the new wire says before the blocks.
    #[must_use]
    pub fn message(&self) -> message::Plan {
        message::Plan {
            plan: self.id.clone(),
            files: self.entries.len() as u64,
            file_bytes: self.file_bytes,
            tar_bytes: self.tar_bytes,
            block_bytes: BLOCK_BYTES as u64,
            blocks: self.blocks(),
            first_block: 0,
            compression: self.form.codec.compression(),
            sketch: self.sketch.text(),
        }
    }
}

/// Gives each entry whose base name is taken another one.
fn rename(entries: &mut [Entry], warnings: &mut Vec<Warning>) {
    let renamed = renamings(entries.iter().map(|entry| base_name(&entry.path)));
    for (entry, renamed) in entries.iter_mut().zip(renamed) {
        if let Some(name) = renamed {
            entry.inside = Inside::Renamed(name);
            warnings.push(Warning {
                path: Name::from(entry.path.as_slice()),
                problem: Problem::Renamed,
            });
        }
    }
}

/// Each text stands behind its length, so that no two plans give the hash the same bytes.
fn id(entries: &[Entry], form: Form) -> String {
    let mut hash = blake3::Hasher::new();
    let (compression, level) = (form.codec.compression(), form.codec.level());
    let header = format!(
        "netsocket plan {FORMAT} {compression:?} {level} {BLOCK_BYTES} {}\n",
        entries.len()
    );
    hash.update(header.as_bytes());
    for entry in entries {
        for text in [entry.path.as_slice(), entry.name()] {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.update(&entry.size.to_le_bytes());
        hash.update(&entry.modified.seconds.to_le_bytes());
        hash.update(&entry.modified.nanos.to_le_bytes());
        hash.update(&entry.mode.to_le_bytes());
    }
    let mut digits = hash.finalize().to_hex().to_string();
    digits.truncate(ID_DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::metadata::Timestamp;

    fn file(path: &str, size: u64) -> FoundFile {
        FoundFile {
            path: path.as_bytes().to_vec(),
            size,
            mode: 0o100_640,
            modified: Timestamp {
                seconds: 1_700_000_000,
                nanos: 1,
            },
            born: Timestamp::default(),
            birth_known: true,
            readable: true,
        }
    }

    fn planned(files: Vec<FoundFile>) -> Result<Plan, PlanError> {
        Plan::new(files, Form::default())
    }

    #[test]
    fn the_length_of_the_stream_is_known_to_the_byte() {
        let plan = planned(vec![
            file("a/empty", 0),
            file("b/one", 1),
            file("c/full", 512),
            file(&"n".repeat(101), 513),
        ])
        .unwrap();
        let expected = 512 + (512 + 512) + (512 + 512) + (512 + 512 + 512 + 1_024) + 1_024;
        assert_eq!(plan.tar_bytes(), expected);
        assert_eq!(
            (plan.message().files, plan.message().file_bytes),
            (4, 1_026)
        );
        assert_eq!(plan.blocks(), 1);
        let exact = BLOCK_BYTES as u64 - 512 - 1_024;
        assert_eq!(planned(vec![file("x", exact)]).unwrap().blocks(), 1);
        assert_eq!(planned(vec![file("x", exact + 1)]).unwrap().blocks(), 2);
    }

    #[test]
    fn the_id_hangs_on_all_that_makes_the_bytes_and_on_nothing_else() {
        let plan = |change: &dyn Fn(&mut FoundFile)| {
            let mut files = vec![file("a/x", 1), file("b/y", 2)];
            change(&mut files[1]);
            planned(files).unwrap().id().to_owned()
        };
        let same = plan(&|_| {});
        assert_eq!(same.len(), 32);
        assert_eq!(plan(&|file| file.born.seconds = 7), same);
        assert_eq!(plan(&|file| file.birth_known = false), same);
        let changes: [&dyn Fn(&mut FoundFile); 5] = [
            &|file| file.size = 3,
            &|file| file.mode = 0o100_600,
            &|file| file.modified.seconds += 1,
            &|file| file.modified.nanos += 1,
            &|file| file.path = b"b/z".to_vec(),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            assert_ne!(plan(change), same, "{at}");
        }
    }

    #[test]
    fn what_may_not_be_read_is_left_out_and_named() {
        let mut secret = file("b", 1);
        secret.readable = false;
        let plan = planned(vec![file("a", 1), secret.clone(), file("c/a", 1)]).unwrap();
        let names: Vec<&[u8]> = plan.entries().iter().map(Entry::name).collect();
        assert_eq!(names, [&b"a"[..], b"a (1)"]);
        let said: Vec<(String, Problem)> = plan
            .warnings()
            .iter()
            .map(|warning| (warning.path.to_string(), warning.problem))
            .collect();
        assert_eq!(
            said,
            [
                ("b".to_owned(), Problem::Unreadable),
                ("c/a".to_owned(), Problem::Renamed)
            ]
        );
        assert_eq!(
            planned(vec![secret]),
            Err(PlanError::Nothing(NothingToArchive::NoneReadable))
        );
        assert_eq!(
            planned(vec![]),
            Err(PlanError::Nothing(NothingToArchive::NoneFound))
        );
    }

    #[test]
    fn sizes_beyond_64_bits_are_refused() {
        let files = vec![file("a", u64::MAX / 2), file("b", u64::MAX / 2 + 1)];
        assert_eq!(planned(files), Err(PlanError::TooLarge));
        assert_eq!(planned(vec![file("a", u64::MAX)]), Err(PlanError::TooLarge));
    }
}
