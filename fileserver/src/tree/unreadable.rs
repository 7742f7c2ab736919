//! Directories that cannot be read: what a list or an archive lacks.

use std::cmp::Ordering;

use netsocket_protocol::warning::{Lacking, Warning};
use rustix::io::Errno;

use super::path_order;

/// The most directories that one answer names; it counts the others.
const MAX_NAMED: usize = 1_000;

/// The paths of directories that cannot be read, or not completely, in path order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnreadableDirectories(Vec<Vec<u8>>);

impl UnreadableDirectories {
    pub(crate) fn new(mut paths: Vec<Vec<u8>>) -> Self {
        paths.sort_unstable_by(|a, b| path_order::compare(a, b));
        paths.dedup();
        Self(paths)
    }

    /// These and others.
    pub(crate) fn with(mut self, others: Vec<Vec<u8>>) -> Self {
        if others.is_empty() {
            return self;
        }
        self.0.extend(others);
        Self::new(self.0)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths below the root, in path order.
    #[must_use]
    pub fn paths(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// Whether `path` is one of them, or below one.
    pub(crate) fn covers(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate();
        let above = ends
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| &path[..at]);
        above.chain([path]).any(|path| {
            let found = self
                .0
                .binary_search_by(|known| path_order::compare(known, path));
            found.is_ok()
        })
    }

    /// Those at or below a directory that a part of a list concerns: after the path `after`, and up to `last` if the
    /// list goes on there. So each is in one part of a list only.
    pub(crate) fn within(
        &self,
        below: &[u8],
        after: Option<&[u8]>,
        last: Option<&[u8]>,
    ) -> &[Vec<u8>] {
        let is_before = |path: &Vec<u8>, bound: &[u8]| path_order::compare(path, bound);
        let mut start = self
            .0
            .partition_point(|path| is_before(path, below) == Ordering::Less);
        if let Some(after) = after {
            let behind = self
                .0
                .partition_point(|path| is_before(path, after) != Ordering::Greater);
            start = start.max(behind);
        }
        let rest = &self.0[start..];
        let end = rest.partition_point(|path| {
            let is_inside = path.as_slice() == below || path_order::is_below(path, below);
            is_inside && last.is_none_or(|last| is_before(path, last) != Ordering::Greater)
        });
        &rest[..end]
    }
}

/// The warnings about unreadable directories, collected over all parts of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnreadableReport(Lacking);

impl UnreadableReport {
    pub(crate) fn of(paths: &[Vec<u8>]) -> Self {
        let mut report = Self::default();
        report.add(paths);
        report
    }

    pub(crate) fn add(&mut self, paths: &[Vec<u8>]) {
        let room = MAX_NAMED.saturating_sub(self.0.warnings.len());
        let (named, others) = paths.split_at(paths.len().min(room));
        let warnings = named.iter().map(|path| Warning::of_directory(path));
        self.0.warnings.extend(warnings);
        self.0.unlisted += others.len() as u64;
    }

    /// How many directories it is about.
    pub(crate) fn count(&self) -> u64 {
        self.0.warnings.len() as u64 + self.0.unlisted
    }

    /// The warnings about the first of them.
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.0.warnings
    }

    /// How many others there are.
    pub(crate) fn unlisted(&self) -> u64 {
        self.0.unlisted
    }

    /// The warnings that fit into `room` bytes.
    pub(crate) fn lacking(&self, room: usize) -> Lacking {
        self.and(Lacking::default(), room)
    }

    /// These warnings and then others, as far as they fit into `room` bytes.
    pub(crate) fn and(&self, others: Lacking, room: usize) -> Lacking {
        let Lacking { warnings, unlisted } = &self.0;
        let all = warnings.iter().cloned().chain(others.warnings);
        let mut lacking = Lacking::fitting(all, room);
        lacking.unlisted += unlisted + others.unlisted;
        lacking
    }
}

/// Whether an error says that something is there and cannot be read, rather than that it has vanished, or was replaced by
/// something that is never followed.
pub(crate) fn is_unreadable(error: Errno) -> bool {
    !matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(paths: &[&str]) -> UnreadableDirectories {
        UnreadableDirectories::new(paths.iter().map(|path| path.as_bytes().to_vec()).collect())
    }

    #[test]
    fn a_part_of_a_list_has_those_between_its_ends() {
        let all = some(&["b/c", "a-/x", "a", "b", "a/z", "b/c", "c"]);
        assert_eq!(all.len(), 6, "each once");
        let within = |below: &str, after: Option<&str>, last: Option<&str>| {
            let (after, last) = (after.map(str::as_bytes), last.map(str::as_bytes));
            let paths = all.within(below.as_bytes(), after, last).iter();
            paths
                .map(|path| String::from_utf8(path.clone()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            within("", None, None),
            ["a", "a/z", "a-/x", "b", "b/c", "c"]
        );
        assert_eq!(within("a", None, None), ["a", "a/z"]);
        assert_eq!(within("a-", None, None), ["a-/x"]);
        assert_eq!(within("d", None, None), [""; 0]);
        assert_eq!(
            within("", Some("a/m"), None),
            ["a/z", "a-/x", "b", "b/c", "c"]
        );
        assert_eq!(within("", Some("a/z"), Some("b/b")), ["a-/x", "b"]);
        assert_eq!(within("", None, Some("a/m")), ["a"]);
        assert_eq!(within("b", Some("b/d"), None), [""; 0]);
    }

    #[test]
    fn what_is_below_an_unreadable_directory_is_covered() {
        let all = some(&["a/b", "c"]);
        for (path, expected) in [
            ("a", false),
            ("a/b", true),
            ("a/b/x/y", true),
            ("a/bb", false),
            ("", false),
            ("c/x", true),
        ] {
            assert_eq!(all.covers(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn a_report_names_a_thousand_and_counts_the_rest() {
        let paths: Vec<Vec<u8>> = (0..1_500).map(|n| format!("{n:04}").into_bytes()).collect();
        let mut report = UnreadableReport::of(&paths[..900]);
        report.add(&paths[900..]);
        let lacking = report.lacking(1 << 20);
        assert_eq!((lacking.warnings.len(), lacking.unlisted), (1_000, 500));
        assert_eq!(report.count(), 1_500);
        assert_eq!(lacking.warnings[999].path, "0999/".into());
        let lacking = report.lacking(1_000);
        assert_eq!(lacking.warnings.len() as u64 + lacking.unlisted, 1_500);
    }
}
