//! Checks dirty entries on disk and updates the index.
//!
//! Owns: the indexed tree, and correcting it where events say that it may be wrong. It asks the file system what is
//! there *now*, so an entry may be checked too often but never too rarely.

use std::collections::{BTreeMap, HashSet};
use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::directories::{Directories, Id, ROOT};
use super::dirty_set::DirtySet;
use super::scan::{ScanError, Scanner, identify};
use super::segment::{Cursor, Stored};
use super::snapshot::{Edits, Snapshot};
use crate::tree::metadata::Metadata;
use crate::tree::path_order::{self, Path};
use crate::tree::unreadable::is_unreadable;

/// Changes to collect before making a new snapshot.
const EDITS: usize = 50_000;

/// The most files with several hard links that are checked because one of them may have changed.
const MAX_LINK_CHECKS: usize = 10_000;

/// The indexed tree: directories and files.
#[derive(Debug)]
pub(crate) struct IndexedTree {
    pub(crate) directories: Directories,
    pub(crate) snapshot: Arc<Snapshot>,
}

impl IndexedTree {
    /// An empty tree.
    pub(crate) fn new() -> Self {
        Self {
            directories: Directories::new(),
            snapshot: Arc::default(),
        }
    }

    /// Scans the whole tree on `threads` threads. Ends the watches of directories that are gone.
    ///
    /// # Errors
    /// [`ScanError`]; the indexed tree is then unchanged.
    pub(crate) fn rebuild(
        &mut self,
        scanner: &Scanner<'_>,
        threads: usize,
    ) -> Result<(), ScanError> {
        let mut directories = Directories::new();
        let segments = scanner.scan(&mut directories, ROOT, Vec::new(), threads);
        let selected = match &segments {
            Ok(_) => &directories,
            Err(_) => &self.directories,
        };
        let all: HashSet<_> = self
            .directories
            .all_watches()
            .chain(directories.all_watches())
            .collect();
        for watch in all {
            if selected.of_watch(watch).is_none() {
                scanner.watcher.unwatch(watch);
            }
        }
        self.snapshot = Arc::new(Snapshot::new(segments?));
        self.directories = directories;
        Ok(())
    }

    /// Drops everything and ends all watches.
    pub(crate) fn clear(&mut self, scanner: &Scanner<'_>) {
        for watch in self.directories.remove(ROOT) {
            scanner.watcher.unwatch(watch);
        }
        *self = Self::new();
    }

    /// Checks the dirty entries.
    ///
    /// # Errors
    /// [`ScanError`]; the indexed tree can then no longer be trusted.
    pub(crate) fn refresh(
        &mut self,
        scanner: &Scanner<'_>,
        dirty: DirtySet,
    ) -> Result<(), ScanError> {
        let mut by_directory: BTreeMap<Id, Vec<DirtyEntry>> = BTreeMap::new();
        for ((id, name), changed) in dirty.entries {
            by_directory
                .entry(id)
                .or_default()
                .push(DirtyEntry { name, changed });
        }
        let mut work = Refresh {
            scanner,
            tree: self,
            edits: Edits::new(),
            linked: HashSet::new(),
            unknown: false,
        };
        for (id, names) in by_directory {
            work.directory(id, names)?;
        }
        work.finish()
    }
}

/// An entry to check.
struct DirtyEntry {
    name: Box<[u8]>,
    /// Whether the file itself changed rather than only its name.
    changed: bool,
}

struct Refresh<'a> {
    scanner: &'a Scanner<'a>,
    tree: &'a mut IndexedTree,
    edits: Edits,
    /// Changed files with several hard links.
    linked: HashSet<u64>,
    /// A file changed through a name that is now gone: it may still have other, unknown names.
    unknown: bool,
}

impl Refresh<'_> {
    /// Checks entries of one directory.
    fn directory(&mut self, id: Id, dirty: Vec<DirtyEntry>) -> Result<(), ScanError> {
        // A directory removed since is covered by the dirty entry of its parent.
        let Some(path) = self.tree.directories.path(id) else {
            self.unknown |= dirty.iter().any(|doubt| doubt.changed);
            return Ok(());
        };
        let fd = self.open(id, &path)?;
        for DirtyEntry { name, changed } in dirty {
            let path_of_entry = path_order::join(&path, &name);
            // A scan in this loop may have removed the directory.
            let is_there = self.tree.directories.path(id).as_ref() == Some(&path);
            let found = match &fd {
                Some(fd) if is_there => self.entry(id, &path_of_entry, fd, &name)?,
                _ => false,
            };
            if changed && !found {
                self.unknown = true;
            }
            if self.edits.len() > EDITS {
                self.apply();
            }
        }
        Ok(())
    }

    /// Opens a directory of the table, if it is still the one at its path.
    fn open(&self, id: Id, path: &[u8]) -> Result<Option<OwnedFd>, ScanError> {
        let fd = match self.scanner.root.directory(path) {
            Ok(fd) => fd,
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => {
                return Err(ScanError::Io(error.into()));
            }
            Err(_) => return Ok(None),
        };
        // If another directory has the path, its parent has a dirty entry, too.
        let (identity, searchable) = identify(fd.as_fd())?;
        let is_it = id == ROOT || self.tree.directories.is_current(id, identity, searchable);
        Ok(is_it.then_some(fd))
    }

    /// Checks one entry. Returns whether it is a file.
    fn entry(&mut self, id: Id, path: &[u8], fd: &OwnedFd, name: &[u8]) -> Result<bool, ScanError> {
        let Ok(c_name) = CString::new(name) else {
            return Ok(false);
        };
        let metadata = Metadata::of(fd.as_fd(), &c_name);
        if metadata.as_ref().is_err_and(|error| is_unreadable(*error)) {
            self.tree.directories.set_incomplete(id);
        }
        let metadata = metadata.ok();
        let kind = metadata.as_ref().map(|file| file.kind);
        let file = metadata.filter(|file| file.kind == FileType::RegularFile);
        let linked = file.as_ref().filter(|file| file.links > 1);
        self.linked.extend(linked.map(|file| file.inode));
        if name.starts_with(b".") {
            return Ok(file.is_some());
        }
        let known = self.tree.directories.child(id, name);
        self.edits
            .insert(Path(path.to_vec()), file.as_ref().map(Stored::from));
        if kind == Some(FileType::Directory) {
            self.subdirectory(id, name, known, path.to_vec())?;
        } else if let Some(known) = known {
            self.remove_directory(known, path);
        }
        Ok(file.is_some())
    }

    /// Handles an entry that is a directory: scans it, unless it is known and watched.
    fn subdirectory(
        &mut self,
        parent: Id,
        name: &[u8],
        known: Option<Id>,
        path: Vec<u8>,
    ) -> Result<(), ScanError> {
        if let Some(known) = known {
            if let Ok(fd) = self.scanner.root.directory(&path) {
                let (identity, searchable) = identify(fd.as_fd())?;
                if self
                    .tree
                    .directories
                    .is_current(known, identity, searchable)
                {
                    return Ok(());
                }
            }
            self.remove_directory(known, &path);
        }
        let directories = &mut self.tree.directories;
        let id = directories.insert(parent, name);
        let segments = self.scanner.scan(directories, id, path.clone(), 1)?;
        self.replace(&path, segments);
        Ok(())
    }

    /// Removes a directory that is gone.
    fn remove_directory(&mut self, id: Id, path: &[u8]) {
        for watch in self.tree.directories.remove(id) {
            self.scanner.watcher.unwatch(watch);
        }
        self.replace(path, Vec::new());
    }

    fn replace(&mut self, directory: &[u8], segments: Vec<Arc<super::segment::Segment>>) {
        // Pending changes below it are older than the new scan.
        let first = Path(path_order::join(directory, b""));
        let older: Vec<Path> = self
            .edits
            .range(first..)
            .map(|(path, _)| path)
            .take_while(|path| path_order::is_below(&path.0, directory))
            .cloned()
            .collect();
        for path in older {
            self.edits.remove(&path);
        }
        self.tree.snapshot = Arc::new(self.tree.snapshot.replaced(directory, segments));
    }

    fn apply(&mut self) {
        if !self.edits.is_empty() {
            let edits = std::mem::take(&mut self.edits);
            self.tree.snapshot = Arc::new(self.tree.snapshot.edited(&edits));
        }
    }

    fn finish(mut self) -> Result<(), ScanError> {
        self.apply();
        if self.unknown || !self.linked.is_empty() {
            self.refresh_hard_links()?;
            self.apply();
        }
        Ok(())
    }

    /// An event names one hard link of a file, but the others changed with it. Changes through a link in a hidden
    /// directory or outside the root are not reported at all: the next full scan finds them.
    fn refresh_hard_links(&mut self) -> Result<(), ScanError> {
        let snapshot = Arc::clone(&self.tree.snapshot);
        let mut path = Vec::new();
        let mut checks_left = if self.unknown { MAX_LINK_CHECKS } else { 0 };
        for segment in snapshot.segments() {
            let mut cursor = Cursor::new(segment);
            for (file, inode) in segment.inodes().iter().enumerate() {
                if !self.linked.contains(inode) {
                    if checks_left == 0 || !segment.is_linked(file) {
                        continue;
                    }
                    checks_left -= 1;
                }
                cursor.path(file, &mut path);
                let (directory, name) = path_order::split(&path);
                let Ok(fd) = self.scanner.root.directory(directory) else {
                    continue;
                };
                let Ok(name) = CString::new(name) else {
                    continue;
                };
                // A removed name has its own event.
                if let Ok(file) = Metadata::of(fd.as_fd(), &name)
                    && file.kind == FileType::RegularFile
                {
                    self.edits
                        .insert(Path(path.clone()), Some(Stored::from(&file)));
                }
            }
        }
        Ok(())
    }
}
