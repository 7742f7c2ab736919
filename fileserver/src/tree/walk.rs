//! Walks the tree below the root, in path order.
//!
//! Owns: which entries there are, and their order: names by their bytes, so paths compare component by component.
//! Entries whose name begins with a dot are skipped with everything below them, unless requested; symbolic links are
//! neither followed nor shown. Does not own: which files match a query ([`crate::query::search`]).
//!
//! The stack of a walk is on the heap, and at most [`MAX_OPEN`] directories are open at a time, so a tree of any depth
//! exhausts neither the thread's stack nor the descriptors.

use std::cmp::Ordering;
use std::ffi::{CStr, CString};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Access, AtFlags, FileType, Mode, RawDir, accessat, openat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use crate::tree::metadata::Metadata;
use crate::tree::root::{LIST, Root};
use crate::tree::unreadable::{UnreadableDirectories, is_unreadable};

/// The most directories a walk keeps open; those further up are opened again on the way back.
const MAX_OPEN: usize = 32;

/// Buffer size for reading directory entries, in bytes.
const LISTING: usize = 32 * 1024;

/// Why a walk has no result.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The walk was cancelled, because nobody waits for it any more.
    #[error("the walk was cancelled")]
    Cancelled,
    /// The root cannot be listed, or the process has run out of descriptors or memory: the result would be incomplete.
    #[error("the tree cannot be read: {0}")]
    Io(io::Error),
}

/// A regular file found by a walk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalkedFile<'a> {
    /// The path below the root.
    pub(crate) path: &'a [u8],
    /// Its directory.
    pub(crate) directory: BorrowedFd<'a>,
    /// Its name in that directory.
    pub(crate) name: &'a CStr,
}

/// An entry of a directory that matters to a walk.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) name: CString,
    pub(crate) is_directory: bool,
}

/// One directory between the root and the current position of a walk.
struct Level {
    entries: std::vec::IntoIter<Entry>,
    fd: Option<OwnedFd>,
    /// The length of this directory's path within the walk's path.
    path_length: usize,
    /// Which component of the start path is an entry of this directory, if any.
    component: Option<usize>,
}

/// The part of the tree to walk.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Subtree<'a> {
    /// The directory to start in; empty for the root.
    pub(crate) below: &'a [u8],
    /// Only what comes after this path, which is below that directory.
    pub(crate) after: Option<&'a [u8]>,
    /// Include names that begin with a dot.
    pub(crate) hidden: bool,
}

/// Calls `visit` with each regular file whose name is `wanted`, in order, until it breaks. Returns the directories that
/// could not be read. What vanishes during the walk is skipped.
pub(crate) fn walk(
    root: &Root,
    cancel: &CancellationToken,
    part: Subtree<'_>,
    wanted: impl Fn(&[u8]) -> bool,
    mut visit: impl FnMut(WalkedFile<'_>) -> ControlFlow<()>,
) -> Result<UnreadableDirectories, WalkError> {
    let mut walk = Walk {
        root,
        wanted,
        hidden: part.hidden,
        behind: behind(part),
        listing: Vec::with_capacity(LISTING),
        path: part.below.to_vec(),
        levels: Vec::new(),
        unreadable: Vec::new(),
    };
    match root.directory(part.below) {
        Ok(fd) => walk.enter(fd, part.below.len(), Some(0))?,
        Err(error) if part.below.is_empty() => return Err(WalkError::Io(error.into())),
        Err(error) => walk.skipped(part.below.len(), error)?,
    }
    loop {
        if cancel.is_cancelled() {
            return Err(WalkError::Cancelled);
        }
        match walk.step(&mut visit)? {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(()) => return Ok(UnreadableDirectories::new(walk.unreadable)),
        }
    }
}

/// The components of the start path, relative to the directory the walk starts in.
fn behind(part: Subtree<'_>) -> Vec<Vec<u8>> {
    let Some(after) = part.after else {
        return Vec::new();
    };
    let rest = match part.below {
        b"" => Some(after),
        below => after
            .strip_prefix(below)
            .and_then(|rest| rest.strip_prefix(b"/")),
    };
    let components = rest.map(|rest| rest.split(|byte| *byte == b'/'));
    components
        .into_iter()
        .flatten()
        .map(<[u8]>::to_vec)
        .collect()
}

struct Walk<'a, W> {
    root: &'a Root,
    wanted: W,
    hidden: bool,
    /// What does not come after these components is skipped.
    behind: Vec<Vec<u8>>,
    /// Buffer for directory entries.
    listing: Vec<u8>,
    /// The path of the current entry.
    path: Vec<u8>,
    levels: Vec<Level>,
    /// The paths of directories that could not be read.
    unreadable: Vec<Vec<u8>>,
}

impl<W: Fn(&[u8]) -> bool> Walk<'_, W> {
    /// Advances by one entry.
    fn step(
        &mut self,
        visit: &mut impl FnMut(WalkedFile<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, WalkError> {
        let Some(level) = self.levels.last_mut() else {
            return Ok(ControlFlow::Break(()));
        };
        let Some(entry) = level.entries.next() else {
            self.levels.pop();
            return Ok(ControlFlow::Continue(()));
        };
        self.path.truncate(level.path_length);
        if level.fd.is_none()
            && let Err(error) = self.reopen()
        {
            // The rest of the directory cannot be reached any more.
            self.levels.pop();
            self.skipped(self.path.len(), error)?;
            return Ok(ControlFlow::Continue(()));
        }
        let Some(directory) = self.levels.last().and_then(|level| level.fd.as_ref()) else {
            return Ok(ControlFlow::Continue(()));
        };
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(entry.name.to_bytes());
        if !entry.is_directory {
            return Ok(visit(WalkedFile {
                path: &self.path,
                directory: directory.as_fd(),
                name: &entry.name,
            }));
        }
        let component = self.levels.last().and_then(|level| level.component);
        let component = component
            .filter(|at| {
                self.behind
                    .get(*at)
                    .is_some_and(|name| name == entry.name.to_bytes())
            })
            .map(|at| at + 1);
        match openat(directory, &entry.name, LIST, Mode::empty()) {
            Ok(fd) => self.enter(fd, self.path.len(), component)?,
            Err(error) => self.skipped(self.path.len(), error)?,
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Lists a directory and makes it the current one.
    fn enter(
        &mut self,
        fd: OwnedFd,
        path_length: usize,
        component: Option<usize>,
    ) -> Result<(), WalkError> {
        // Its names are no use where nothing can be learnt about them.
        if !is_searchable(fd.as_fd()) {
            return self.skipped(path_length, Errno::ACCESS);
        }
        let (mut entries, end) = list(fd.as_fd(), &mut self.listing, self.hidden, &self.wanted);
        if let Some(name) = component.and_then(|at| self.behind.get(at)) {
            // A file of that name is the start path itself, or comes before it.
            entries.retain(|entry| match entry.name.to_bytes().cmp(name) {
                Ordering::Less => false,
                Ordering::Equal => entry.is_directory,
                Ordering::Greater => true,
            });
        }
        entries.sort_unstable();
        if let Err(error) = end {
            self.skipped(path_length, error)?;
        }
        self.levels.push(Level {
            entries: entries.into_iter(),
            fd: Some(fd),
            path_length,
            component,
        });
        if let Some(above) = self.levels.len().checked_sub(MAX_OPEN + 1) {
            self.levels[above].fd = None;
        }
        Ok(())
    }

    /// Opens again the current directory and those above it, up to the limit: resolving a path from the root for each
    /// one would cost the square of the depth.
    fn reopen(&mut self) -> rustix::io::Result<()> {
        let first = self.levels.len().saturating_sub(MAX_OPEN);
        let mut above: Option<(&OwnedFd, usize)> = None;
        for level in &mut self.levels[first..] {
            let fd = match above {
                None => self.root.directory(&self.path[..level.path_length])?,
                Some((above, length)) => {
                    let name = &self.path[length..level.path_length];
                    let name = name.strip_prefix(b"/").unwrap_or(name);
                    openat(above, name, LIST, Mode::empty())?
                }
            };
            above = Some((level.fd.insert(fd), level.path_length));
        }
        Ok(())
    }

    /// Classifies the error of a directory that cannot be read, whose path is that much of the current one.
    fn skipped(&mut self, path_length: usize, error: Errno) -> Result<(), WalkError> {
        match error {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => return Err(WalkError::Io(error.into())),
            Errno::ACCESS if path_length == 0 => return Err(WalkError::Io(error.into())),
            error if is_unreadable(error) => {
                self.unreadable.push(self.path[..path_length].to_vec());
            }
            // Vanished, or replaced by something else.
            _ => {}
        }
        Ok(())
    }
}

/// Whether the entries of a directory can be looked up.
pub(crate) fn is_searchable(directory: BorrowedFd<'_>) -> bool {
    let access = accessat(directory, c".", Access::EXEC_OK, AtFlags::EACCESS);
    // Old kernels do not support the flag; then looking up an entry shows it.
    !matches!(access, Err(Errno::ACCESS | Errno::PERM))
}

/// The subdirectories and the wanted regular files in a directory, unsorted, as far as it can be read, and how the
/// listing ended.
pub(crate) fn list(
    directory: BorrowedFd<'_>,
    listing: &mut Vec<u8>,
    hidden: bool,
    wanted: impl Fn(&[u8]) -> bool,
) -> (Vec<Entry>, rustix::io::Result<()>) {
    let mut entries = Vec::new();
    let mut raw = RawDir::new(directory, listing.spare_capacity_mut());
    while let Some(entry) = raw.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return (entries, Err(error)),
        };
        let name = entry.file_name();
        if match name.to_bytes() {
            b"." | b".." => true,
            name => !hidden && name.starts_with(b"."),
        } {
            continue;
        }
        let kind = match entry.file_type() {
            // Not every file system reports the type with the name.
            FileType::Unknown => match Metadata::of(directory, name) {
                Ok(metadata) => metadata.kind,
                Err(_) => continue,
            },
            kind => kind,
        };
        let is_directory = kind == FileType::Directory;
        if is_directory || (kind == FileType::RegularFile && wanted(name.to_bytes())) {
            entries.push(Entry {
                name: name.to_owned(),
                is_directory,
            });
        }
    }
    (entries, Ok(()))
}

#[cfg(test)]
mod tests;
