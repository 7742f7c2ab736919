//! Files that are there already, where files of an archive would go: whether they have the same content.
//!
//! Owns: comparing while the content arrives, and the list of those that differ. Does not own: what follows from it ([`super::directory`]).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use netsocket_protocol::name::Name;
use rustix::fs::{Mode, OFlags, openat};

use crate::transfer::comparison::has_at;

/// How many existing files an error names.
const NAMED: usize = 5;

/// Files that are there already and stay.
#[derive(Debug, Default)]
pub(super) struct InTheWay {
    pub(super) count: u64,
    /// The first of them.
    pub(super) some: Vec<Name>,
    /// Whether one could not be compared.
    pub(super) is_unsure: bool,
}

impl InTheWay {
    /// Adds a file; `is_compared` says whether its content was seen to be different.
    pub(super) fn note(&mut self, path: &[u8], is_compared: bool) {
        self.count += 1;
        self.is_unsure |= !is_compared;
        if self.some.len() < NAMED {
            self.some.push(path.into());
        }
    }
}

/// A regular file of the size that the one in the archive has.
#[derive(Debug)]
pub(super) struct ExistingFile {
    file: File,
    /// How much of the content has been compared.
    compared: u64,
    is_same: bool,
}

impl ExistingFile {
    /// Opens the file of that name.
    ///
    /// # Errors
    /// I/O errors, such as a file that may not be read.
    pub(super) fn open(directory: &OwnedFd, name: &[u8]) -> io::Result<Self> {
        // It may have become a FIFO since.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(Self {
            file: File::from(openat(directory, name, flags, Mode::empty())?),
            compared: 0,
            is_same: true,
        })
    }

    /// Compares the next bytes of the content.
    ///
    /// # Errors
    /// I/O errors.
    pub(super) fn compare(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.is_same {
            return Ok(());
        }
        self.is_same = has_at(&self.file, self.compared, bytes)?;
        self.compared += bytes.len() as u64;
        Ok(())
    }

    /// Whether all that was compared is the same.
    pub(super) fn is_same(&self) -> bool {
        self.is_same
    }
}
