//! Reading a part of the tree into segments, watched from before it is read.
//!
//! Owns: the walk of the index, on as many threads as it is given. Every directory is watched first and listed then, so
//! whatever changes afterwards is reported. Does not own: what becomes of reports ([`super::dirty_set`]).

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Access, AtFlags, FileType, accessat, fstat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::directories::{Directories, Id, Identity, ROOT};
use super::segment::{Run, Segment, Stored};
use super::watcher::{Unwatchable, Watcher, remote_kind};
use crate::tree::metadata::Metadata;
use crate::tree::path_order::join;
use crate::tree::root::Root;
use crate::tree::walk::list;

/// Bytes of directory entries that are read at once.
const LISTING: usize = 32 * 1024;

/// Why a survey has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurveyError {
    /// Nobody waits for it any more.
    #[error("it was cancelled")]
    Cancelled,
    /// What it reads cannot be watched.
    #[error(transparent)]
    Unwatchable(#[from] Unwatchable),
    /// The root cannot be read, or the process has no descriptor or memory left.
    #[error("the tree cannot be read: {0}")]
    Io(io::Error),
}

/// How far a survey is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) files: AtomicU64,
    pub(crate) directories: AtomicU64,
}

/// What every survey of an index needs.
#[derive(Debug)]
pub(crate) struct Surveyor<'a> {
    pub(crate) root: &'a Root,
    pub(crate) watcher: &'a dyn Watcher,
    pub(crate) max_watches: usize,
    pub(crate) cancel: &'a CancellationToken,
    pub(crate) progress: &'a Progress,
}

/// A directory that has to be read.
#[derive(Debug)]
struct Job {
    id: Id,
    path: Vec<u8>,
    /// Of the directory that it is in.
    device: Option<u64>,
}

/// What was read of a directory, sorted by name.
#[derive(Debug, Default)]
struct Listing {
    names: Vec<u8>,
    /// Where each name ends in `names`, and what has it.
    entries: Vec<(usize, Content)>,
}

#[derive(Debug, Clone, Copy)]
enum Content {
    File(Stored),
    Directory(Id),
}

/// What the threads of a survey share.
#[derive(Debug)]
struct Shared {
    work: Mutex<Work>,
    /// There is work, or there will be none.
    wake: Condvar,
    directories: Mutex<Directories>,
    listings: Mutex<HashMap<Id, Listing>>,
}

#[derive(Debug)]
struct Work {
    jobs: Vec<Job>,
    /// Threads that may still find more.
    busy: usize,
    error: Option<SurveyError>,
}

/// What a thread left behind when it panicked is still a whole value: each lock is held for one change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Surveyor<'_> {
    /// Reads a directory of the table with all below it. What was in the table below it stays there, so it must have been
    /// taken out before.
    ///
    /// # Errors
    /// [`SurveyError`]; the table then holds a part of the directories.
    pub(crate) fn survey(
        &self,
        directories: &mut Directories,
        start: Id,
        path: Vec<u8>,
        threads: usize,
    ) -> Result<Vec<Arc<Segment>>, SurveyError> {
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

    /// Does jobs until there are none and nobody finds more.
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

    /// Reads one directory; the directories in it are the next jobs.
    fn directory(
        &self,
        shared: &Shared,
        job: &Job,
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<Job>, SurveyError> {
        if self.cancel.is_cancelled() {
            return Err(SurveyError::Cancelled);
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
            return Err(Unwatchable::Remote { place, kind }.into());
        }
        if lock(&shared.directories).watches() >= self.max_watches {
            return Err(Unwatchable::Limit.into());
        }
        let watch = self.watcher.watch(fd.as_fd())?;
        lock(&shared.directories).opened(job.id, identity, searchable, watch);

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
                // What cannot be asked about has vanished, or is not for us.
                match Metadata::of(fd.as_fd(), &entry.name) {
                    Ok(file) if file.kind == FileType::RegularFile => Content::File((&file).into()),
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
        // The first by name is done first: the jobs are a stack.
        more.reverse();
        Ok(more)
    }

    /// Judges why a directory cannot be read, as the walk on demand does.
    fn skipped(&self, shared: &Shared, id: Id, error: Errno) -> Result<(), SurveyError> {
        match error {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Err(SurveyError::Io(error.into())),
            error if id == ROOT => Err(SurveyError::Io(error.into())),
            // Gone, or something else has its place by now.
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Ok(()),
            _ => {
                lock(&shared.directories).set_readable(id, false);
                Ok(())
            }
        }
    }
}

/// Which directory that is, and whether its entries can be asked about.
pub(crate) fn identify(directory: BorrowedFd<'_>) -> Result<(Identity, bool), SurveyError> {
    let stat = fstat(directory).map_err(|error| SurveyError::Io(error.into()))?;
    let identity = Identity {
        device: stat.st_dev,
        inode: stat.st_ino,
    };
    let access = accessat(directory, c".", Access::EXEC_OK, AtFlags::EACCESS);
    Ok((
        identity,
        !matches!(access, Err(Errno::ACCESS | Errno::PERM)),
    ))
}

/// The next job; nothing when the survey is over.
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

/// A directory on the way from the start to where the order of paths is.
struct Level {
    listing: Listing,
    next: usize,
    path_length: usize,
}

/// All files in the order of their paths. Listings are given up on the way, so that memory holds them once.
fn in_order(start: Id, mut path: Vec<u8>, mut listings: HashMap<Id, Listing>) -> Vec<Arc<Segment>> {
    let mut run = Run::default();
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
            Content::File(file) => run.push(&path, name, file),
            Content::Directory(id) => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(name);
                // Not there where it could not be read.
                if let Some(listing) = listings.remove(&id) {
                    levels.push(level(listing, path.len()));
                }
            }
        }
    }
    run.finish()
}
