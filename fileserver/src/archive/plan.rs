//! The plan of an archive: everything that determines its bytes, fixed before the first is sent.

use netsocket_protocol::message::{self, EntryNames, Layout, Problem, Warning};
use netsocket_protocol::name::Name;

use super::entry::{ArchivedName, Entry, base_name};
use super::invertible_bloom_table::InvertibleBloomTable;
use super::naming::unique_names;
use super::tar::END;
use crate::compress::{BLOCK_BYTES, Codec};
use crate::query::search::FoundFile;

/// Increase it whenever the same plan produces other bytes, for example with a new release of a compressor.
const FORMAT: u32 = 2;

/// The same for what only [`Layout::Stream`] makes.
const STREAM_FORMAT: u32 = 1;

/// Hexadecimal digits of a plan's id: 128 bits of BLAKE3.
const ID_DIGITS: usize = 32;

/// The options of an archive, independent of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArchiveOptions {
    /// How its blocks are compressed.
    pub codec: Codec,
    /// Which names the entries have.
    pub names: EntryNames,
}

/// The files of an archive, with everything their headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    options: ArchiveOptions,
    entries: Vec<Entry>,
    /// The offset of each entry in the tar stream.
    starts: Vec<u64>,
    warnings: Vec<Warning>,
    id: String,
    table: InvertibleBloomTable,
    file_bytes: u64,
    tar_bytes: u64,
}

/// Why an archive would be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmptyArchive {
    /// No file matches.
    NoneFound,
    /// None of the matching files may be read.
    NoneReadable(Vec<Warning>),
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It would be empty.
    #[error("there is no file to archive")]
    Nothing(EmptyArchive),
    /// The length of the tar stream exceeds 64 bits, which sparse files can cause.
    #[error("the files are too large for one archive")]
    TooLarge,
    /// The path of a file exceeds what the format can hold.
    #[error("the path of a file is longer than {most} bytes, which this format cannot hold")]
    LongName {
        /// The longest path, in bytes.
        most: usize,
    },
}

impl Plan {
    /// Plans an archive of these files, which must be sorted by path.
    ///
    /// # Errors
    /// [`PlanError`] if there is nothing to archive, or too much.
    pub fn new(files: Vec<FoundFile>, options: ArchiveOptions) -> Result<Self, PlanError> {
        let found = files.len();
        let mut warnings = Vec::new();
        let mut entries = Vec::with_capacity(found);
        for file in files {
            if file.readable {
                entries.push(Entry {
                    path: file.path,
                    inside: match options.names {
                        EntryNames::Base => ArchivedName::Base,
                        EntryNames::Path => ArchivedName::Path,
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
                EmptyArchive::NoneFound
            } else {
                EmptyArchive::NoneReadable(warnings)
            }));
        }
        if options.names == EntryNames::Base {
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
            id: id(&entries, options),
            table: InvertibleBloomTable::of(entries.iter()),
            // Less than the tar stream, so it cannot overflow.
            file_bytes: entries.iter().map(|entry| entry.size).sum(),
            tar_bytes: tar_bytes.checked_add(END).ok_or(PlanError::TooLarge)?,
            options,
            entries,
            starts,
            warnings,
        })
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> ArchiveOptions {
        self.options
    }

    /// The index of the entry at that offset of the tar stream; one past the last for the end of the archive.
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
    pub(super) fn table(&self) -> &InvertibleBloomTable {
        &self.table
    }

    /// The offset of an entry in the tar stream.
    pub(super) fn start_of(&self, index: usize) -> Option<u64> {
        self.starts.get(index).copied()
    }

    /// Hash of everything that determines the bytes of the archive. Birth times are left out, because they differ
    /// between copies of a tree.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The files, in archive order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The files that are left out or renamed.
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

    /// The message that precedes the blocks on the new wire.
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
            compression: self.options.codec.compression(),
            layout: self.options.codec.layout(),
            sketch: self.table.text(),
        }
    }
}

/// Renames entries whose base name is already taken.
fn rename(entries: &mut [Entry], warnings: &mut Vec<Warning>) {
    let renamed = unique_names(entries.iter().map(|entry| base_name(&entry.path)));
    for (entry, renamed) in entries.iter_mut().zip(renamed) {
        if let Some(name) = renamed {
            entry.inside = ArchivedName::Renamed(name);
            warnings.push(Warning {
                path: Name::from(entry.path.as_slice()),
                problem: Problem::Renamed,
            });
        }
    }
}

/// Each string is preceded by its length, so that different plans never hash the same bytes.
fn id(entries: &[Entry], options: ArchiveOptions) -> String {
    let mut hash = blake3::Hasher::new();
    let (compression, level) = (options.codec.compression(), options.codec.level());
    let header = format!(
        "netsocket plan {FORMAT} {compression:?} {level} {BLOCK_BYTES} {}\n",
        entries.len()
    );
    hash.update(header.as_bytes());
    // Servers of an earlier release make archives of blocks, and their plans have the ids that they have here.
    if options.codec.layout() == Layout::Stream {
        hash.update(format!("stream {STREAM_FORMAT}\n").as_bytes());
    }
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
pub(super) mod tests {
    use netsocket_protocol::message::Compression;

    use super::*;
    use crate::tree::metadata::Timestamp;

    /// A file, as a query finds it.
    pub(crate) fn file(path: &str, size: u64) -> FoundFile {
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
        Plan::new(files, ArchiveOptions::default())
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

    /// Servers of the release before make the same archives of blocks, and clients resume them here.
    #[test]
    fn the_id_of_an_archive_of_blocks_is_that_of_the_release_before() {
        let plan = |layout| {
            let codec = Codec::new(Compression::Gzip, None, layout).unwrap();
            let names = EntryNames::Base;
            Plan::new(vec![file("a/x", 1)], ArchiveOptions { codec, names }).unwrap()
        };
        let blocks = plan(Layout::Blocks);
        assert_eq!(blocks.id(), "f7ead3f97758a86dd3189202760cb4f1");
        assert_ne!(plan(Layout::Stream).id(), blocks.id());
        assert_eq!(plan(Layout::Stream).message().layout, Layout::Stream);
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
            Err(PlanError::Nothing(EmptyArchive::NoneReadable(vec![
                Warning {
                    path: "b".into(),
                    problem: Problem::Unreadable,
                }
            ])))
        );
        assert_eq!(
            planned(vec![]),
            Err(PlanError::Nothing(EmptyArchive::NoneFound))
        );
    }

    #[test]
    fn sizes_beyond_64_bits_are_refused() {
        let files = vec![file("a", u64::MAX / 2), file("b", u64::MAX / 2 + 1)];
        assert_eq!(planned(files), Err(PlanError::TooLarge));
        assert_eq!(planned(vec![file("a", u64::MAX)]), Err(PlanError::TooLarge));
    }
}
