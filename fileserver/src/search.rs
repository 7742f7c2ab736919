//! What a query means in this tree, now.
//!
//! Owns: turning a [`Query`] into files and `dirlist` into names, by walking the tree for each question. An index can
//! take the place of the walk without a caller noticing.

use std::ops::ControlFlow;
use std::os::fd::AsFd as _;

use netsocket_protocol::message::{FileEntry, Order};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use rustix::fs::{Access, AtFlags, FileType, accessat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use crate::day::day_start;
use crate::metadata::{Metadata, Timestamp};
use crate::root::Root;
use crate::walk::{Visit, WalkError, list, walk};

/// Bytes of directory entries that are read at once.
const LISTING: usize = 32 * 1024;

/// A regular file as it was when it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// The path below the root.
    pub path: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// Type and permission bits.
    pub mode: u32,
    /// The time of the last modification.
    pub modified: Timestamp,
    /// The birth time, or `modified` where the file system keeps none.
    pub born: Timestamp,
    /// Whether `born` is the birth time.
    pub birth_known: bool,
    /// Whether this process may read it; true where nobody asked.
    pub readable: bool,
}

impl FoundFile {
    /// The same for the new wire and for the texts of the old one.
    #[must_use]
    pub fn entry(&self) -> FileEntry {
        FileEntry {
            path: Name::from(self.path.as_slice()),
            size: self.size,
            born: self.born.rfc3339(),
            birth_known: self.birth_known,
            mode: self.mode,
        }
    }
}

/// The files that a query means, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The files.
    pub files: Vec<FoundFile>,
    /// Directories that could not be read, with whatever is below them.
    pub unreadable_directories: u64,
}

/// What to look for, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Which files.
    pub query: Query,
    /// The most files to find; the walk stops there.
    pub limit: usize,
    /// Whether to ask of each file if it may be read.
    pub check_readable: bool,
}

impl Search {
    /// Walks the tree. Blocks the thread.
    ///
    /// # Errors
    /// [`WalkError`] where the tree cannot be read at all, or the search was cancelled.
    pub fn run(&self, root: &Root, cancel: &CancellationToken) -> Result<Found, WalkError> {
        let mut files = Vec::new();
        if self.limit == 0 {
            return Ok(Found::default());
        }
        let born_from = self.query.born_from.map(day_start);
        let born_before = self.query.born_before.map(day_start);
        let is_meant = |file: &Metadata| {
            file.kind == FileType::RegularFile
                && self.query.accepts_size(file.size)
                && born_from.is_none_or(|from| file.born.seconds >= from)
                && born_before.is_none_or(|before| file.born.seconds < before)
        };
        let visit = |file: Visit<'_>| {
            // What cannot be asked about has vanished since its directory was listed.
            if let Ok(metadata) = Metadata::of(file.directory, file.name)
                && is_meant(&metadata)
            {
                files.push(FoundFile {
                    path: file.path.to_vec(),
                    size: metadata.size,
                    mode: metadata.mode,
                    modified: metadata.modified,
                    born: metadata.born,
                    birth_known: metadata.birth_known,
                    readable: !self.check_readable || is_readable(&file),
                });
                if files.len() >= self.limit {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        };
        let wanted = |name: &[u8]| self.query.accepts_name(name);
        let unreadable_directories = walk(root, cancel, wanted, visit)?;
        Ok(Found {
            files,
            unreadable_directories,
        })
    }
}

fn is_readable(file: &Visit<'_>) -> bool {
    let access = accessat(
        file.directory,
        file.name,
        Access::READ_OK,
        AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW,
    );
    // An old kernel cannot be asked this way; then the open will tell.
    !matches!(access, Err(Errno::ACCESS | Errno::PERM))
}

/// The names of the directories directly below the root. Blocks the thread.
///
/// # Errors
/// [`WalkError`] where the root cannot be read.
pub fn directories(root: &Root, order: Order) -> Result<Vec<Name>, WalkError> {
    let failed = |error: Errno| WalkError::Io(error.into());
    let fd = root.directory(b"").map_err(failed)?;
    let mut listing = Vec::with_capacity(LISTING);
    let (mut entries, end) = list(fd.as_fd(), &mut listing, |_| false);
    end.map_err(failed)?;
    entries.sort_unstable();
    let name = |entry: &crate::walk::Entry| Name::from(entry.name.to_bytes());
    if order == Order::Name {
        return Ok(entries.iter().map(name).collect());
    }
    let mut born: Vec<(Timestamp, Name)> = entries
        .iter()
        .filter_map(|entry| {
            let metadata = Metadata::of(fd.as_fd(), &entry.name).ok()?;
            Some((metadata.born, name(entry)))
        })
        .collect();
    born.sort();
    Ok(born.into_iter().map(|(_, name)| name).collect())
}
