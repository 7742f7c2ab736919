//! Opens what a URL names.

use std::fs::File;
use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::link::Link;
use super::target::Target;
use super::version::Version;
use crate::query::directory::check_path;
use crate::service::request_error::RequestError;
use crate::tree::root::Root;

/// The contents of files up to this size are kept, while nothing in the tree changes.
pub(super) const KEPT_BYTES: usize = 32 * 1024;

/// An open file, as it was when it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: Arc<File>,
    pub(super) version: Version,
    /// What a small file contains, once it was read.
    pub(super) content: OnceLock<Bytes>,
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Found {
    File(Arc<Opened>),
    Directory,
}

/// Opens what a URL without a slash at its end names.
pub(super) async fn open(link: &Link, target: &Target) -> Result<Found, RequestError> {
    check_path(&target.path)?;
    if !Root::is_shared(&target.path) {
        return Err(missing(target));
    }
    let service = &link.service;
    let revision = service.index.revision();
    let key = [b"file ", target.path.as_slice()].concat();
    let kept = revision.and_then(|revision| service.answer_cache.get::<Opened>(&key, revision));
    // The name leads to it still; what it contains may have changed by another name, or in memory.
    if let Some(kept) = kept
        && kept.version.check(&kept.file).is_ok()
    {
        return Ok(Found::File(kept));
    }
    let root = &service.root;
    // Most files were opened before: what the kernel remembers takes no thread of its own.
    let opened = match root.file_if_cached(&target.path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let (root, path) = (Arc::clone(root), target.path.clone());
            spawn_blocking(move || root.file(&path))
                .await
                .map_err(|error| RequestError::internal("opening a file", error))?
                .map(|(file, _)| file)
        }
        opened => opened,
    };
    let opened = opened.and_then(|file| {
        let metadata = file.metadata()?;
        match metadata.is_file() {
            true => Ok((metadata, file)),
            false => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            )),
        }
    });
    match opened {
        Ok((metadata, file)) => {
            let opened = Opened {
                file: Arc::new(file),
                version: Version::of(&metadata),
                content: OnceLock::new(),
            };
            let opened = Arc::new(opened);
            // A large one would keep its disk space when it is deleted.
            let bytes = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
            if let Some(revision) = revision.filter(|_| bytes <= KEPT_BYTES) {
                let kept = Arc::clone(&opened);
                service.answer_cache.put(key, revision, bytes, kept);
            }
            Ok(Found::File(opened))
        }
        Err(error) => {
            let root = Arc::clone(root);
            let path = target.path.clone();
            let is_directory = spawn_blocking(move || root.is_directory(&path)).await;
            match is_directory {
                Ok(true) => Ok(Found::Directory),
                _ => Err(RequestError::opening(&target.shown(), error)),
            }
        }
    }
}

pub(super) fn missing(target: &Target) -> RequestError {
    RequestError::no_file(&target.shown())
}
