//! Opens what a URL names.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rustix::fs::{FileType, Stat, fstat};
use tokio::task::spawn_blocking;

use super::link::Link;
use super::media;
use super::part::Part;
use super::representation::Representation;
use super::target::Target;
use super::version::validators;
use crate::query::directory::check_path;
use crate::service::request_error::RequestError;
use crate::tree::path_order;
use crate::tree::root::Root;
use crate::tree::version::Version;

/// The contents of files up to this size are kept, while nothing in the tree changes.
pub(super) const KEPT_BYTES: usize = 32 * 1024;

/// An open file, as it was when it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: Arc<File>,
    pub(super) version: Version,
    pub(super) representation: Representation,
    /// What a small file contains, once it was read.
    pub(super) content: OnceLock<Bytes>,
}

impl Opened {
    fn new(file: File, stat: &Stat, path: &[u8]) -> Result<Self, RequestError> {
        let version = Version::of(stat);
        let (_, name) = path_order::split(path);
        let representation =
            Representation::new(Some(version.size), validators(version)?, media::of(name));
        Ok(Self {
            file: Arc::new(file),
            version,
            representation,
            content: OnceLock::new(),
        })
    }

    /// What is asked for, if it is one piece of what was read before.
    pub(super) fn piece(&self, parts: &VecDeque<Part>) -> Option<Bytes> {
        let content = self.content.get()?;
        let [Part::File(range)] = parts.as_slices().0 else {
            return None;
        };
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        (parts.len() == 1).then(|| content.slice(place(range.start)..place(range.end)))
    }
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Found {
    File(Arc<Opened>),
    Directory,
}

/// A file that is kept under its path, which begins with a slash, if it still is what it was when it was opened.
pub(super) fn kept(link: &Link, path: &[u8]) -> Option<Arc<Opened>> {
    let service = &link.service;
    let revision = service.index.revision()?;
    let kept = service.answer_cache.get::<Opened>(path, revision)?;
    // The name leads to it still; what it contains may have changed by another name, or in memory.
    kept.version.check(&kept.file).is_ok().then_some(kept)
}

/// Opens what a URL without a slash at its end names.
pub(super) async fn open(link: &Link, target: &Target) -> Result<Found, RequestError> {
    check_path(&target.path)?;
    if !Root::is_shared(&target.path) {
        return Err(missing(target));
    }
    let key = [b"/", target.path.as_slice()].concat();
    if let Some(kept) = kept(link, &key) {
        return Ok(Found::File(kept));
    }
    let service = &link.service;
    let revision = service.index.revision();
    let opened = open_any(&service.root, target).await?;
    let (file, stat) = match opened {
        Ok((_, stat)) if is_kind(&stat, FileType::Directory) => return Ok(Found::Directory),
        Ok((file, stat)) if is_kind(&stat, FileType::RegularFile) => (file, stat),
        Ok(_) => return Err(missing(target)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return closed(&service.root, target, error).await;
        }
        Err(error) => return Err(RequestError::opening(&target.shown(), error)),
    };
    let opened = Arc::new(Opened::new(file, &stat, &target.path)?);
    // A large one would keep its disk space when it is deleted.
    let bytes = usize::try_from(opened.version.size).unwrap_or(usize::MAX);
    if let Some(revision) = revision.filter(|_| bytes <= KEPT_BYTES) {
        let kept = Arc::clone(&opened);
        service.answer_cache.put(key, revision, bytes, kept);
    }
    Ok(Found::File(opened))
}

/// Opens what is named, whatever it is.
async fn open_any(
    root: &Arc<Root>,
    target: &Target,
) -> Result<io::Result<(File, Stat)>, RequestError> {
    // Most files were opened before: what the kernel remembers takes no thread of its own.
    let opened = match root.any_if_cached(&target.path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let (root, path) = (Arc::clone(root), target.path.clone());
            spawn_blocking(move || root.any(&path))
                .await
                .map_err(|error| RequestError::internal("opening a file", error))?
        }
        opened => opened,
    };
    Ok(opened.and_then(|file| {
        let stat = fstat(&file)?;
        Ok((file, stat))
    }))
}

/// A directory that may be searched but not read is one; anything else that may not be read is refused.
async fn closed(
    root: &Arc<Root>,
    target: &Target,
    error: io::Error,
) -> Result<Found, RequestError> {
    let (root, path) = (Arc::clone(root), target.path.clone());
    match spawn_blocking(move || root.is_directory(&path)).await {
        Ok(true) => Ok(Found::Directory),
        _ => Err(RequestError::opening(&target.shown(), error)),
    }
}

fn is_kind(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

pub(super) fn missing(target: &Target) -> RequestError {
    RequestError::no_file(&target.shown())
}
