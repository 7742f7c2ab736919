//! What the system's reports mean for the index.
//!
//! Owns: the decision what has to be looked at again, without looking. A report only ever says *where* something may
//! have changed; what is there now is asked of the file system afterwards ([`super::refresh`]), so neither the order of
//! reports nor one that is told twice can make the index wrong.

use std::collections::BTreeMap;

use rustix::fs::inotify::ReadFlags;

use super::directories::{Directories, Id, ROOT};
use super::watcher::Event;

/// Places to look at again beyond which one walk through everything is cheaper than looking at each.
const MANY: usize = 200_000;

/// Reports about what a file is, not about what it is called.
const CHANGED: ReadFlags = ReadFlags::MODIFY
    .union(ReadFlags::CLOSE_WRITE)
    .union(ReadFlags::ATTRIB);

/// What has to be looked at again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DirtySet {
    /// Entries of directories, and whether the file was changed rather than only its name.
    pub(crate) entries: BTreeMap<(Id, Box<[u8]>), bool>,
    /// Everything.
    pub(crate) rescan: Option<ScanCause>,
    /// Whether the root is still where it was.
    pub(crate) root: bool,
}

/// Why everything has to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScanCause {
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

impl ScanCause {
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
    pub(crate) fn invalidates_index(self) -> bool {
        self != Self::Due
    }
}

impl DirtySet {
    /// Takes note of a report.
    pub(crate) fn record(&mut self, directories: &mut Directories, event: &Event) {
        let what = event.what;
        if what.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.rescan = Some(ScanCause::Overflow);
            return;
        }
        let ended = what.intersects(ReadFlags::IGNORED | ReadFlags::UNMOUNT);
        let id = if ended {
            directories.unwatched(event.watch)
        } else {
            directories.of_watch(event.watch)
        };
        // Not ours any more: moved out, or deleted.
        let Some(id) = id else {
            return;
        };
        match &event.name {
            // Hidden names are not in the index, but a file may have another name that is.
            Some(name) if name.starts_with(b".") && what.contains(ReadFlags::ISDIR) => {}
            Some(name) => {
                let changed = what.intersects(CHANGED);
                *self.entries.entry((id, name.clone())).or_default() |= changed;
            }
            None => self.record_directory(directories, id, what, ended),
        }
        if self.entries.len() > MANY {
            self.rescan.get_or_insert(ScanCause::TooMany);
        }
    }

    /// Takes note of a report about a directory rather than an entry of it.
    fn record_directory(
        &mut self,
        directories: &Directories,
        id: Id,
        what: ReadFlags,
        ended: bool,
    ) {
        if id == ROOT {
            self.root = true;
            if ended || what.contains(ReadFlags::ATTRIB) {
                self.rescan.get_or_insert(ScanCause::Root);
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

    fn event(watch: i32, what: ReadFlags, name: &str) -> Event {
        Event {
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

    fn noted(events: &[Event]) -> DirtySet {
        let (mut table, _) = table();
        let mut dirty = DirtySet::default();
        for event in events {
            dirty.record(&mut table, event);
        }
        dirty
    }

    #[test]
    fn a_change_is_told_once_however_often_it_is_reported() {
        let (_, a) = table();
        let dirty = noted(&[
            event(2, ReadFlags::CREATE, "f"),
            event(2, ReadFlags::MODIFY, "f"),
            event(2, ReadFlags::CLOSE_WRITE, "f"),
            event(2, ReadFlags::CREATE | ReadFlags::ISDIR, ".d"),
            event(9, ReadFlags::CREATE, "elsewhere"),
        ]);
        assert_eq!(
            dirty.entries,
            BTreeMap::from([((a, b"f"[..].into()), true)])
        );
        assert_eq!((dirty.rescan, dirty.root), (None, false));
    }

    #[test]
    fn the_end_of_a_watch_puts_its_directory_in_doubt() {
        for what in [ReadFlags::IGNORED, ReadFlags::UNMOUNT, ReadFlags::ATTRIB] {
            let dirty = noted(&[event(2, what, "")]);
            assert_eq!(
                dirty.entries,
                BTreeMap::from([((ROOT, b"a"[..].into()), false)]),
                "{what:?}"
            );
        }
        assert_eq!(
            noted(&[event(9, ReadFlags::IGNORED, "")]),
            DirtySet::default()
        );
    }

    #[test]
    fn lost_reports_and_a_lost_root_put_everything_in_doubt() {
        let overflow = noted(&[event(-1, ReadFlags::QUEUE_OVERFLOW, "")]);
        assert_eq!(overflow.rescan, Some(ScanCause::Overflow));
        let unmounted = noted(&[event(1, ReadFlags::UNMOUNT, "")]);
        assert_eq!(
            (unmounted.rescan, unmounted.root),
            (Some(ScanCause::Root), true)
        );
        let moved = noted(&[event(1, ReadFlags::MOVE_SELF, "")]);
        assert_eq!((moved.rescan, moved.root), (None, true));
    }
}
