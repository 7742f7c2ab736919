//! The directories on the way to the file that is being unpacked, kept open.
//!
//! Owns: each is opened relative to the one above it and never through a link, so replacing a directory by a link has no
//! effect. An archive is in path order, so the next file shares most of its directories with this one.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;

/// Permissions of a new directory, before the umask.
const NEW_DIRECTORY_MODE: u32 = 0o777;
/// The most directories kept open; those further down are opened again for each file.
const MAX_OPEN: usize = 64;

/// An open directory.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    pub(crate) fd: Arc<OwnedFd>,
    /// Whether this run has created it: no file of an earlier run is in it.
    pub(crate) is_new: bool,
}

/// A directory that could not be opened.
#[derive(Debug)]
pub(crate) struct NotOpened {
    /// Its path below the base.
    pub(crate) path: Vec<u8>,
    /// The error of the system.
    pub(crate) error: Errno,
}

/// Directories from the base down to the last one that was entered.
#[derive(Debug)]
pub(crate) struct OpenDirectories {
    base: Directory,
    below: Vec<(Vec<u8>, Directory)>,
}

impl OpenDirectories {
    pub(crate) fn new(base: OwnedFd, is_new: bool) -> Self {
        let fd = Arc::new(base);
        Self {
            base: Directory { fd, is_new },
            below: Vec::new(),
        }
    }

    /// Opens a directory by its path below the base, creating what is missing.
    ///
    /// # Errors
    /// Which of the directories on the way cannot be opened, and why.
    pub(crate) fn enter(&mut self, path: &[u8]) -> Result<Directory, NotOpened> {
        let names = path.split(|byte| *byte == b'/');
        let names: Vec<&[u8]> = names.filter(|name| !name.is_empty()).collect();
        let shared = self.below.iter().zip(&names);
        let shared = shared.take_while(|((open, _), name)| open == *name).count();
        self.below.truncate(shared);
        let mut directory = match self.below.last() {
            Some((_, directory)) => directory.clone(),
            None => self.base.clone(),
        };
        for (number, name) in names.iter().enumerate().skip(shared) {
            directory = step(&directory, name).map_err(|error| NotOpened {
                path: names[..=number].join(&b'/'),
                error,
            })?;
            if self.below.len() < MAX_OPEN {
                self.below.push((name.to_vec(), directory.clone()));
            }
        }
        Ok(directory)
    }
}

/// Opens a directory below another one, creating it if it is missing.
fn step(above: &Directory, name: &[u8]) -> Result<Directory, Errno> {
    let known = |fd: OwnedFd, is_new: bool| Directory {
        fd: Arc::new(fd),
        is_new,
    };
    match below(&above.fd, name) {
        Err(Errno::NOENT) => {}
        opened => return Ok(known(opened?, false)),
    }
    let is_new = match mkdirat(&above.fd, name, Mode::from_raw_mode(NEW_DIRECTORY_MODE)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(error),
    };
    Ok(known(below(&above.fd, name)?, is_new))
}

/// Opens a directory below another one, without following links.
fn below(directory: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}
