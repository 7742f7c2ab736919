//! A run of consecutive files, packed into columns.
//!
//! Owns: the memory layout. A segment holds the files between two paths, in path order: columns of numbers, all base
//! names in one buffer, and each directory once, without the prefix it shares with the previous one. Segments are
//! immutable; a change of the tree makes new ones ([`super::snapshot`]).

use std::sync::Arc;

use crate::tree::metadata::{Metadata, Timestamp};

/// Approximate number of files in a segment: few enough to rebuild for each change, many enough to scan efficiently.
const FILES: usize = 1024;

/// Files a builder collects before it makes segments.
const BUFFERED_FILES: usize = 64 * FILES;

/// Flag in `born_nanos`: the birth time is known. Nanoseconds need only thirty bits.
const BIRTH_KNOWN: u32 = 1 << 31;

/// Flag in `modified_nanos`: the file has other hard links.
const LINKED: u32 = 1 << 31;

/// What the index stores about a file, besides its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
    pub(crate) born: Timestamp,
    pub(crate) birth_known: bool,
    pub(crate) mode: u16,
    pub(crate) inode: u64,
    /// Whether the file has other hard links anywhere.
    pub(crate) linked: bool,
}

impl From<&Metadata> for Stored {
    fn from(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size,
            modified: metadata.modified,
            born: metadata.born,
            birth_known: metadata.birth_known,
            // `stx_mode` has sixteen bits.
            mode: u16::try_from(metadata.mode).unwrap_or_default(),
            inode: metadata.inode,
            linked: metadata.links > 1,
        }
    }
}

/// The smallest and the largest value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<T> {
    pub(crate) least: T,
    pub(crate) most: T,
}

impl<T: Copy + Ord> Span<T> {
    fn of(values: impl Iterator<Item = T> + Clone) -> Option<Self> {
        let least = values.clone().min()?;
        let most = values.max()?;
        Some(Self { least, most })
    }
}

/// Consecutive files of one directory.
#[derive(Debug)]
struct Group {
    /// The index of the first file.
    first: u32,
    /// Length of the prefix its directory shares with that of the previous group.
    shared: u32,
    /// The end of the rest of its directory in `directories`.
    end: u32,
}

/// Consecutive files, at least one.
#[derive(Debug)]
pub(crate) struct Segment {
    names: Box<[u8]>,
    name_ends: Box<[u32]>,
    name_hashes: Box<[u16]>,
    extension_hashes: Box<[u16]>,
    sizes: Box<[u64]>,
    modified: Box<[i64]>,
    modified_nanos: Box<[u32]>,
    born: Box<[i64]>,
    born_nanos: Box<[u32]>,
    modes: Box<[u16]>,
    inodes: Box<[u64]>,
    groups: Box<[Group]>,
    directories: Box<[u8]>,
    first: Box<[u8]>,
    spans: Option<Spans>,
}

/// A hash that rules out most names: FNV-1a, folded to sixteen bits.
pub(crate) fn hash(text: &[u8]) -> u16 {
    let full = text.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    let [a, b, c, d] = full.to_le_bytes();
    u16::from_le_bytes([a ^ c, b ^ d])
}

/// The text after the last dot, or the whole name if there is none.
pub(crate) fn last_extension(name: &[u8]) -> &[u8] {
    memchr::memrchr(b'.', name).map_or(name, |dot| &name[dot + 1..])
}

/// The ranges of a segment's columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spans {
    pub(crate) size: Span<u64>,
    pub(crate) modified: Span<i64>,
    pub(crate) born: Span<i64>,
}

impl Segment {
    /// Number of files.
    pub(crate) fn len(&self) -> usize {
        self.sizes.len()
    }

    /// The path of the first file.
    pub(crate) fn first(&self) -> &[u8] {
        &self.first
    }

    pub(crate) fn spans(&self) -> Option<Spans> {
        self.spans
    }

    pub(crate) fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// Seconds of the birth times.
    pub(crate) fn born(&self) -> &[i64] {
        &self.born
    }

    /// Seconds of the modification times.
    pub(crate) fn modified(&self) -> &[i64] {
        &self.modified
    }

    pub(crate) fn inodes(&self) -> &[u64] {
        &self.inodes
    }

    /// All base names, concatenated.
    pub(crate) fn names(&self) -> &[u8] {
        &self.names
    }

    /// The end of each base name in [`Self::names`].
    pub(crate) fn name_ends(&self) -> &[u32] {
        &self.name_ends
    }

    /// [`hash`] of each base name.
    pub(crate) fn name_hashes(&self) -> &[u16] {
        &self.name_hashes
    }

    /// [`hash`] of the text after the last dot of each base name.
    pub(crate) fn extension_hashes(&self) -> &[u16] {
        &self.extension_hashes
    }

    /// The base name of a file.
    pub(crate) fn name(&self, file: usize) -> &[u8] {
        let begin = file
            .checked_sub(1)
            .map_or(0, |before| self.name_ends[before]);
        &self.names[begin as usize..self.name_ends[file] as usize]
    }

    pub(crate) fn born_at(&self, file: usize) -> Timestamp {
        Timestamp {
            seconds: self.born[file],
            nanos: self.born_nanos[file] & !BIRTH_KNOWN,
        }
    }

    pub(crate) fn modified_at(&self, file: usize) -> Timestamp {
        Timestamp {
            seconds: self.modified[file],
            nanos: self.modified_nanos[file] & !LINKED,
        }
    }

    /// The stored metadata of a file.
    pub(crate) fn stored(&self, file: usize) -> Stored {
        Stored {
            size: self.sizes[file],
            modified: self.modified_at(file),
            born: self.born_at(file),
            birth_known: self.born_nanos[file] & BIRTH_KNOWN != 0,
            mode: self.modes[file],
            inode: self.inodes[file],
            linked: self.is_linked(file),
        }
    }

    /// Whether the file has other hard links.
    pub(crate) fn is_linked(&self, file: usize) -> bool {
        self.modified_nanos[file] & LINKED != 0
    }

    /// The first file whose path does not satisfy `holds`; all earlier ones do.
    pub(crate) fn partition(&self, holds: impl Fn(&[u8]) -> bool) -> usize {
        let mut cursor = Cursor::new(self);
        let mut path = Vec::new();
        (0..self.len())
            .find(|file| {
                cursor.path(*file, &mut path);
                !holds(&path)
            })
            .unwrap_or(self.len())
    }

    /// Bytes of memory: (without names, names and directory paths).
    pub(crate) fn memory(&self) -> (usize, usize) {
        let names = self.names.len() + self.directories.len() + self.first.len();
        let rest = size_of::<Self>()
            + size_of_val(&*self.name_ends)
            + size_of_val(&*self.name_hashes)
            + size_of_val(&*self.extension_hashes)
            + size_of_val(&*self.sizes)
            + size_of_val(&*self.modified)
            + size_of_val(&*self.modified_nanos)
            + size_of_val(&*self.born)
            + size_of_val(&*self.born_nanos)
            + size_of_val(&*self.modes)
            + size_of_val(&*self.inodes)
            + size_of_val(&*self.groups);
        (rest, names)
    }
}

/// Reads the paths of a segment's files in order.
pub(crate) struct Cursor<'a> {
    segment: &'a Segment,
    /// The group of `directory`; `None` before the first call.
    group: Option<usize>,
    directory: Vec<u8>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(segment: &'a Segment) -> Self {
        Self {
            segment,
            group: None,
            directory: Vec::new(),
        }
    }

    /// The directory of a file. Fast if `file` is not less than in the previous call.
    pub(crate) fn directory(&mut self, file: usize) -> &[u8] {
        let groups = &self.segment.groups;
        if self
            .group
            .is_some_and(|group| groups[group].first as usize > file)
        {
            self.group = None;
        }
        let mut next = self.group.map_or(0, |group| group + 1);
        while let Some(group) = groups.get(next)
            && group.first as usize <= file
        {
            let begin = next.checked_sub(1).map_or(0, |before| groups[before].end);
            self.directory.truncate(group.shared as usize);
            let rest = &self.segment.directories[begin as usize..group.end as usize];
            self.directory.extend_from_slice(rest);
            self.group = Some(next);
            next += 1;
        }
        &self.directory
    }

    /// Writes the path of a file to `path`.
    pub(crate) fn path(&mut self, file: usize, path: &mut Vec<u8>) {
        path.clear();
        path.extend_from_slice(self.directory(file));
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(self.segment.name(file));
    }
}

/// Builds segments from files in path order.
#[derive(Debug, Default)]
pub(crate) struct SegmentBuilder {
    segments: Vec<Arc<Segment>>,
    files: Vec<Stored>,
    names: Vec<u8>,
    name_ends: Vec<usize>,
    /// The directories of the pending files, concatenated; `groups` says which files are in which.
    directories: Vec<u8>,
    groups: Vec<BuilderGroup>,
}

#[derive(Debug)]
struct BuilderGroup {
    first: usize,
    /// The end of its directory in `directories`; it starts at the end of the previous one.
    end: usize,
}

impl SegmentBuilder {
    /// Adds a file, which must come after all others.
    pub(crate) fn push(&mut self, directory: &[u8], name: &[u8], file: Stored) {
        if self.groups.is_empty() || self.directory_of(self.groups.len() - 1) != directory {
            self.directories.extend_from_slice(directory);
            self.groups.push(BuilderGroup {
                first: self.files.len(),
                end: self.directories.len(),
            });
        }
        self.names.extend_from_slice(name);
        self.name_ends.push(self.names.len());
        self.files.push(file);
        if self.files.len() >= BUFFERED_FILES {
            self.cut();
        }
    }

    /// Adds all files of a segment for which `keep` holds.
    pub(crate) fn extend(&mut self, segment: &Segment, keep: impl Fn(&[u8]) -> bool) {
        let mut cursor = Cursor::new(segment);
        let mut path = Vec::new();
        for file in 0..segment.len() {
            cursor.path(file, &mut path);
            if keep(&path) {
                self.push(
                    cursor.directory(file),
                    segment.name(file),
                    segment.stored(file),
                );
            }
        }
    }

    /// Number of files not in a segment yet.
    pub(crate) fn pending(&self) -> usize {
        self.files.len()
    }

    /// Adds a whole segment after everything added so far.
    pub(crate) fn push_segment(&mut self, segment: Arc<Segment>) {
        self.cut();
        self.segments.push(segment);
    }

    /// All files in segments.
    pub(crate) fn finish(mut self) -> Vec<Arc<Segment>> {
        self.cut();
        self.segments
    }

    fn directory_of(&self, group: usize) -> &[u8] {
        let begin = group
            .checked_sub(1)
            .map_or(0, |before| self.groups[before].end);
        &self.directories[begin..self.groups[group].end]
    }

    /// Cuts the pending files into segments of even lengths, so that no small one remains.
    fn cut(&mut self) {
        let count = self.files.len();
        let pieces = count.div_ceil(FILES + FILES / 2);
        for piece in 0..pieces {
            let (from, to) = (count * piece / pieces, count * (piece + 1) / pieces);
            let segment = self.segment(from, to);
            self.segments.push(Arc::new(segment));
        }
        self.files.clear();
        self.names.clear();
        self.name_ends.clear();
        self.directories.clear();
        self.groups.clear();
    }

    fn name_begin(&self, file: usize) -> usize {
        file.checked_sub(1)
            .map_or(0, |before| self.name_ends[before])
    }

    fn segment(&self, from: usize, to: usize) -> Segment {
        let files = &self.files[from..to];
        let begin = self.name_begin(from);
        let (groups, directories) = self.groups(from, to);
        let born_nanos = |file: &Stored| {
            let known = if file.birth_known { BIRTH_KNOWN } else { 0 };
            file.born.nanos & !BIRTH_KNOWN | known
        };
        let names =
            || (from..to).map(|file| &self.names[self.name_begin(file)..self.name_ends[file]]);
        let modified_nanos = |file: &Stored| {
            let linked = if file.linked { LINKED } else { 0 };
            file.modified.nanos & !LINKED | linked
        };
        let mut segment = Segment {
            names: self.names[begin..self.name_begin(to)].into(),
            name_ends: self.name_ends[from..to]
                .iter()
                .map(|end| short(end - begin))
                .collect(),
            name_hashes: names().map(hash).collect(),
            extension_hashes: names().map(|name| hash(last_extension(name))).collect(),
            sizes: files.iter().map(|file| file.size).collect(),
            modified: files.iter().map(|file| file.modified.seconds).collect(),
            modified_nanos: files.iter().map(modified_nanos).collect(),
            born: files.iter().map(|file| file.born.seconds).collect(),
            born_nanos: files.iter().map(born_nanos).collect(),
            modes: files.iter().map(|file| file.mode).collect(),
            inodes: files.iter().map(|file| file.inode).collect(),
            groups,
            directories,
            first: Box::default(),
            spans: None,
        };
        let mut first = Vec::new();
        Cursor::new(&segment).path(0, &mut first);
        segment.first = first.into();
        segment.spans = (|| {
            Some(Spans {
                size: Span::of(segment.sizes.iter().copied())?,
                modified: Span::of(segment.modified.iter().copied())?,
                born: Span::of(segment.born.iter().copied())?,
            })
        })();
        segment
    }

    fn groups(&self, from: usize, to: usize) -> (Box<[Group]>, Box<[u8]>) {
        let start = self.groups.partition_point(|group| group.first <= from) - 1;
        let end = self.groups.partition_point(|group| group.first < to);
        let mut rests = Vec::new();
        let mut before: &[u8] = b"";
        let mut groups = Vec::with_capacity(end - start);
        for group in start..end {
            let directory = self.directory_of(group);
            let shared = before
                .iter()
                .zip(directory)
                .take_while(|(a, b)| a == b)
                .count();
            rests.extend_from_slice(&directory[shared..]);
            groups.push(Group {
                first: short(self.groups[group].first.saturating_sub(from)),
                shared: short(shared),
                end: short(rests.len()),
            });
            before = directory;
        }
        (groups.into(), rests.into())
    }
}

/// Lengths within a segment always fit: names have at most 255 bytes each, and its directories together stay far below
/// 4 GiB. Should one not fit, the file would not be found.
fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
