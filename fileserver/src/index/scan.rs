//! Scans a part of the tree into segments.
//!
//! Owns: the parallel walk for the index. Every directory is watched before it is listed, so later changes are
//! reported. Does not own: handling the events ([`super::dirty_set`]).

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::directories::{Directories, Id, Identity, ROOT};
use super::segment::{Segment, SegmentBuilder, Stored};
use super::watcher::{WatchError, Watcher, remote_kind};
use crate::tree::metadata::Metadata;
use crate::tree::path_order::join;
use crate::tree::root::Root;
use crate::tree::unreadable::is_unreadable;
use crate::tree::walk::{is_searchable, list};

/// Buffer size for reading directory entries, in bytes.
const LISTING: usize = 32 * 1024;

/// Why a scan failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    /// The server is stopping.
    #[error("the scan was cancelled")]
    Cancelled,
    /// A directory cannot be watched.
    #[error(transparent)]
    WatchError(#[from] WatchError),
    /// The root cannot be read, or the process has run out of descriptors or memory.
    #[error("the tree cannot be read: {0}")]
    Io(io::Error),
}

/// Progress of a scan.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) files: AtomicU64,
    pub(crate) directories: AtomicU64,
}

/// What a scan needs.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    pub(crate) root: &'a Root,
    pub(crate) watcher: &'a dyn Watcher,
    pub(crate) max_watches: usize,
    pub(crate) cancel: &'a CancellationToken,
    pub(crate) progress: &'a Progress,
}

/// A directory to read.
#[derive(Debug)]
struct Job {
    id: Id,
    path: Vec<u8>,
    /// The device of its parent directory.
    device: Option<u64>,
}

/// The contents of a directory, sorted by name.
#[derive(Debug, Default)]
struct Listing {
    names: Vec<u8>,
    /// The end of each name in `names`, and the entry.
    entries: Vec<(usize, Content)>,
}

#[derive(Debug, Clone, Copy)]
enum Content {
    File(Stored),
    Directory(Id),
}

/// What the threads of a scan share.
#[derive(Debug)]
struct Shared {
    work: Mutex<Work>,
    /// Signals new jobs, or the end of the scan.
    wake: Condvar,
    directories: Mutex<Directories>,
    listings: Mutex<HashMap<Id, Listing>>,
}

#[derive(Debug)]
struct Work {
    jobs: Vec<Job>,
    /// Threads with a job, which may find more.
    busy: usize,
    error: Option<ScanError>,
}

/// A panic does not leave a half-made change: each lock is held for one change only.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scanner<'_> {
    /// Scans a directory and everything below it. Remove earlier entries below it from the table first.
    ///
    /// # Errors
    /// [`ScanError`]; the table is then incomplete.
    pub(crate) fn scan(
        &self,
        directories: &mut Directories,
        start: Id,
        path: Vec<u8>,
        threads: usize,
    ) -> Result<Vec<Arc<Segment>>, ScanError> {
        let job = Job {
            id: start,
            path: path.clone(),
            device: None,
        };
        let shared = Shared {
            work: Mutex::new(Work {
                jobs: vec![job],
                busy: 0,
                error: None,
            }),
            wake: Condvar::new(),
            directories: Mutex::new(std::mem::replace(directories, Directories::new())),
            listings: Mutex::default(),
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| self.work(&shared));
            }
            self.work(&shared);
        });
        *directories = shared
            .directories
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let work = shared
            .work
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = work.error {
            return Err(error);
        }
        let listings = shared
            .listings
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(in_order(start, path, listings))
    }

    /// Does jobs until none are left and no thread can find more.
    fn work(&self, shared: &Shared) {
        let mut listing = Vec::with_capacity(LISTING);
        while let Some(job) = take(shared) {
            let found = self.directory(shared, &job, &mut listing);
            let mut work = lock(&shared.work);
            work.busy -= 1;
            match found {
                Ok(more) => work.jobs.extend(more),
                Err(error) => {
                    work.error.get_or_insert(error);
                }
            }
            shared.wake.notify_all();
        }
    }

    /// Reads one directory; its subdirectories become jobs.
    fn directory(
        &self,
        shared: &Shared,
        job: &Job,
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<Job>, ScanError> {
        if self.cancel.is_cancelled() {
            return Err(ScanError::Cancelled);
        }
        let fd = match self.root.directory(&job.path) {
            Ok(fd) => fd,
            Err(error) => {
                self.skipped(shared, job.id, error)?;
                return Ok(Vec::new());
            }
        };
        let (identity, searchable) = identify(fd.as_fd())?;
        if job.device != Some(identity.device)
            && let Some(kind) = remote_kind(fd.as_fd())
        {
            let place = job.path.escape_ascii().to_string();
            return Err(WatchError::Remote { place, kind }.into());
        }
        if lock(&shared.directories).watches() >= self.max_watches {
            return Err(WatchError::Limit.into());
        }
        let watch = self.watcher.watch(fd.as_fd())?;
        lock(&shared.directories).opened(job.id, identity, searchable, watch);

        if !searchable {
            // As in a walk: its names are no use where nothing can be learnt about them.
            self.skipped(shared, job.id, Errno::ACCESS)?;
            return Ok(Vec::new());
        }
        let (mut entries, end) = list(fd.as_fd(), buffer, false, |_| true);
        entries.sort_unstable();
        if let Err(error) = end {
            self.skipped(shared, job.id, error)?;
        }
        let mut listing = Listing::default();
        let mut more = Vec::new();
        for entry in entries {
            let name = entry.name.to_bytes();
            let content = if entry.is_directory {
                let id = lock(&shared.directories).insert(job.id, name);
                more.push(Job {
                    id,
                    path: join(&job.path, name),
                    device: Some(identity.device),
                });
                Content::Directory(id)
            } else {
                match Metadata::of(fd.as_fd(), &entry.name) {
                    Ok(file) if file.kind == FileType::RegularFile => Content::File((&file).into()),
                    Err(error) if is_unreadable(error) => {
                        lock(&shared.directories).set_incomplete(job.id);
                        continue;
                    }
                    // It is something else by now, or has vanished.
                    _ => continue,
                }
            };
            listing.names.extend_from_slice(name);
            listing.entries.push((listing.names.len(), content));
        }
        self.progress.directories.fetch_add(1, Ordering::Relaxed);
        let files = listing.entries.len() - more.len();
        self.progress
            .files
            .fetch_add(files as u64, Ordering::Relaxed);
        lock(&shared.listings).insert(job.id, listing);
        // The jobs are a stack, so the first name goes last.
        more.reverse();
        Ok(more)
    }

    /// Classifies the error of a directory that cannot be read, as a walk does.
    fn skipped(&self, shared: &Shared, id: Id, error: Errno) -> Result<(), ScanError> {
        match error {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Err(ScanError::Io(error.into())),
            error if id == ROOT => Err(ScanError::Io(error.into())),
            error if is_unreadable(error) => {
                lock(&shared.directories).set_readable(id, false);
                Ok(())
            }
            // Vanished, or replaced by something else.
            _ => Ok(()),
        }
    }
}

/// The identity of a directory, and whether its entries can be looked up.
pub(crate) fn identify(directory: BorrowedFd<'_>) -> Result<(Identity, bool), ScanError> {
    let stat = fstat(directory).map_err(|error| ScanError::Io(error.into()))?;
    let identity = Identity {
        device: stat.st_dev,
        inode: stat.st_ino,
    };
    Ok((identity, is_searchable(directory)))
}

/// The next job; `None` when the scan is finished.
fn take(shared: &Shared) -> Option<Job> {
    let mut work = lock(&shared.work);
    loop {
        if work.error.is_some() {
            return None;
        }
        if let Some(job) = work.jobs.pop() {
            work.busy += 1;
            return Some(job);
        }
        if work.busy == 0 {
            return None;
        }
        work = shared
            .wake
            .wait(work)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// One directory between the start and the current position.
struct Level {
    listing: Listing,
    next: usize,
    path_length: usize,
}

/// All files in path order. Listings are freed on the way, so memory never holds them twice.
fn in_order(start: Id, mut path: Vec<u8>, mut listings: HashMap<Id, Listing>) -> Vec<Arc<Segment>> {
    let mut builder = SegmentBuilder::default();
    let mut levels = Vec::new();
    let level = |listing, path_length| Level {
        listing,
        next: 0,
        path_length,
    };
    levels.extend(
        listings
            .remove(&start)
            .map(|listing| level(listing, path.len())),
    );
    while let Some(at) = levels.last_mut() {
        path.truncate(at.path_length);
        let Some((end, content)) = at.listing.entries.get(at.next).copied() else {
            levels.pop();
            continue;
        };
        let begin = at
            .next
            .checked_sub(1)
            .map_or(0, |before| at.listing.entries[before].0);
        at.next += 1;
        let name = &at.listing.names[begin..end];
        match content {
            Content::File(file) => builder.push(&path, name, file),
            Content::Directory(id) => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(name);
                // A directory that could not be read has none.
                if let Some(listing) = listings.remove(&id) {
                    levels.push(level(listing, path.len()));
                }
            }
        }
    }
    builder.finish()
}
