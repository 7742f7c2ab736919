//! The table of directories and their watches.
//!
//! Owns: where each directory is, and which watch belongs to it. Does not own: the files ([`super::snapshot`]).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::watcher::Watch;
use crate::tree::unreadable::UnreadableDirectories;

/// The id of a directory in the table.
pub(crate) type Id = u32;

/// The id of the root.
pub(crate) const ROOT: Id = 0;

/// Distinguishes two directories that have the same path at different times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

#[derive(Debug)]
struct Directory {
    parent: Id,
    name: Box<[u8]>,
    /// Sorted by name.
    children: Vec<Id>,
    watch: Option<Watch>,
    identity: Identity,
    /// Whether it could be listed completely.
    readable: bool,
    /// Whether its entries can be looked up.
    searchable: bool,
}

/// All directories; the root is always present.
#[derive(Debug)]
pub(crate) struct Directories {
    /// Free slots are `None` and listed in `free`.
    places: Vec<Option<Directory>>,
    free: Vec<Id>,
    by_watch: HashMap<Watch, Id>,
    unreadable: HashSet<Id>,
    /// The paths of `unreadable`; `None` if that has changed since. A directory that moves gets a new id.
    unreadable_paths: Option<Arc<UnreadableDirectories>>,
}

impl Directories {
    pub(crate) fn new() -> Self {
        let root = Directory::new(ROOT, b"");
        Self {
            places: vec![Some(root)],
            free: Vec::new(),
            by_watch: HashMap::new(),
            unreadable: HashSet::new(),
            unreadable_paths: None,
        }
    }

    /// Number of directories, including the root.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn watches(&self) -> usize {
        self.by_watch.len()
    }

    /// Directories that could not be read.
    pub(crate) fn unreadable(&mut self) -> Arc<UnreadableDirectories> {
        let paths = self.unreadable_paths.take().unwrap_or_else(|| {
            let paths = self.unreadable.iter().filter_map(|id| self.path(*id));
            Arc::new(UnreadableDirectories::new(paths.collect()))
        });
        Arc::clone(self.unreadable_paths.insert(paths))
    }

    /// The directory of a watch.
    pub(crate) fn of_watch(&self, watch: Watch) -> Option<Id> {
        self.by_watch.get(&watch).copied()
    }

    /// All watches.
    pub(crate) fn all_watches(&self) -> impl Iterator<Item = Watch> + '_ {
        self.by_watch.keys().copied()
    }

    pub(crate) fn contains(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    pub(crate) fn parent(&self, id: Id) -> Option<Id> {
        self.get(id)
            .map(|directory| directory.parent)
            .filter(|_| id != ROOT)
    }

    pub(crate) fn name(&self, id: Id) -> &[u8] {
        self.get(id).map_or(b"", |directory| &directory.name)
    }

    /// Whether it is watched, was read completely, and is the directory that is there now.
    pub(crate) fn is_current(&self, id: Id, identity: Identity, searchable: bool) -> bool {
        self.get(id).is_some_and(|directory| {
            directory.watch.is_some()
                && directory.readable
                && (directory.identity, directory.searchable) == (identity, searchable)
        })
    }

    /// The path below the root; `None` if the directory is no longer in the table.
    pub(crate) fn path(&self, id: Id) -> Option<Vec<u8>> {
        let mut names = Vec::new();
        let mut at = id;
        while at != ROOT {
            let directory = self.get(at)?;
            names.push(&*directory.name);
            at = directory.parent;
        }
        names.reverse();
        self.contains(id).then(|| names.join(&b'/'))
    }

    /// The subdirectory with that name.
    pub(crate) fn child(&self, parent: Id, name: &[u8]) -> Option<Id> {
        let children = &self.get(parent)?.children;
        let at = children
            .binary_search_by(|child| self.name(*child).cmp(name))
            .ok()?;
        children.get(at).copied()
    }

    /// Adds a subdirectory, or returns the existing one.
    pub(crate) fn insert(&mut self, parent: Id, name: &[u8]) -> Id {
        let place = self.get(parent).map_or(Err(0), |directory| {
            directory
                .children
                .binary_search_by(|child| self.name(*child).cmp(name))
        });
        let at = match place {
            Ok(at) => {
                return self
                    .get(parent)
                    .map_or(ROOT, |directory| directory.children[at]);
            }
            Err(at) => at,
        };
        let directory = Some(Directory::new(parent, name));
        let id = match self.free.pop() {
            Some(id) => {
                self.places[id as usize] = directory;
                id
            }
            None => {
                self.places.push(directory);
                // Each directory also takes kernel memory, so there are never four billion.
                Id::try_from(self.places.len() - 1).unwrap_or(Id::MAX)
            }
        };
        if let Some(parent) = self.get_mut(parent) {
            parent.children.insert(at, id);
        }
        id
    }

    /// Records the identity and the watch of a directory that was opened.
    pub(crate) fn opened(&mut self, id: Id, identity: Identity, searchable: bool, watch: Watch) {
        // The directory may have moved: its watch belongs to the new place.
        if let Some(before) = self.by_watch.insert(watch, id)
            && before != id
            && let Some(directory) = self.get_mut(before)
        {
            directory.watch = None;
        }
        if let Some(directory) = self.get_mut(id) {
            directory.identity = identity;
            directory.searchable = searchable;
            directory.watch = Some(watch);
        }
    }

    /// Records whether a directory could be read completely.
    pub(crate) fn set_readable(&mut self, id: Id, readable: bool) {
        let Some(directory) = self.get_mut(id) else {
            return;
        };
        directory.readable = readable;
        let is_changed = if readable {
            self.unreadable.remove(&id)
        } else {
            self.unreadable.insert(id)
        };
        if is_changed {
            self.unreadable_paths = None;
        }
    }

    /// Records that an entry of a directory could not be read. Its other entries are followed all the same.
    pub(crate) fn set_incomplete(&mut self, id: Id) {
        if self.contains(id) && self.unreadable.insert(id) {
            self.unreadable_paths = None;
        }
    }

    /// Records that the system ended a watch. Returns its directory, if it is still in the table.
    pub(crate) fn unwatched(&mut self, watch: Watch) -> Option<Id> {
        let id = self.by_watch.remove(&watch)?;
        if let Some(directory) = self.get_mut(id) {
            directory.watch = None;
        }
        Some(id)
    }

    /// Removes a directory and everything below it; of the root only what is below. Returns their watches.
    pub(crate) fn remove(&mut self, id: Id) -> Vec<Watch> {
        let mut watches = Vec::new();
        if let Some(parent) = self.parent(id)
            && let Some(parent) = self.get_mut(parent)
        {
            parent.children.retain(|child| *child != id);
        }
        let mut left = vec![id];
        while let Some(id) = left.pop() {
            self.set_readable(id, true);
            let Some(directory) = self.get_mut(id) else {
                continue;
            };
            left.append(&mut directory.children);
            if let Some(watch) = directory.watch.take() {
                self.by_watch.remove(&watch);
                watches.push(watch);
            }
            if id != ROOT {
                self.places[id as usize] = None;
                self.free.push(id);
            }
        }
        watches
    }

    /// Bytes of memory: (without names, names).
    pub(crate) fn memory(&self) -> (usize, usize) {
        let directories = self.places.iter().flatten();
        let (children, names) = directories.fold((0, 0), |(children, names), directory| {
            (
                children + directory.children.capacity() * size_of::<Id>(),
                names + directory.name.len(),
            )
        });
        let rest = self.places.capacity() * size_of::<Option<Directory>>()
            + self.free.capacity() * size_of::<Id>()
            // A hash table uses one extra byte per slot.
            + self.by_watch.capacity() * (size_of::<(Watch, Id)>() + 1);
        (rest + children, names)
    }

    fn get(&self, id: Id) -> Option<&Directory> {
        self.places.get(id as usize)?.as_ref()
    }

    fn get_mut(&mut self, id: Id) -> Option<&mut Directory> {
        self.places.get_mut(id as usize)?.as_mut()
    }
}

impl Directory {
    fn new(parent: Id, name: &[u8]) -> Self {
        Self {
            parent,
            name: name.into(),
            children: Vec::new(),
            watch: None,
            identity: Identity::default(),
            readable: true,
            searchable: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(inode: u64) -> Identity {
        Identity { device: 1, inode }
    }

    #[test]
    fn directories_are_found_by_name_path_and_watch() {
        let mut table = Directories::new();
        let b = table.insert(ROOT, b"b");
        let a = table.insert(ROOT, b"a");
        let c = table.insert(b, b"c");
        assert_eq!(table.insert(b, b"c"), c);
        table.opened(c, identity(3), true, 7);
        assert_eq!(table.path(c).as_deref(), Some(&b"b/c"[..]));
        assert_eq!(table.path(ROOT).as_deref(), Some(&b""[..]));
        assert_eq!(
            (table.child(ROOT, b"a"), table.child(a, b"a")),
            (Some(a), None)
        );
        assert_eq!((table.of_watch(7), table.len()), (Some(c), 4));
        table.set_readable(c, false);
        table.set_readable(c, false);
        assert_eq!(table.unreadable().paths(), [b"b/c"]);
        assert_eq!(table.remove(b), [7]);
        assert_eq!(
            (table.len(), table.unreadable().len(), table.path(c)),
            (2, 0, None)
        );
        assert_eq!(table.of_watch(7), None);
        // A free place is used again.
        assert!(table.insert(a, b"new") < 4);
    }

    #[test]
    fn a_watch_moves_with_its_directory() {
        let mut table = Directories::new();
        let before = table.insert(ROOT, b"before");
        let after = table.insert(ROOT, b"after");
        table.opened(before, identity(1), true, 5);
        table.opened(after, identity(1), true, 5);
        assert!(table.remove(before).is_empty());
        assert_eq!(table.of_watch(5), Some(after));
        assert_eq!(table.unwatched(5), Some(after));
        assert!(!table.is_current(after, identity(1), true));
    }
}
