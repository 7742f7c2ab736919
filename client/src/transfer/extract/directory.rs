//! Creates the files of an archive below a directory.
//!
//! Owns: nothing outside the directory is touched, and nothing is overwritten unless requested. Does not own: the directories
//! on the way to a file ([`super::open_directories`]), nor how a file is written ([`super::new_file`]). All functions of [`ExtractRoot`] block the thread.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use netsocket_protocol::name::Name;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, statat};
use rustix::io::Errno;

use crate::outcome::answer::Unpacked;
use crate::outcome::error::Error;
use crate::transfer::extract::existing_file::{ExistingFile, InTheWay};
use crate::transfer::extract::new_file::{NewFile, Permissions};
use crate::transfer::extract::open_directories::{Directory, NotOpened, OpenDirectories};
use crate::transfer::extract::tar::{Entry, EntryHandler};

/// How files are unpacked.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExtractOptions {
    /// Whether existing files are overwritten.
    pub(crate) overwrites: bool,
    /// Whether files get the permissions in the archive, whatever the umask is.
    pub(crate) preserves_permissions: bool,
    /// How many bytes at the beginning of each path are left out: those of a directory and its slash.
    pub(crate) strip: usize,
    /// Set once a file is complete, also for who does not wait for the end.
    pub(crate) has_complete: Arc<AtomicBool>,
}

/// The directory that an archive is unpacked into.
#[derive(Debug)]
pub(crate) struct ExtractRoot {
    directories: OpenDirectories,
    given: PathBuf,
    options: ExtractOptions,
    open: Option<Open>,
    /// The files in the archive so far.
    unpacked: Unpacked,
    /// Files created by this run; it may overwrite them if it restarts.
    made: HashSet<Vec<u8>>,
    in_the_way: InTheWay,
}

/// The file being received.
#[derive(Debug)]
struct Open {
    entry: Entry,
    content: Content,
}

/// What is done with the content of a file.
#[derive(Debug)]
enum Content {
    Written(NewFile),
    /// With a file that is there and has the same size.
    Compared(ExistingFile),
    Skipped,
}

impl ExtractRoot {
    /// Opens the directory `path`, creating it if missing.
    ///
    /// # Errors
    /// [`Error::Target`] if the directory cannot be opened or created.
    pub(crate) fn open(path: &Path, options: ExtractOptions) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::target(path, &error);
        let is_new = match std::fs::create_dir(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(failed(error)),
        };
        // A link to a directory given by the user is followed.
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let base = rustix::fs::open(path, flags, Mode::empty());
        let base = base.map_err(|error| failed(error.into()))?;
        Ok(Self {
            directories: OpenDirectories::new(base, is_new),
            given: path.to_owned(),
            options,
            open: None,
            unpacked: Unpacked::default(),
            made: HashSet::new(),
            in_the_way: InTheWay::default(),
        })
    }

    /// Restarts: files created by this run may be overwritten.
    pub(crate) fn restart(&mut self) {
        self.abandon();
        self.in_the_way = InTheWay::default();
        self.unpacked = Unpacked::default();
    }

    /// Returns what was done.
    ///
    /// # Errors
    /// [`Error::Exists`] if existing files were not overwritten.
    pub(crate) fn finish(&mut self) -> Result<Unpacked, Error> {
        let InTheWay {
            count,
            some,
            is_unsure,
        } = std::mem::take(&mut self.in_the_way);
        if count == 0 {
            return Ok(self.unpacked);
        }
        Err(Error::Exists {
            directory: self.given.clone(),
            count,
            some,
            are_different: !is_unsure,
        })
    }

    fn failed(&self, path: &[u8], error: &io::Error) -> Error {
        let path = self.given.join(OsStr::from_bytes(path));
        // Of what is unpacked here.
        let path = path.strip_prefix(".").unwrap_or(&path);
        Error::target(path, error)
    }

    /// What to do with the content of an entry; `None` if it is to be written.
    fn of_existing(
        &mut self,
        directory: &Directory,
        name: &[u8],
        entry: &Entry,
    ) -> io::Result<Option<Content>> {
        if directory.is_new {
            // If a file has appeared there since, the rename finds it.
            return Ok(None);
        }
        let there = match statat(&directory.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            there => there?,
        };
        let kind = FileType::from_raw_mode(there.st_mode);
        if kind == FileType::Directory {
            return Err(Errno::ISDIR.into());
        }
        if self.may_replace(entry) {
            return Ok(None);
        }
        let is_file = kind == FileType::RegularFile;
        if !is_file || u64::try_from(there.st_size) != Ok(entry.size) {
            self.in_the_way.note(&entry.path, is_file);
            return Ok(Some(Content::Skipped));
        }
        if there.st_mtime == entry.modified {
            // Same size and time: it was written by an earlier run.
            self.unpacked.kept += 1;
            self.note_complete();
            return Ok(Some(Content::Skipped));
        }
        Ok(Some(match ExistingFile::open(&directory.fd, name) {
            Ok(file) => Content::Compared(file),
            Err(_) => {
                self.in_the_way.note(&entry.path, false);
                Content::Skipped
            }
        }))
    }

    fn note_complete(&self) {
        self.options.has_complete.store(true, Ordering::Relaxed);
    }

    fn may_replace(&self, entry: &Entry) -> bool {
        self.options.overwrites || self.made.contains(&entry.path)
    }

    /// Opens a directory below this one, creating what is missing.
    fn enter(&mut self, path: &[u8]) -> Result<Directory, Error> {
        let entered = self.directories.enter(path);
        entered.map_err(|NotOpened { path, error }| match error {
            // Of what was opened to be a directory.
            Errno::NOTDIR | Errno::LOOP => {
                let path = self.given.join(OsStr::from_bytes(&path));
                let reason = match path.is_symlink() {
                    true => "it is a link, where a directory has to go",
                    false => "it is a file, where a directory has to go",
                };
                Error::Target {
                    reason: reason.to_owned(),
                    path,
                }
            }
            error => self.failed(&path, &error.into()),
        })
    }

    /// Creates a directory below this one, if it is missing.
    ///
    /// # Errors
    /// [`Error::Unpack`] if the path leads elsewhere, [`Error::Target`] if the directory cannot be created.
    pub(crate) fn make_directory(&mut self, path: &[u8]) -> Result<(), Error> {
        let path = &path[self.options.strip.min(path.len())..];
        check_below(path)?;
        self.enter(path).map(drop)
    }

    fn create(&mut self, entry: &Entry) -> Result<Content, Error> {
        let (parent, name) = match entry.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => entry.path.split_at(slash),
            None => (&[][..], entry.path.as_slice()),
        };
        let name = name.strip_prefix(b"/").unwrap_or(name);
        let directory = self.enter(parent)?;
        let created = self.create_in(directory, name, entry);
        created.map_err(|error| self.failed(&entry.path, &error))
    }

    fn create_in(
        &mut self,
        directory: Directory,
        name: &[u8],
        entry: &Entry,
    ) -> io::Result<Content> {
        if let Some(content) = self.of_existing(&directory, name, entry)? {
            return Ok(content);
        }
        let permissions = match self.options.preserves_permissions {
            true => Permissions::Exactly(entry.mode),
            false => Permissions::AsUmaskAllows(entry.mode),
        };
        NewFile::create(directory.fd, name, permissions).map(Content::Written)
    }

    /// Removes an incomplete file.
    fn abandon(&mut self) {
        if let Some(Open {
            content: Content::Written(file),
            ..
        }) = self.open.take()
        {
            file.abandon();
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

    fn begin(&mut self, mut entry: Entry) -> Result<(), Error> {
        // Before the check: what is left is where the file goes.
        entry.path.drain(..self.options.strip.min(entry.path.len()));
        check_below(&entry.path)?;
        let content = self.create(&entry)?;
        self.unpacked.bytes = self.unpacked.bytes.saturating_add(entry.size);
        self.open = Some(Open { entry, content });
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(Open { content, entry }) = &mut self.open else {
            return Ok(());
        };
        match content {
            Content::Skipped => Ok(()),
            Content::Compared(file) => {
                if file.compare(bytes).is_err() {
                    self.in_the_way.note(&entry.path, false);
                    *content = Content::Skipped;
                }
                Ok(())
            }
            Content::Written(file) => {
                let Err(error) = file.append(bytes) else {
                    return Ok(());
                };
                let path = entry.path.clone();
                self.abandon();
                Err(self.failed(&path, &error))
            }
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(Open { content, entry }) = self.open.take() else {
            return Ok(());
        };
        let mut file = match content {
            Content::Skipped => return Ok(()),
            Content::Compared(file) => {
                match file.is_same() {
                    true => {
                        self.unpacked.kept += 1;
                        self.note_complete();
                    }
                    false => self.in_the_way.note(&entry.path, true),
                }
                return Ok(());
            }
            Content::Written(file) => file,
        };
        match file.put(entry.modified, self.may_replace(&entry)) {
            Ok(true) => {
                self.note_complete();
                self.made.insert(entry.path);
                Ok(())
            }
            Ok(false) => {
                self.in_the_way.note(&entry.path, false);
                Ok(())
            }
            Err(error) => {
                let failed = self.failed(&entry.path, &error);
                self.open = Some(Open {
                    entry,
                    content: Content::Written(file),
                });
                self.abandon();
                Err(failed)
            }
        }
    }
}

/// Fails unless a path stays below the directory it is relative to.
fn check_below(path: &[u8]) -> Result<(), Error> {
    let is_below = path
        .split(|byte| *byte == b'/')
        .all(|step| !matches!(step, b"" | b"." | b"..") && !step.contains(&0));
    match is_below {
        true => Ok(()),
        false => Err(Error::Unpack(format!(
            "the path {} leads outside the directory",
            Name::from(path)
        ))),
    }
}

#[cfg(test)]
mod tests;
