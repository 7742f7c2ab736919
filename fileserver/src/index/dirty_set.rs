//! What the system's reports mean for the index.
//!
//! Owns: the decision what has to be looked at again, without looking. A report only ever says *where* something may
//! have changed; what is there now is asked of the file system afterwards ([`super::refresh`]), so neither the order of
//! reports nor one that is told twice can make the index wrong.

use std::collections::BTreeMap;

use rustix::fs::inotify::ReadFlags;

use super::directories::{Directories, Id, ROOT};
use super::watcher::Report;

/// Places to look at again beyond which one walk through everything is cheaper than looking at each.
const MANY: usize = 200_000;

/// Reports about what a file is, not about what it is called.
const CHANGED: ReadFlags = ReadFlags::MODIFY
    .union(ReadFlags::CLOSE_WRITE)
    .union(ReadFlags::ATTRIB);

/// What has to be looked at again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Doubts {
    /// Entries of directories, and whether the file was changed rather than only its name.
    pub(crate) entries: BTreeMap<(Id, Box<[u8]>), bool>,
    /// Everything.
    pub(crate) everything: Option<Cause>,
    /// Whether the root is still where it was.
    pub(crate) root: bool,
}

/// Why everything has to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The system had more reports than it keeps.
    Overflow,
    /// More has changed than is worth looking at one by one.
    TooMany,
    /// The root itself has changed.
    Root,
    /// It is time to.
    Due,
    /// It is the first time.
    Start,
}

impl Cause {
    /// Its word in logs and metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::TooMany => "too_many_changes",
            Self::Root => "root_changed",
            Self::Due => "due",
            Self::Start => "start",
        }
    }

    /// Whether the index is wrong until everything has been looked at again.
    pub(crate) fn is_loss(self) -> bool {
        self != Self::Due
    }
}

impl Doubts {
    /// Takes note of a report.
    pub(crate) fn note(&mut self, directories: &mut Directories, report: &Report) {
        let what = report.what;
        if what.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.everything = Some(Cause::Overflow);
            return;
        }
        let ended = what.intersects(ReadFlags::IGNORED | ReadFlags::UNMOUNT);
        let id = if ended {
            directories.unwatched(report.watch)
        } else {
            directories.of_watch(report.watch)
        };
        // Not ours any more: moved out, or deleted.
        let Some(id) = id else {
            return;
        };
        match &report.name {
            // Hidden names are not in the index, but a file may have another name that is.
            Some(name) if name.starts_with(b".") && what.contains(ReadFlags::ISDIR) => {}
            Some(name) => {
                let changed = what.intersects(CHANGED);
                *self.entries.entry((id, name.clone())).or_default() |= changed;
            }
            None => self.itself(directories, id, what, ended),
        }
        if self.entries.len() > MANY {
            self.everything.get_or_insert(Cause::TooMany);
        }
    }

    /// Takes note of a report about a directory rather than an entry of it.
    fn itself(&mut self, directories: &Directories, id: Id, what: ReadFlags, ended: bool) {
        if id == ROOT {
            self.root = true;
            if ended || what.contains(ReadFlags::ATTRIB) {
                self.everything.get_or_insert(Cause::Root);
            }
        } else if let Some(parent) = directories.parent(id) {
            let name = directories.name(id).into();
            self.entries.entry((parent, name)).or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::directories::Identity;
    use super::*;

    fn report(watch: i32, what: ReadFlags, name: &str) -> Report {
        Report {
            watch,
            what,
            name: (!name.is_empty()).then(|| name.as_bytes().into()),
        }
    }

    fn table() -> (Directories, Id) {
        let mut table = Directories::new();
        table.opened(ROOT, Identity::default(), true, 1);
        let a = table.insert(ROOT, b"a");
        table.opened(a, Identity::default(), true, 2);
        (table, a)
    }

    fn noted(reports: &[Report]) -> Doubts {
        let (mut table, _) = table();
        let mut doubts = Doubts::default();
        for report in reports {
            doubts.note(&mut table, report);
        }
        doubts
    }

    #[test]
    fn a_change_is_told_once_however_often_it_is_reported() {
        let (_, a) = table();
        let doubts = noted(&[
            report(2, ReadFlags::CREATE, "f"),
            report(2, ReadFlags::MODIFY, "f"),
            report(2, ReadFlags::CLOSE_WRITE, "f"),
            report(2, ReadFlags::CREATE | ReadFlags::ISDIR, ".d"),
            report(9, ReadFlags::CREATE, "elsewhere"),
        ]);
        assert_eq!(
            doubts.entries,
            BTreeMap::from([((a, b"f"[..].into()), true)])
        );
        assert_eq!((doubts.everything, doubts.root), (None, false));
    }

    #[test]
    fn the_end_of_a_watch_puts_its_directory_in_doubt() {
        for what in [ReadFlags::IGNORED, ReadFlags::UNMOUNT, ReadFlags::ATTRIB] {
            let doubts = noted(&[report(2, what, "")]);
            assert_eq!(
                doubts.entries,
                BTreeMap::from([((ROOT, b"a"[..].into()), false)]),
                "{what:?}"
            );
        }
        assert_eq!(
            noted(&[report(9, ReadFlags::IGNORED, "")]),
            Doubts::default()
        );
    }

    #[test]
    fn lost_reports_and_a_lost_root_put_everything_in_doubt() {
        let overflow = noted(&[report(-1, ReadFlags::QUEUE_OVERFLOW, "")]);
        assert_eq!(overflow.everything, Some(Cause::Overflow));
        let unmounted = noted(&[report(1, ReadFlags::UNMOUNT, "")]);
        assert_eq!(
            (unmounted.everything, unmounted.root),
            (Some(Cause::Root), true)
        );
        let moved = noted(&[report(1, ReadFlags::MOVE_SELF, "")]);
        assert_eq!((moved.everything, moved.root), (None, true));
    }
}
