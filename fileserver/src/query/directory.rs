//! Lists one directory.
//!
//! Owns: what a list shows, read from the file system: a single directory is quick to read, and the index does not keep
//! the times of directories. Does not own: searching below a directory ([`crate::query::search`]).

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd};

use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use rustix::fs::{Access, AtFlags, FileType, accessat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::error::QueryError;
use crate::query::matcher::Matcher;
use crate::query::search::FoundFile;
use crate::tree::metadata::Metadata;
use crate::tree::path_order;
use crate::tree::root::Root;
use crate::tree::unreadable::is_unreadable;
use crate::tree::walk::{WalkError, list};

/// Buffer size for reading directory entries, in bytes.
const LISTING: usize = 32 * 1024;

/// The most entries in a list: they are kept in memory while it is sent.
const MAX_ENTRIES: usize = 1_000_000;

/// The longest path in a request, in bytes: the kernel's limit.
const MAX_PATH: usize = 4096;

/// Checks the length of a path.
///
/// # Errors
/// [`QueryError::BadRequest`] where it is not.
pub(crate) fn check_path(path: &[u8]) -> Result<(), QueryError> {
    if path.len() <= MAX_PATH {
        return Ok(());
    }
    Err(QueryError::BadRequest(format!(
        "a path is limited to {MAX_PATH} bytes"
    )))
}

/// A request to list a directory.
#[derive(Debug)]
pub(crate) struct ListRequest {
    /// The path below the root; empty for the root.
    pub(crate) path: Vec<u8>,
    pub(crate) glob: Option<String>,
    /// List the entry at the path itself, not its contents.
    pub(crate) itself: bool,
    pub(crate) hidden: bool,
    pub(crate) limit: Option<u64>,
}

/// The entries of a list.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Sorted by name.
    pub(crate) files: Vec<FoundFile>,
    /// The directories among them that may not be read, or the listed one if not all of its entries are known.
    pub(crate) unreadable: Vec<Vec<u8>>,
    /// Whether a file has another name, under which it may change unseen by who watches this one.
    pub(crate) has_linked: bool,
}

/// A checked request, ready to run.
#[derive(Debug)]
pub(crate) struct DirectoryListing {
    wanted: ListRequest,
    names: Matcher,
}

impl DirectoryListing {
    /// # Errors
    /// [`QueryError::BadRequest`] for a malformed glob or a path that is too long, [`QueryError::Denied`] where hidden
    /// names are asked for and the server does not show them.
    pub(crate) fn new(wanted: ListRequest, allow_hidden: bool) -> Result<Self, QueryError> {
        check_path(&wanted.path)?;
        let query = Query {
            glob: wanted.glob.clone(),
            hidden: wanted.hidden,
            ..Query::default()
        };
        let names = Matcher::new(&query, allow_hidden)?;
        Ok(Self { wanted, names })
    }

    /// The entries, sorted by name. Blocks the thread.
    ///
    /// # Errors
    /// [`WalkError`] where nothing can be opened or nobody waits any more; within, why there is nothing to list.
    pub(crate) fn run(
        &self,
        root: &Root,
        cancel: &CancellationToken,
    ) -> Result<Result<Listed, QueryError>, WalkError> {
        let path = &self.wanted.path;
        if !self.may_be_shown() {
            return Ok(Err(self.missing()));
        }
        let metadata = match entry(root, path) {
            Ok(metadata) => metadata,
            Err(error) => return self.refusal(error).map(Err),
        };
        match metadata.kind {
            FileType::Directory if !self.wanted.itself => self.inside(root, cancel),
            FileType::Directory | FileType::RegularFile => Ok(Ok(Listed {
                files: vec![entry_of(path, &metadata)],
                unreadable: Vec::new(),
                has_linked: true,
            })),
            _ => Ok(Err(self.missing())),
        }
    }

    /// Whether a list could show this path.
    fn may_be_shown(&self) -> bool {
        let path = &self.wanted.path;
        path.is_empty()
            || Root::is_shared(path)
            || (self.wanted.hidden
                && !path.contains(&0)
                && path
                    .split(|byte| *byte == b'/')
                    .all(|name| !matches!(name, b"" | b"." | b"..")))
    }

    fn inside(
        &self,
        root: &Root,
        cancel: &CancellationToken,
    ) -> Result<Result<Listed, QueryError>, WalkError> {
        let path = &self.wanted.path;
        let fd = match root.directory(path) {
            Ok(fd) => fd,
            Err(error) => return self.refusal(error).map(Err),
        };
        let mut listing = Vec::with_capacity(LISTING);
        let wanted = |name: &[u8]| self.names.accepts_name(name);
        let (mut entries, end) = list(fd.as_fd(), &mut listing, self.wanted.hidden, wanted);
        if let Err(error) = end {
            return self.refusal(error).map(Err);
        }
        entries.retain(|entry| !entry.is_directory || wanted(entry.name.to_bytes()));
        entries.sort_unstable();
        let limit = self.wanted.limit.map(usize::try_from);
        match limit {
            Some(limit) => entries.truncate(limit.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES)),
            None if entries.len() > MAX_ENTRIES => {
                return Ok(Err(QueryError::TooLarge(format!(
                    "a list is limited to {MAX_ENTRIES} entries; set a limit or a glob"
                ))));
            }
            None => {}
        }
        let mut files = Vec::with_capacity(entries.len());
        let mut unreadable = Vec::new();
        let mut has_linked = false;
        for entry in entries {
            if cancel.is_cancelled() {
                return Err(WalkError::Cancelled);
            }
            let metadata = match Metadata::of(fd.as_fd(), &entry.name) {
                Ok(metadata) => metadata,
                Err(error) if is_unreadable(error) => {
                    unreadable.push(path.clone());
                    continue;
                }
                // It has vanished since the directory was listed.
                Err(_) => continue,
            };
            let path = path_order::join(path, entry.name.to_bytes());
            match metadata.kind {
                FileType::Directory if !may_list(fd.as_fd(), &entry.name) => {
                    unreadable.push(path.clone());
                }
                FileType::Directory | FileType::RegularFile => {}
                _ => continue,
            }
            has_linked |= metadata.kind == FileType::RegularFile && metadata.links > 1;
            files.push(entry_of(&path, &metadata));
        }
        unreadable.dedup();
        Ok(Ok(Listed {
            files,
            unreadable,
            has_linked,
        }))
    }

    fn missing(&self) -> QueryError {
        let path = Name::from(self.wanted.path.as_slice());
        QueryError::NotFound(format!("there is no file or directory '{path}'"))
    }

    /// The error for the client that an error of the system becomes.
    fn refusal(&self, error: Errno) -> Result<QueryError, WalkError> {
        match error {
            Errno::ACCESS | Errno::PERM => {
                let path = Name::from(self.wanted.path.as_slice());
                Ok(QueryError::Denied(format!(
                    "the server may not read '{path}'"
                )))
            }
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG => {
                Ok(self.missing())
            }
            error => Err(WalkError::Io(error.into())),
        }
    }
}

/// Whether this process may list a directory and look up its entries.
fn may_list(parent: BorrowedFd<'_>, name: &CStr) -> bool {
    let flags = AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW;
    let access = accessat(parent, name, Access::READ_OK | Access::EXEC_OK, flags);
    // Old kernels do not support these flags; then listing it shows it.
    !matches!(access, Err(Errno::ACCESS | Errno::PERM))
}

/// The metadata of the entry at a path.
fn entry(root: &Root, path: &[u8]) -> rustix::io::Result<Metadata> {
    if path.is_empty() {
        return Metadata::of(root.as_fd(), c".");
    }
    let (directory, name) = path_order::split(path);
    let directory = root.directory(directory)?;
    let name = CString::new(name).map_err(|_| Errno::NOENT)?;
    Metadata::of(directory.as_fd(), &name)
}

fn entry_of(path: &[u8], metadata: &Metadata) -> FoundFile {
    let mut found = FoundFile::new(path, metadata, true);
    // The size of a directory itself means nothing to a client.
    if metadata.kind == FileType::Directory {
        found.size = 0;
    }
    found
}
