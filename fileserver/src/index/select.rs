//! Which files of a snapshot a query means.
//!
//! Owns: the scan. Each segment is judged as a whole first, then column by column, names last: on a million files a
//! condition costs a pass over one column. Does not own: what the conditions are ([`crate::query::matcher`]).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::{ControlFlow, Range};

use memchr::memmem::Finder;
use netsocket_protocol::query::Sort;

use super::segment::{Cursor, Segment, hash, last_extension};
use super::snapshot::{Position, Snapshot};
use super::state::Current;
use crate::query::matcher::{Matcher, Names, Within};
use crate::query::search::{Found, FoundFile};
use crate::tree::metadata::Timestamp;

/// Shows the files that are meant, in the order of paths, behind the path `after`.
pub(crate) fn select(
    snapshot: &Snapshot,
    matcher: &Matcher,
    after: Option<&[u8]>,
    mut show: impl FnMut(Position) -> ControlFlow<()>,
) {
    if matcher.is_void {
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
    let mut sieve = Sieve {
        matcher,
        finder,
        kept: Vec::new(),
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
        if !sieve.can_hold(segment) {
            continue;
        }
        sieve.sift(segment, from..to);
        for (file, _) in sieve.kept.iter().enumerate().filter(|(_, kept)| **kept) {
            let position = Position::new(at, from + file);
            if show(position).is_break() {
                return;
            }
        }
    }
}

/// Judges segments.
struct Sieve<'a> {
    matcher: &'a Matcher,
    finder: Option<Finder<'a>>,
    /// For each file of the range whether it is still in the running.
    kept: Vec<bool>,
}

impl Sieve<'_> {
    fn can_hold(&self, segment: &Segment) -> bool {
        let Some(spans) = segment.spans() else {
            return false;
        };
        let size = &self.matcher.size;
        let meets = |within: &Within<Timestamp>, least: i64, most: i64| {
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

    fn sift(&mut self, segment: &Segment, files: Range<usize>) {
        self.kept.clear();
        self.kept.resize(files.len(), true);
        if !self.matcher.size.is_everything() {
            let (from, before) = (
                self.matcher.size.from.unwrap_or(0),
                self.matcher.size.before,
            );
            // Both ends included, so that the loop has no branch.
            let most = before.map_or(u64::MAX, |end| end.saturating_sub(1));
            let is_empty = before == Some(0);
            for (kept, size) in self.kept.iter_mut().zip(&segment.sizes()[files.clone()]) {
                *kept = (from <= *size) & (*size <= most) & !is_empty;
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
        within: &Within<Timestamp>,
        files: &Range<usize>,
        whole: impl Fn(usize) -> Timestamp,
    ) {
        if within.is_everything() {
            return;
        }
        let from = within.from.map_or(i64::MIN, |from| from.seconds);
        let before = within.before.map_or(i64::MAX, |end| end.seconds);
        for (kept, seconds) in self.kept.iter_mut().zip(&column[files.clone()]) {
            *kept &= (from <= *seconds) & (*seconds <= before);
        }
        // The seconds at either end hang on the nanoseconds.
        for (at, kept) in self.kept.iter_mut().enumerate().filter(|(_, kept)| **kept) {
            *kept = within.holds(whole(files.start + at));
        }
    }

    fn names(&mut self, segment: &Segment, files: Range<usize>) {
        match self.matcher.names() {
            Names::All => {}
            Names::Exactly(name) => {
                let wanted = hash(name);
                let hashes = &segment.name_hashes()[files.clone()];
                for (kept, hash) in self.kept.iter_mut().zip(hashes) {
                    *kept &= *hash == wanted;
                }
                self.ask(segment, files.start);
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
                for (kept, any) in self.kept.iter_mut().zip(any) {
                    *kept &= any;
                }
                self.ask(segment, files.start);
            }
            Names::Containing(_) => self.names_with_text(segment, files),
            Names::Asked => self.ask(segment, files.start),
        }
    }

    /// Judges the names that are still in the running, one by one.
    fn ask(&mut self, segment: &Segment, first: usize) {
        for (at, kept) in self.kept.iter_mut().enumerate().filter(|(_, kept)| **kept) {
            *kept = self.matcher.accepts_name(segment.name(first + at));
        }
    }

    /// Looks for the text in all names at once. What it finds across the border of two names does not count.
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
            self.kept[judged - files.start..file - files.start].fill(false);
            let kept = &mut self.kept[file - files.start];
            *kept = *kept && self.matcher.accepts_name(segment.name(file));
            judged = file + 1;
            at = ends[file] as usize;
        }
        self.kept[judged - files.start..].fill(false);
    }
}

fn begin(segment: &Segment, file: usize) -> u32 {
    file.checked_sub(1)
        .map_or(0, |before| segment.name_ends()[before])
}

/// The first `limit` of the files that are meant, in that order.
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
    let best = Best {
        snapshot,
        matcher,
        reverse,
        limit,
    };
    match sort {
        Sort::Path => best.by(|_| ()),
        Sort::Name => best.by(|position| {
            let (segment, file) = at(position);
            segment.name(file)
        }),
        Sort::Size => best.by(|position| {
            let (segment, file) = at(position);
            segment.sizes()[file]
        }),
        Sort::Born => best.by(|position| {
            let (segment, file) = at(position);
            segment.born_at(file)
        }),
        Sort::Modified => best.by(|position| {
            let (segment, file) = at(position);
            segment.modified_at(file)
        }),
    }
}

struct Best<'a> {
    snapshot: &'a Snapshot,
    matcher: &'a Matcher,
    reverse: bool,
    limit: usize,
}

impl Best<'_> {
    fn by<K: Ord>(&self, key: impl Fn(Position) -> K) -> Vec<Position> {
        if self.reverse {
            self.smallest(
                |position| Reverse((key(position), position)),
                |kept| kept.0.1,
            )
        } else {
            self.smallest(|position| (key(position), position), |kept| kept.1)
        }
    }

    fn smallest<K: Ord>(
        &self,
        key: impl Fn(Position) -> K,
        position: impl Fn(&K) -> Position,
    ) -> Vec<Position> {
        let mut kept = BinaryHeap::new();
        select(self.snapshot, self.matcher, None, |at| {
            let key = key(at);
            if kept.len() < self.limit {
                kept.push(key);
            } else if let Some(mut worst) = kept.peek_mut()
                && key < *worst
            {
                *worst = key;
            }
            ControlFlow::Continue(())
        });
        kept.into_sorted_vec().iter().map(position).collect()
    }
}

/// At most `limit` files of a snapshot, by path.
pub(crate) fn from_index(
    current: &Current,
    matcher: &Matcher,
    after: Option<&[u8]>,
    limit: usize,
) -> Found {
    let mut teller = Teller::new(&current.snapshot);
    let mut files = Vec::new();
    if limit > 0 {
        select(&current.snapshot, matcher, after, |at| {
            files.push(teller.tell(at));
            if files.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }
    Found {
        files,
        unreadable_directories: current.unreadable,
    }
}

/// Tells found files with all that is known of them.
pub(crate) struct Teller<'a> {
    snapshot: &'a Snapshot,
    cursor: Option<(u32, Cursor<'a>)>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            cursor: None,
        }
    }

    /// The file there. It is quick where positions come in order.
    pub(crate) fn tell(&mut self, at: Position) -> FoundFile {
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
