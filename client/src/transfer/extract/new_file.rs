//! A file of an archive while it is written, under a temporary name.
//!
//! Owns: no incomplete file appears under its final name; permissions, time and holes are those that `tar` leaves. Does not
//! own: whether it may replace another one ([`super::directory`]). All functions block the thread.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, futimens, openat,
    renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use crate::transfer::extract::sparse_file::SparseFile;

/// The permissions restored from the archive: no setuid or setgid, as the archive does not say whose files they are.
const RESTORED: u32 = 0o777;

/// The permissions that a file gets, from its mode in the archive.
#[derive(Debug, Clone, Copy)]
pub(super) enum Permissions {
    AsUmaskAllows(u32),
    Exactly(u32),
}

impl Permissions {
    /// What the file is created with, to which the umask applies.
    fn at_first(self) -> Mode {
        match self {
            Self::AsUmaskAllows(mode) => Mode::from_raw_mode(mode & RESTORED),
            Self::Exactly(_) => Mode::RUSR | Mode::WUSR,
        }
    }

    /// What is set later, whatever the umask is.
    fn at_last(self) -> Option<Mode> {
        match self {
            Self::AsUmaskAllows(_) => None,
            Self::Exactly(mode) => Some(Mode::from_raw_mode(mode & RESTORED)),
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct NewFile {
    directory: Arc<OwnedFd>,
    temporary: String,
    name: Vec<u8>,
    file: SparseFile,
    permissions: Permissions,
}

impl NewFile {
    /// Creates a file that will be called `name`.
    ///
    /// # Errors
    /// I/O errors.
    pub(super) fn create(
        directory: Arc<OwnedFd>,
        name: &[u8],
        permissions: Permissions,
    ) -> io::Result<Self> {
        let temporary = format!(".netsocket-unpack.{}", std::process::id());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || {
            openat(
                &*directory,
                temporary.as_str(),
                flags,
                permissions.at_first(),
            )
        };
        let file = match create() {
            // Left by a killed process with the same id.
            Err(Errno::EXIST) => {
                unlinkat(&*directory, temporary.as_str(), AtFlags::empty())?;
                create()?
            }
            created => created?,
        };
        Ok(Self {
            file: SparseFile::new(File::from(file)),
            directory,
            temporary,
            name: name.to_vec(),
            permissions,
        })
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// I/O errors.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    /// Renames the complete file to its final name. Returns false if one exists by now, and must not be replaced.
    ///
    /// # Errors
    /// I/O errors.
    pub(super) fn put(&mut self, modified: i64, replaces: bool) -> io::Result<bool> {
        let (directory, file) = (&*self.directory, self.file.finish()?);
        if let Some(mode) = self.permissions.at_last() {
            fchmod(file, mode)?;
        }
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: modified,
                tv_nsec: 0,
            },
        };
        futimens(file, &times)?;
        let (from, to) = (self.temporary.as_str(), self.name.as_slice());
        if replaces {
            renameat(directory, from, directory, to)?;
            return Ok(true);
        }
        match renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
            // Not every file system supports it; the name was free a moment ago.
            Err(Errno::INVAL | Errno::NOSYS) => renameat(directory, from, directory, to)?,
            Err(Errno::EXIST) => {
                unlinkat(directory, from, AtFlags::empty())?;
                return Ok(false);
            }
            renamed => renamed?,
        }
        Ok(true)
    }

    /// Removes it.
    pub(super) fn abandon(self) {
        // There is nowhere to report a failure.
        let name = self.temporary.as_str();
        let _ = unlinkat(&*self.directory, name, AtFlags::empty());
    }
}
