//! An immutable snapshot of all files of the tree.
//!
//! Owns: the list of segments, and building a changed snapshot from it. A snapshot never changes, so a query reads it
//! without a lock for as long as it needs; a new one shares all unchanged segments.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::segment::{Cursor, Segment, SegmentBuilder, Stored};
use crate::tree::path_order::{self, Path};

/// A rebuilt segment with fewer files is merged with the next one.
const FEW: usize = 256;

/// Replacements with fewer files are merged into the segments around them, so that no small segments remain.
const SMALL_REPLACEMENT: usize = 4096;

/// Changes of single files: the new record of each, or `None` if it is gone.
pub(crate) type Edits = BTreeMap<Path, Option<Stored>>;

/// The files, in path order.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    segments: Vec<Arc<Segment>>,
    files: u64,
}

/// The position of a file in a snapshot. Positions are in path order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) segment: u32,
    pub(crate) file: u32,
}

impl Position {
    pub(crate) fn new(segment: usize, file: usize) -> Self {
        let short = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            segment: short(segment),
            file: short(file),
        }
    }
}

impl Snapshot {
    pub(crate) fn new(segments: Vec<Arc<Segment>>) -> Self {
        let files = segments.iter().map(|segment| segment.len() as u64).sum();
        Self { segments, files }
    }

    /// Number of files.
    pub(crate) fn files(&self) -> u64 {
        self.files
    }

    pub(crate) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// Bytes of memory: (without names, names).
    pub(crate) fn memory(&self) -> (usize, usize) {
        let sum = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
        let segments = self.segments.iter().map(|segment| segment.memory());
        let (rest, names) = segments.fold((0, 0), sum);
        (
            rest + size_of_val(&*self.segments) + 2 * size_of::<usize>() * self.segments.len(),
            names,
        )
    }

    /// The first file whose path comes after `path`.
    pub(crate) fn behind(&self, path: &[u8]) -> Position {
        self.partition(|at| path_order::compare(at, path).is_le())
    }

    /// The range of files below a directory.
    pub(crate) fn below(&self, directory: &[u8]) -> Range<Position> {
        if directory.is_empty() {
            return self.partition(|_| false)..self.partition(|_| true);
        }
        let begin = self.partition(|at| {
            path_order::compare(at, directory).is_le() && !path_order::is_below(at, directory)
        });
        begin..self.partition(|at| path_order::is_before_or_below(at, directory))
    }

    /// The first file whose path does not satisfy `holds`; all earlier ones do.
    fn partition(&self, holds: impl Fn(&[u8]) -> bool) -> Position {
        let behind = self
            .segments
            .partition_point(|segment| holds(segment.first()));
        let Some(at) = behind.checked_sub(1) else {
            return Position::new(0, 0);
        };
        match self.segments[at].partition(holds) {
            file if file == self.segments[at].len() => Position::new(behind, 0),
            file => Position::new(at, file),
        }
    }

    /// The record of the file with that path.
    #[cfg(test)]
    pub(crate) fn get(&self, path: &[u8]) -> Option<Stored> {
        let at = self.partition(|at| path_order::compare(at, path).is_lt());
        let segment = self.segments.get(at.segment as usize)?;
        let mut found = Vec::new();
        Cursor::new(segment).path(at.file as usize, &mut found);
        (found == path).then(|| segment.stored(at.file as usize))
    }

    /// Calls `show` with every path and record.
    #[cfg(test)]
    pub(crate) fn each(&self, mut show: impl FnMut(&[u8], Stored)) {
        let mut path = Vec::new();
        for segment in &self.segments {
            let mut cursor = Cursor::new(segment);
            for file in 0..segment.len() {
                cursor.path(file, &mut path);
                show(&path, segment.stored(file));
            }
        }
    }

    /// A copy with some files changed.
    pub(crate) fn edited(&self, edits: &Edits) -> Self {
        let mut builder = SegmentBuilder::default();
        let mut edits = edits.iter().peekable();
        for (at, segment) in self.segments.iter().enumerate() {
            let until = self.segments.get(at + 1).map(|next| next.first());
            let is_here =
                |path: &Path| until.is_none_or(|until| path_order::compare(&path.0, until).is_lt());
            let touched = edits.peek().is_some_and(|(path, _)| is_here(path));
            if touched {
                merge(&mut builder, segment, &mut edits, is_here);
            } else if (1..FEW).contains(&builder.pending()) {
                builder.extend(segment, |_| true);
            } else {
                builder.push_segment(Arc::clone(segment));
            }
        }
        for (path, stored) in edits {
            put(&mut builder, path, *stored);
        }
        Self::new(builder.finish())
    }

    /// A copy with the files below a directory replaced by `files`, all of which are below it.
    pub(crate) fn replaced(&self, directory: &[u8], files: Vec<Arc<Segment>>) -> Self {
        let Range { start, end } = self.below(directory);
        if start == end && files.is_empty() {
            return Self::new(self.segments.clone());
        }
        let keep = |path: &[u8]| !path_order::is_below(path, directory);
        // Files after all others join the last segment.
        let first = (start.segment as usize).min(self.segments.len().saturating_sub(1));
        let last = end.segment as usize;
        let small = files.iter().map(|segment| segment.len()).sum::<usize>() < SMALL_REPLACEMENT;
        let mut builder = SegmentBuilder::default();
        for segment in &self.segments[..first] {
            builder.push_segment(Arc::clone(segment));
        }
        let is_before = |path: &[u8]| keep(path) && path_order::compare(path, directory).is_le();
        let is_behind = |path: &[u8]| keep(path) && path_order::compare(path, directory).is_gt();
        if let Some(segment) = self.segments.get(first) {
            builder.extend(segment, is_before);
        }
        for segment in files {
            if small {
                builder.extend(&segment, |_| true);
            } else {
                builder.push_segment(segment);
            }
        }
        if let Some(segment) = self.segments.get(last) {
            builder.extend(segment, is_behind);
        }
        for segment in self.segments.iter().skip(last + 1) {
            if (1..FEW).contains(&builder.pending()) {
                builder.extend(segment, |_| true);
            } else {
                builder.push_segment(Arc::clone(segment));
            }
        }
        Self::new(builder.finish())
    }
}

type Pending<'a> = std::iter::Peekable<std::collections::btree_map::Iter<'a, Path, Option<Stored>>>;

/// Adds the files of a segment, merged with the edits in its range.
fn merge(
    builder: &mut SegmentBuilder,
    segment: &Segment,
    edits: &mut Pending<'_>,
    is_here: impl Fn(&Path) -> bool,
) {
    let mut cursor = Cursor::new(segment);
    let mut path = Vec::new();
    for file in 0..segment.len() {
        cursor.path(file, &mut path);
        let mut replaced = false;
        while let Some((edited, stored)) =
            edits.next_if(|(edited, _)| path_order::compare(&edited.0, &path).is_le())
        {
            replaced |= edited.0 == path;
            put(builder, edited, *stored);
        }
        if !replaced {
            builder.push(
                cursor.directory(file),
                segment.name(file),
                segment.stored(file),
            );
        }
    }
    while let Some((path, stored)) = edits.next_if(|(path, _)| is_here(path)) {
        put(builder, path, *stored);
    }
}

fn put(builder: &mut SegmentBuilder, path: &Path, stored: Option<Stored>) {
    if let Some(stored) = stored {
        let (directory, name) = path_order::split(&path.0);
        builder.push(directory, name, stored);
    }
}

#[cfg(test)]
mod tests;
