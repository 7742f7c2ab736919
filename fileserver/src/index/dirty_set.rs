//! The entries to check again, collected from events.
//!
//! Owns: deciding what to check, without looking. An event only says *where* something may have changed; the file
//! system is asked afterwards what is there now ([`super::refresh`]), so neither the order of events nor duplicates can
//! make the index wrong.

use std::collections::BTreeMap;

use rustix::fs::inotify::ReadFlags;

use super::directories::{Directories, Id, ROOT};
use super::watcher::Event;

/// With more dirty entries than this, one full scan is cheaper than checking each.
const MANY: usize = 200_000;

/// Events about a file's contents or metadata, not about its name.
const CHANGED: ReadFlags = ReadFlags::MODIFY
    .union(ReadFlags::CLOSE_WRITE)
    .union(ReadFlags::ATTRIB);

/// What to check again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DirtySet {
    /// Entries of directories, and whether the file itself changed rather than only its name.
    pub(crate) entries: BTreeMap<(Id, Box<[u8]>), bool>,
    /// Scan the whole tree, and why.
    pub(crate) rescan: Option<ScanCause>,
    /// Check whether the root is still at its path.
    pub(crate) root: bool,
}

/// Why the whole tree is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScanCause {
    /// The kernel's event queue overflowed.
    Overflow,
    /// Too many changes to check one by one.
    TooMany,
    /// The root itself has changed.
    Root,
    /// The rescan interval is over.
    Due,
    /// The server started, or an attempt is repeated.
    Start,
}

impl ScanCause {
    /// The label in logs and metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::TooMany => "too_many_changes",
            Self::Root => "root_changed",
            Self::Due => "due",
            Self::Start => "start",
        }
    }

    /// Whether the index cannot be used until the scan is done.
    pub(crate) fn invalidates_index(self) -> bool {
        self != Self::Due
    }
}

impl DirtySet {
    /// Records an event.
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
        // Not in the index any more: moved out, or deleted.
        let Some(id) = id else {
            return;
        };
        match &event.name {
            // Hidden names are not in the index, but a file may have another name (hard link) that is.
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

    /// Records an event about a directory itself rather than an entry of it.
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
