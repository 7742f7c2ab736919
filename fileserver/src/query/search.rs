//! Searches the tree by walking it.
//!
//! Owns: turning a query into files, and `dirlist` into names, with one walk per request. The index answers the same
//! queries from memory (`index`); `service` chooses between the two.

use std::cmp::Ordering;
use std::ffi::CStr;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use netsocket_protocol::message::{FileEntry, Order};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::{Query, Sort};
use rustix::fs::{Access, AtFlags, accessat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use crate::query::matcher::Matcher;
use crate::tree::metadata::{Metadata, Timestamp};
use crate::tree::path_order;
use crate::tree::root::Root;
use crate::tree::unreadable::{UnreadableDirectories, is_unreadable};
use crate::tree::walk::{Subtree, WalkError, WalkedFile, list, walk};

/// Buffer size for reading directory entries, in bytes.
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
    /// The birth time, or `modified` if the file system does not record it.
    pub born: Timestamp,
    /// Whether `born` is a birth time.
    pub birth_known: bool,
    /// Whether this process may read it; true if not checked.
    pub readable: bool,
}

impl FoundFile {
    /// The entry for the new wire and for the texts of the old one.
    #[must_use]
    pub fn entry(&self) -> FileEntry {
        FileEntry {
            path: Name::from(self.path.as_slice()),
            size: self.size,
            born: self.born.rfc3339(),
            birth_known: self.birth_known,
            modified: self.modified.rfc3339(),
            mode: self.mode,
        }
    }

    pub(crate) fn new(path: &[u8], metadata: &Metadata, readable: bool) -> Self {
        Self {
            path: path.to_vec(),
            size: metadata.size,
            mode: metadata.mode,
            modified: metadata.modified,
            born: metadata.born,
            birth_known: metadata.birth_known,
            readable,
        }
    }
}

/// Files that were found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The files.
    pub files: Vec<FoundFile>,
    /// Directories that could not be read; everything below them is missing. From the index, those of the whole tree.
    pub unreadable: Arc<UnreadableDirectories>,
}

/// A search of a tree without a running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Which files.
    pub query: Query,
    /// The most files to find; the walk stops there.
    pub limit: usize,
    /// Whether to check that each file may be read.
    pub check_readable: bool,
}

impl Search {
    /// Walks the tree. Blocks the thread. Returns the files sorted by path.
    ///
    /// # Errors
    /// [`WalkError`] if the tree cannot be read at all, the query is malformed, or the search was cancelled.
    pub fn run(&self, root: &Root, cancel: &CancellationToken) -> Result<Found, WalkError> {
        let malformed = |error| WalkError::Io(io::Error::new(io::ErrorKind::InvalidInput, error));
        let search = WalkSearch {
            matcher: &Matcher::new(&self.query, true).map_err(malformed)?,
            after: None,
            limit: self.limit,
            check_readable: self.check_readable,
        };
        search.run(root, cancel)
    }
}

/// A search by walking the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalkSearch<'a> {
    /// Which files.
    pub(crate) matcher: &'a Matcher,
    /// Only files after this path.
    pub(crate) after: Option<&'a [u8]>,
    /// The most files to find; the walk stops there.
    pub(crate) limit: usize,
    /// Whether to check that each file may be read.
    pub(crate) check_readable: bool,
}

impl WalkSearch<'_> {
    /// Walks the tree. Blocks the thread. Returns the files sorted by path.
    ///
    /// # Errors
    /// [`WalkError`] where the tree cannot be read at all, or the search was cancelled.
    pub(crate) fn run(&self, root: &Root, cancel: &CancellationToken) -> Result<Found, WalkError> {
        let (mut files, mut unreadable) = (Vec::new(), Vec::new());
        if self.limit == 0 || self.matcher.matches_nothing {
            return Ok(Found::default());
        }
        let visit = |file: WalkedFile<'_>| {
            match Metadata::of(file.directory, file.name) {
                Ok(metadata) if self.matcher.accepts(&metadata) => {
                    let readable = !self.check_readable || is_readable(file.directory, file.name);
                    files.push(FoundFile::new(file.path, &metadata, readable));
                    if files.len() >= self.limit {
                        return ControlFlow::Break(());
                    }
                }
                Err(error) if is_unreadable(error) => {
                    unreadable.push(path_order::split(file.path).0.to_vec());
                }
                // It does not match, or has vanished since its directory was listed.
                _ => {}
            }
            ControlFlow::Continue(())
        };
        let part = Subtree {
            below: &self.matcher.below,
            after: self.after,
            hidden: self.matcher.hidden,
        };
        let wanted = |name: &[u8]| self.matcher.accepts_name(name);
        let walked = walk(root, cancel, part, wanted, visit)?;
        Ok(Found {
            files,
            unreadable: Arc::new(walked.with(unreadable)),
        })
    }
}

/// Sorts files by a key; ties are sorted by path.
pub(crate) fn sort(files: &mut [FoundFile], by: Sort, reverse: bool) {
    files.sort_unstable_by(|a, b| {
        let key = match by {
            Sort::Path => Ordering::Equal,
            Sort::Name => path_order::split(&a.path)
                .1
                .cmp(path_order::split(&b.path).1),
            Sort::Size => a.size.cmp(&b.size),
            Sort::Born => a.born.cmp(&b.born),
            Sort::Modified => a.modified.cmp(&b.modified),
        };
        let order = key.then_with(|| path_order::compare(&a.path, &b.path));
        if reverse { order.reverse() } else { order }
    });
}

/// Whether this process may read a file.
pub(crate) fn is_readable(directory: BorrowedFd<'_>, name: &CStr) -> bool {
    let flags = AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW;
    let access = accessat(directory, name, Access::READ_OK, flags);
    // Old kernels do not support these flags; then opening the file shows it.
    !matches!(access, Err(Errno::ACCESS | Errno::PERM))
}

/// The names of the directories directly below the root. Blocks the thread.
///
/// # Errors
/// [`WalkError`] where the root cannot be read.
pub(crate) fn directories(root: &Root, order: Order) -> Result<Vec<Name>, WalkError> {
    let failed = |error: Errno| WalkError::Io(error.into());
    let fd = root.directory(b"").map_err(failed)?;
    let mut listing = Vec::with_capacity(LISTING);
    let (mut entries, end) = list(fd.as_fd(), &mut listing, false, |_| false);
    end.map_err(failed)?;
    entries.sort_unstable();
    let name = |entry: &crate::tree::walk::Entry| Name::from(entry.name.to_bytes());
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
