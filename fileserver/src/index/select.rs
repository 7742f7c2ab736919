//! Selects the files of a snapshot that match a query.
//!
//! Each segment is first tested as a whole, then column by column, names last: on a million files a condition costs a
//! pass over one column. Does not own: the meaning of the conditions ([`crate::query::matcher`]).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use memchr::memmem::Finder;
use netsocket_protocol::query::Sort;

use super::segment::{Cursor, Segment, hash, last_extension};
use super::snapshot::{Position, Snapshot};
use super::state::Current;
use crate::query::matcher::{Bounds, Matcher, Names};
use crate::query::search::{Found, FoundFile};
use crate::tree::metadata::Timestamp;

/// Calls `show` with the matching files after the path `after`, in path order.
pub(crate) fn select(
    snapshot: &Snapshot,
    matcher: &Matcher,
    after: Option<&[u8]>,
    mut show: impl FnMut(Position) -> ControlFlow<()>,
) {
    if matcher.matches_nothing {
        return;
    }
    let Range { mut start, end } = snapshot.below(&matcher.below);
    if let Some(after) = after {
        start = start.max(snapshot.behind(after));
    }
    let finder = match matcher.names() {
        Names::Containing(text) => Some(Finder::new(text)),
        _ => None,
    };
    let mut filter = Filter {
        matcher,
        finder,
        selected: Vec::new(),
    };
    let segments = snapshot.segments().iter().enumerate();
    for (at, segment) in segments.skip(start.segment as usize) {
        let from = if at == start.segment as usize {
            start.file as usize
        } else {
            0
        };
        let to = if at < end.segment as usize {
            segment.len()
        } else {
            end.file as usize
        };
        if from >= to || at > end.segment as usize {
            return;
        }
        if !filter.can_hold(segment) {
            continue;
        }
        filter.apply(segment, from..to);
        for (file, _) in filter
            .selected
            .iter()
            .enumerate()
            .filter(|(_, selected)| **selected)
        {
            let position = Position::new(at, from + file);
            if show(position).is_break() {
                return;
            }
        }
    }
}

/// Tests segments and their files.
struct Filter<'a> {
    matcher: &'a Matcher,
    finder: Option<Finder<'a>>,
    /// For each file of the range, whether it still matches.
    selected: Vec<bool>,
}

impl Filter<'_> {
    fn can_hold(&self, segment: &Segment) -> bool {
        let Some(spans) = segment.spans() else {
            return false;
        };
        let size = &self.matcher.size;
        let meets = |within: &Bounds<Timestamp>, least: i64, most: i64| {
            within.from.is_none_or(|from| from.seconds <= most)
                && within.before.is_none_or(|end| least <= end.seconds)
        };
        size.from.is_none_or(|from| from <= spans.size.most)
            && size.before.is_none_or(|end| spans.size.least < end)
            && meets(&self.matcher.born, spans.born.least, spans.born.most)
            && meets(
                &self.matcher.modified,
                spans.modified.least,
                spans.modified.most,
            )
    }

    fn apply(&mut self, segment: &Segment, files: Range<usize>) {
        self.selected.clear();
        self.selected.resize(files.len(), true);
        if !self.matcher.size.is_unbounded() {
            let (from, before) = (
                self.matcher.size.from.unwrap_or(0),
                self.matcher.size.before,
            );
            // An inclusive range keeps the loop free of branches.
            let most = before.map_or(u64::MAX, |end| end.saturating_sub(1));
            let is_empty = before == Some(0);
            for (selected, size) in self
                .selected
                .iter_mut()
                .zip(&segment.sizes()[files.clone()])
            {
                *selected = (from <= *size) & (*size <= most) & !is_empty;
            }
        }
        let born = |file| segment.born_at(file);
        self.times(segment.born(), &self.matcher.born, &files, born);
        let modified = |file| segment.modified_at(file);
        self.times(segment.modified(), &self.matcher.modified, &files, modified);
        self.names(segment, files);
    }

    fn times(
        &mut self,
        column: &[i64],
        within: &Bounds<Timestamp>,
        files: &Range<usize>,
        whole: impl Fn(usize) -> Timestamp,
    ) {
        if within.is_unbounded() {
            return;
        }
        let from = within.from.map_or(i64::MIN, |from| from.seconds);
        let before = within.before.map_or(i64::MAX, |end| end.seconds);
        for (selected, seconds) in self.selected.iter_mut().zip(&column[files.clone()]) {
            *selected &= (from <= *seconds) & (*seconds <= before);
        }
        // For the seconds at either bound, the nanoseconds decide.
        for (at, selected) in self
            .selected
            .iter_mut()
            .enumerate()
            .filter(|(_, selected)| **selected)
        {
            *selected = within.contains(whole(files.start + at));
        }
    }

    fn names(&mut self, segment: &Segment, files: Range<usize>) {
        match self.matcher.names() {
            Names::All => {}
            Names::Exactly(name) => {
                let wanted = hash(name);
                let hashes = &segment.name_hashes()[files.clone()];
                for (selected, hash) in self.selected.iter_mut().zip(hashes) {
                    *selected &= *hash == wanted;
                }
                self.check_names(segment, files.start);
            }
            Names::Extensions(extensions) => {
                let hashes = &segment.extension_hashes()[files.clone()];
                let mut any = vec![false; hashes.len()];
                for extension in extensions {
                    let wanted = hash(last_extension(extension));
                    for (any, hash) in any.iter_mut().zip(hashes) {
                        *any |= *hash == wanted;
                    }
                }
                for (selected, any) in self.selected.iter_mut().zip(any) {
                    *selected &= any;
                }
                self.check_names(segment, files.start);
            }
            Names::Containing(_) => self.names_with_text(segment, files),
            Names::Check => self.check_names(segment, files.start),
        }
    }

    /// Checks the names of files that still match, one by one.
    fn check_names(&mut self, segment: &Segment, first: usize) {
        for (at, selected) in self
            .selected
            .iter_mut()
            .enumerate()
            .filter(|(_, selected)| **selected)
        {
            *selected = self.matcher.accepts_name(segment.name(first + at));
        }
    }

    /// Searches all names at once for the text. A hit that spans two names does not count.
    fn names_with_text(&mut self, segment: &Segment, files: Range<usize>) {
        let Some(finder) = &self.finder else {
            return;
        };
        let ends = segment.name_ends();
        let (mut judged, end) = (files.start, ends[files.end - 1] as usize);
        let mut at = begin(segment, files.start) as usize;
        while let Some(found) = finder.find(&segment.names()[at..end]) {
            let hit = at + found;
            let file = judged + ends[judged..files.end].partition_point(|end| *end as usize <= hit);
            self.selected[judged - files.start..file - files.start].fill(false);
            let selected = &mut self.selected[file - files.start];
            *selected = *selected && self.matcher.accepts_name(segment.name(file));
            judged = file + 1;
            at = ends[file] as usize;
        }
        self.selected[judged - files.start..].fill(false);
    }
}

fn begin(segment: &Segment, file: usize) -> u32 {
    file.checked_sub(1)
        .map_or(0, |before| segment.name_ends()[before])
}

/// The first `limit` matching files in this order.
pub(crate) fn sorted(
    snapshot: &Snapshot,
    matcher: &Matcher,
    sort: Sort,
    reverse: bool,
    limit: usize,
) -> Vec<Position> {
    let at = |position: Position| {
        let segment: &Segment = &snapshot.segments()[position.segment as usize];
        (segment, position.file as usize)
    };
    let top = TopK {
        snapshot,
        matcher,
        reverse,
        limit,
    };
    match sort {
        Sort::Path => top.by(|_| ()),
        Sort::Name => top.by(|position| {
            let (segment, file) = at(position);
            segment.name(file)
        }),
        Sort::Size => top.by(|position| {
            let (segment, file) = at(position);
            segment.sizes()[file]
        }),
        Sort::Born => top.by(|position| {
            let (segment, file) = at(position);
            segment.born_at(file)
        }),
        Sort::Modified => top.by(|position| {
            let (segment, file) = at(position);
            segment.modified_at(file)
        }),
    }
}

struct TopK<'a> {
    snapshot: &'a Snapshot,
    matcher: &'a Matcher,
    reverse: bool,
    limit: usize,
}

impl TopK<'_> {
    fn by<K: Ord>(&self, key: impl Fn(Position) -> K) -> Vec<Position> {
        if self.reverse {
            self.smallest(
                |position| Reverse((key(position), position)),
                |selected| selected.0.1,
            )
        } else {
            self.smallest(|position| (key(position), position), |selected| selected.1)
        }
    }

    fn smallest<K: Ord>(
        &self,
        key: impl Fn(Position) -> K,
        position: impl Fn(&K) -> Position,
    ) -> Vec<Position> {
        let mut selected = BinaryHeap::new();
        select(self.snapshot, self.matcher, None, |at| {
            let key = key(at);
            if selected.len() < self.limit {
                selected.push(key);
            } else if let Some(mut worst) = selected.peek_mut()
                && key < *worst
            {
                *worst = key;
            }
            ControlFlow::Continue(())
        });
        selected.into_sorted_vec().iter().map(position).collect()
    }
}

/// At most `limit` matching files of a snapshot after a path, sorted by path.
pub(crate) fn from_index(
    current: &Current,
    matcher: &Matcher,
    after: Option<&[u8]>,
    limit: usize,
) -> Found {
    let mut reader = FileReader::new(&current.snapshot);
    let mut files = Vec::new();
    if limit > 0 {
        select(&current.snapshot, matcher, after, |at| {
            files.push(reader.read(at));
            if files.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }
    Found {
        files,
        unreadable: Arc::clone(&current.unreadable),
    }
}

/// Reads files with their metadata from a snapshot.
pub(crate) struct FileReader<'a> {
    snapshot: &'a Snapshot,
    cursor: Option<(u32, Cursor<'a>)>,
}

impl<'a> FileReader<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            cursor: None,
        }
    }

    /// The file at a position. Fast if positions are ascending.
    pub(crate) fn read(&mut self, at: Position) -> FoundFile {
        let segment: &'a Segment = &self.snapshot.segments()[at.segment as usize];
        let cursor = match self.cursor.take() {
            Some((of, cursor)) if of == at.segment => (of, cursor),
            _ => (at.segment, Cursor::new(segment)),
        };
        let (_, cursor) = self.cursor.insert(cursor);
        let mut path = Vec::new();
        cursor.path(at.file as usize, &mut path);
        let stored = segment.stored(at.file as usize);
        FoundFile {
            path,
            size: stored.size,
            mode: stored.mode.into(),
            modified: stored.modified,
            born: stored.born,
            birth_known: stored.birth_known,
            readable: true,
        }
    }
}
