//! Reads the current metadata of indexed files from disk: an archive plan needs sizes and permissions as they are now.

use std::ffi::CString;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::select::{FileReader, select};
use super::snapshot::{Position, Snapshot};
use super::state::Current;
use crate::query::matcher::Matcher;
use crate::query::search::{Found, FoundFile, is_readable};
use crate::tree::metadata::Metadata;
use crate::tree::path_order;
use crate::tree::root::Root;
use crate::tree::unreadable::{UnreadableDirectories, is_unreadable};
use crate::tree::walk::WalkError;

/// Number of files that justifies another thread.
const PER_THREAD: usize = 1_000;

/// The first `limit` matching files of a snapshot, with their current metadata: those that still exist and still match,
/// and whether each may be read. Blocks the thread.
///
/// # Errors
/// [`WalkError`] if the process has run out of descriptors or memory, or the search was cancelled.
pub(crate) fn recheck(
    root: &Root,
    matcher: &Matcher,
    current: &Current,
    limit: usize,
    cancel: &CancellationToken,
) -> Result<Found, WalkError> {
    let mut places = Vec::new();
    select(&current.snapshot, matcher, None, |at| {
        places.push(at);
        if places.len() < limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (places.len() / PER_THREAD).clamp(1, cores);
    let recheck_all =
        |places: &[Position]| recheck_part(root, matcher, &current.snapshot, places, cancel);
    let (first, others) = places.split_at(places.len() / threads);
    let each = others.len().div_ceil(threads.max(2) - 1).max(1);
    let (files, unreadable) = std::thread::scope(|scope| {
        let others: Vec<_> = others
            .chunks(each)
            .map(|places| scope.spawn(move || recheck_all(places)))
            .collect();
        let (mut files, mut unreadable) = recheck_all(first)?;
        for other in others {
            let found = other.join();
            let panicked = |_| WalkError::Io(io::Error::other("a thread panicked"));
            let (more_files, more_unreadable) = found.map_err(panicked)??;
            files.extend(more_files);
            unreadable.extend(more_unreadable);
        }
        Ok::<_, WalkError>((files, unreadable))
    })?;
    let mut known = Arc::clone(&current.unreadable);
    if !unreadable.is_empty() {
        known = Arc::new(UnreadableDirectories::clone(&known).with(unreadable));
    }
    Ok(Found {
        files,
        unreadable: known,
    })
}

/// The files at these positions, and the directories that have become unreadable since.
fn recheck_part(
    root: &Root,
    matcher: &Matcher,
    snapshot: &Snapshot,
    places: &[Position],
    cancel: &CancellationToken,
) -> Result<(Vec<FoundFile>, Vec<Vec<u8>>), WalkError> {
    let mut files = Vec::with_capacity(places.len());
    let mut unreadable = Vec::new();
    let mut reader = FileReader::new(snapshot);
    // Files of one directory are consecutive.
    let mut open: Option<(Vec<u8>, Option<OwnedFd>)> = None;
    for place in places {
        if cancel.is_cancelled() {
            return Err(WalkError::Cancelled);
        }
        let FoundFile { path, .. } = reader.read(*place);
        let (directory, name) = path_order::split(&path);
        if open.as_ref().is_none_or(|(of, _)| of != directory) {
            let fd = match root.directory(directory) {
                Ok(fd) => Some(fd),
                Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => {
                    return Err(WalkError::Io(error.into()));
                }
                Err(error) => {
                    if is_unreadable(error) {
                        unreadable.push(directory.to_vec());
                    }
                    None
                }
            };
            open = Some((directory.to_vec(), fd));
        }
        // Names in the index come from the kernel and contain no zero byte.
        let (Some((_, Some(fd))), Ok(name)) = (&open, CString::new(name)) else {
            continue;
        };
        match Metadata::of(fd.as_fd(), &name) {
            Ok(metadata) if matcher.accepts(&metadata) => {
                let readable = is_readable(fd.as_fd(), &name);
                files.push(FoundFile::new(&path, &metadata, readable));
            }
            Err(error) if is_unreadable(error) => unreadable.push(directory.to_vec()),
            // It does not match any more, or has vanished.
            _ => {}
        }
    }
    Ok((files, unreadable))
}
