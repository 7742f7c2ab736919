//! Looking again at what is in doubt.
//!
//! Owns: the tree as the index knows it, and making it right where reports say that it may not be. It asks the file
//! system what is there *now*, so a place may be looked at once too often but never once too few.

use std::collections::{BTreeMap, HashSet};
use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::directories::{Directories, Id, ROOT};
use super::dirty_set::Doubts;
use super::scan::{SurveyError, Surveyor, identify};
use super::segment::{Cursor, Stored};
use super::snapshot::{Edits, Snapshot};
use crate::tree::metadata::Metadata;
use crate::tree::path_order::{self, Path};

/// Changes that are collected before a new snapshot is made of them.
const EDITS: usize = 50_000;

/// Files with several names that are looked at again because one of them may have changed.
const GUESSES: usize = 10_000;

/// The tree as the index knows it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) directories: Directories,
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Tree {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            directories: Directories::new(),
            snapshot: Arc::default(),
        }
    }

    /// Reads everything anew, on that many threads. Watches of directories that are no longer there end.
    ///
    /// # Errors
    /// [`SurveyError`]; the tree is then what it was before.
    pub(crate) fn rebuild(
        &mut self,
        surveyor: &Surveyor<'_>,
        threads: usize,
    ) -> Result<(), SurveyError> {
        let mut directories = Directories::new();
        let segments = surveyor.survey(&mut directories, ROOT, Vec::new(), threads);
        let kept = match &segments {
            Ok(_) => &directories,
            Err(_) => &self.directories,
        };
        let all: HashSet<_> = self
            .directories
            .all_watches()
            .chain(directories.all_watches())
            .collect();
        for watch in all {
            if kept.of_watch(watch).is_none() {
                surveyor.watcher.forget(watch);
            }
        }
        self.snapshot = Arc::new(Snapshot::new(segments?));
        self.directories = directories;
        Ok(())
    }

    /// Forgets everything, and ends all watches.
    pub(crate) fn clear(&mut self, surveyor: &Surveyor<'_>) {
        for watch in self.directories.remove(ROOT) {
            surveyor.watcher.forget(watch);
        }
        *self = Self::new();
    }

    /// Looks again at the entries that are in doubt.
    ///
    /// # Errors
    /// [`SurveyError`]; the tree is then no longer to be trusted.
    pub(crate) fn refresh(
        &mut self,
        surveyor: &Surveyor<'_>,
        doubts: Doubts,
    ) -> Result<(), SurveyError> {
        let mut by_directory: BTreeMap<Id, Vec<Doubt>> = BTreeMap::new();
        for ((id, name), changed) in doubts.entries {
            by_directory
                .entry(id)
                .or_default()
                .push(Doubt { name, changed });
        }
        let mut work = Refresh {
            surveyor,
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

/// An entry of a directory that is looked at again.
struct Doubt {
    name: Box<[u8]>,
    /// Whether the file was changed rather than only its name.
    changed: bool,
}

struct Refresh<'a> {
    surveyor: &'a Surveyor<'a>,
    tree: &'a mut Tree,
    edits: Edits,
    /// Files that have changed and have other names.
    linked: HashSet<u64>,
    /// A file was changed through a name that is gone: it may live on under other names, and nobody knows which.
    unknown: bool,
}

impl Refresh<'_> {
    /// Looks at entries of one directory.
    fn directory(&mut self, id: Id, doubts: Vec<Doubt>) -> Result<(), SurveyError> {
        // What has been taken out since is in doubt through the directory that it was in.
        let Some(path) = self.tree.directories.path(id) else {
            self.unknown |= doubts.iter().any(|doubt| doubt.changed);
            return Ok(());
        };
        let fd = self.open(id, &path)?;
        for Doubt { name, changed } in doubts {
            let path_of_entry = path_order::join(&path, &name);
            // A survey on the way may have taken the directory out.
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

    /// The directory of the table, if it is still there and what is at its path.
    fn open(&self, id: Id, path: &[u8]) -> Result<Option<OwnedFd>, SurveyError> {
        let fd = match self.surveyor.root.directory(path) {
            Ok(fd) => fd,
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => {
                return Err(SurveyError::Io(error.into()));
            }
            Err(_) => return Ok(None),
        };
        // Where another directory has the path, the one above it is in doubt, too.
        let (identity, searchable) = identify(fd.as_fd())?;
        let is_it = id == ROOT || self.tree.directories.is_current(id, identity, searchable);
        Ok(is_it.then_some(fd))
    }

    /// Looks at one entry. Whether there is a file.
    fn entry(
        &mut self,
        id: Id,
        path: &[u8],
        fd: &OwnedFd,
        name: &[u8],
    ) -> Result<bool, SurveyError> {
        let Ok(c_name) = CString::new(name) else {
            return Ok(false);
        };
        let metadata = Metadata::of(fd.as_fd(), &c_name).ok();
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
            self.take_out(known, path);
        }
        Ok(file.is_some())
    }

    /// There is a directory of that name: reads it, unless it is one that is known and watched.
    fn subdirectory(
        &mut self,
        parent: Id,
        name: &[u8],
        known: Option<Id>,
        path: Vec<u8>,
    ) -> Result<(), SurveyError> {
        if let Some(known) = known {
            if let Ok(fd) = self.surveyor.root.directory(&path) {
                let (identity, searchable) = identify(fd.as_fd())?;
                if self
                    .tree
                    .directories
                    .is_current(known, identity, searchable)
                {
                    return Ok(());
                }
            }
            self.take_out(known, &path);
        }
        let directories = &mut self.tree.directories;
        let id = directories.insert(parent, name);
        let segments = self.surveyor.survey(directories, id, path.clone(), 1)?;
        self.replace(&path, segments);
        Ok(())
    }

    /// A directory is no longer there.
    fn take_out(&mut self, id: Id, path: &[u8]) {
        for watch in self.tree.directories.remove(id) {
            self.surveyor.watcher.forget(watch);
        }
        self.replace(path, Vec::new());
    }

    fn replace(&mut self, directory: &[u8], segments: Vec<Arc<super::segment::Segment>>) {
        // What was found below it earlier is older than what is there now.
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

    fn finish(mut self) -> Result<(), SurveyError> {
        self.apply();
        if self.unknown || !self.linked.is_empty() {
            self.other_names()?;
            self.apply();
        }
        Ok(())
    }

    /// A report names one name of a file; its other names have changed with it. Where the name is in a hidden directory, or
    /// outside of the root, nothing is reported: then the next survey finds what has changed.
    fn other_names(&mut self) -> Result<(), SurveyError> {
        let snapshot = Arc::clone(&self.tree.snapshot);
        let mut path = Vec::new();
        let mut guesses = if self.unknown { GUESSES } else { 0 };
        for segment in snapshot.segments() {
            let mut cursor = Cursor::new(segment);
            for (file, inode) in segment.inodes().iter().enumerate() {
                if !self.linked.contains(inode) {
                    if guesses == 0 || !segment.is_linked(file) {
                        continue;
                    }
                    guesses -= 1;
                }
                cursor.path(file, &mut path);
                let (directory, name) = path_order::split(&path);
                let Ok(fd) = self.surveyor.root.directory(directory) else {
                    continue;
                };
                let Ok(name) = CString::new(name) else {
                    continue;
                };
                // What is gone is reported on its own.
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
