//! Creates the files of an archive below a directory.
//!
//! Owns: nothing outside the directory is touched, nothing is overwritten unless requested, and no incomplete file
//! appears under its final name. Each component of a path is opened relative to the one before, never through a link,
//! so replacing a directory by a link has no effect. All functions of [`ExtractRoot`] block the thread.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use netsocket_protocol::name::Name;
use netsocket_settings::reason;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, fchmod,
    futimens, mkdirat, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use crate::outcome::error::Error;
use crate::transfer::extract::tar::{Entry, EntryHandler};

/// How many existing files an error names.
const NAMED: usize = 5;
/// Permissions of a new directory, before the umask.
const NEW_DIRECTORY_MODE: u32 = 0o777;
/// The permissions restored from the archive: no setuid or setgid.
const PERMISSIONS: u32 = 0o777;

/// The directory that an archive is unpacked into.
#[derive(Debug)]
pub(crate) struct ExtractRoot {
    base: OwnedFd,
    given: PathBuf,
    overwrites: bool,
    /// The last directory written to: neighbours in an archive usually share it.
    last: Option<(Vec<u8>, OwnedFd)>,
    open: Option<Open>,
    /// Files created by this run; it may overwrite them if it restarts.
    made: HashSet<Vec<u8>>,
    in_the_way: (u64, Vec<Name>),
    temporary: String,
}

/// The file being received.
#[derive(Debug)]
struct Open {
    entry: Entry,
    /// `None` if the content is skipped because the file exists.
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    directory: OwnedFd,
    name: Vec<u8>,
    file: File,
}

impl ExtractRoot {
    /// Opens the directory `path`, creating it if missing.
    ///
    /// # Errors
    /// [`Error::Target`] if the directory cannot be opened or created.
    pub(crate) fn open(path: &Path, overwrites: bool) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::target(path, &error);
        match std::fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        // A link to a directory given by the user is followed.
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let base = rustix::fs::open(path, flags, Mode::empty());
        Ok(Self {
            base: base.map_err(|error| failed(error.into()))?,
            given: path.to_owned(),
            overwrites,
            last: None,
            open: None,
            made: HashSet::new(),
            in_the_way: (0, Vec::new()),
            temporary: format!(".netsocket-unpack.{}", std::process::id()),
        })
    }

    /// Restarts: files created by this run may be overwritten.
    pub(crate) fn restart(&mut self) {
        self.abandon();
        self.in_the_way = (0, Vec::new());
    }

    /// Reports files that were not written.
    ///
    /// # Errors
    /// [`Error::Exists`] if existing files were not overwritten.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let (count, some) = std::mem::take(&mut self.in_the_way);
        if count == 0 {
            return Ok(());
        }
        Err(Error::Exists {
            directory: self.given.clone(),
            count,
            some,
        })
    }

    fn failed(&self, path: &[u8], error: &io::Error) -> Error {
        let name = Name::from(path);
        Error::Target {
            path: self.given.clone(),
            reason: format!("{name}: {}", reason(error)),
        }
    }

    /// Opens the directory of a file, creating it if missing.
    fn directory(&mut self, path: &[u8]) -> io::Result<OwnedFd> {
        if let Some((known, directory)) = &self.last
            && known == path
        {
            return directory.try_clone();
        }
        let mut directory = self.base.try_clone()?;
        for step in path
            .split(|byte| *byte == b'/')
            .filter(|step| !step.is_empty())
        {
            directory = match below(&directory, step) {
                Err(Errno::NOENT) => {
                    match mkdirat(&directory, step, Mode::from_raw_mode(NEW_DIRECTORY_MODE)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                    below(&directory, step)?
                }
                opened => opened?,
            };
        }
        self.last = Some((path.to_vec(), directory.try_clone()?));
        Ok(directory)
    }

    /// Whether to write the content of an entry.
    fn is_wanted(&mut self, directory: &OwnedFd, name: &[u8], entry: &Entry) -> io::Result<bool> {
        let there = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(true),
            there => there?,
        };
        let kind = FileType::from_raw_mode(there.st_mode);
        if kind == FileType::Directory {
            return Err(Errno::ISDIR.into());
        }
        if self.overwrites || self.made.contains(&entry.path) {
            return Ok(true);
        }
        // Same size and time: it was written by an earlier run.
        let is_same = kind == FileType::RegularFile
            && u64::try_from(there.st_size) == Ok(entry.size)
            && there.st_mtime == entry.modified;
        if !is_same {
            self.note(&entry.path);
        }
        Ok(false)
    }

    fn note(&mut self, path: &[u8]) {
        let (count, some) = &mut self.in_the_way;
        *count += 1;
        if some.len() < NAMED {
            some.push(path.into());
        }
    }

    fn create(&mut self, entry: &Entry) -> io::Result<Option<Writing>> {
        let (parent, name) = match entry.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => entry.path.split_at(slash),
            None => (&[][..], entry.path.as_slice()),
        };
        let name = name.strip_prefix(b"/").unwrap_or(name);
        let directory = self.directory(parent)?;
        if !self.is_wanted(&directory, name, entry)? {
            return Ok(None);
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || {
            openat(
                &directory,
                self.temporary.as_str(),
                flags,
                Mode::RUSR | Mode::WUSR,
            )
        };
        let file = match create() {
            // Left by a killed process with the same id.
            Err(Errno::EXIST) => {
                unlinkat(&directory, self.temporary.as_str(), AtFlags::empty())?;
                create()?
            }
            created => created?,
        };
        Ok(Some(Writing {
            file: File::from(file),
            directory,
            name: name.to_vec(),
        }))
    }

    /// Renames a complete file to its final name. Returns false if one exists by now.
    fn put(&self, entry: &Entry, writing: &Writing) -> io::Result<bool> {
        let Writing {
            directory,
            name,
            file,
        } = writing;
        fchmod(file, Mode::from_raw_mode(entry.mode & PERMISSIONS))?;
        let omitted = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        };
        let modified = Timespec {
            tv_sec: entry.modified,
            tv_nsec: 0,
        };
        futimens(
            file,
            &Timestamps {
                last_access: omitted,
                last_modification: modified,
            },
        )?;
        let (from, to) = (self.temporary.as_str(), name.as_slice());
        if self.overwrites || self.made.contains(&entry.path) {
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

    /// Removes an incomplete file.
    fn abandon(&mut self) {
        if let Some(writing) = self.open.take().and_then(|open| open.writing) {
            // There is nowhere to report a failure.
            let _ = unlinkat(
                &writing.directory,
                self.temporary.as_str(),
                AtFlags::empty(),
            );
        }
    }
}

impl Drop for ExtractRoot {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl EntryHandler for ExtractRoot {
    type Error = Error;

    fn begin(&mut self, entry: Entry) -> Result<(), Error> {
        if !is_below(&entry.path) {
            let path = Name::from(entry.path.as_slice());
            return Err(Error::Unpack(format!(
                "the path {path} leads outside the directory"
            )));
        }
        let writing = self
            .create(&entry)
            .map_err(|error| self.failed(&entry.path, &error))?;
        self.open = Some(Open { entry, writing });
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = match &self.open {
            Some(Open {
                writing: Some(writing),
                entry,
            }) => (&writing.file)
                .write_all(bytes)
                .map_err(|error| self.failed(&entry.path, &error)),
            _ => Ok(()),
        };
        if written.is_err() {
            self.abandon();
        }
        written
    }

    fn end(&mut self) -> Result<(), Error> {
        let put = match &self.open {
            Some(Open {
                writing: Some(writing),
                entry,
            }) => self
                .put(entry, writing)
                .map_err(|error| self.failed(&entry.path, &error)),
            _ => {
                self.open = None;
                return Ok(());
            }
        };
        match put {
            Ok(is_put) => {
                if let Some(open) = self.open.take() {
                    if is_put {
                        self.made.insert(open.entry.path);
                    } else {
                        self.note(&open.entry.path);
                    }
                }
                Ok(())
            }
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }
}

/// Opens a directory below another one, without following links.
fn below(directory: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// Whether a path stays below the directory it is relative to.
fn is_below(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .all(|step| !matches!(step, b"" | b"." | b"..") && !step.contains(&0))
}

#[cfg(test)]
mod tests;
