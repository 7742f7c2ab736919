//! The mark of an unfinished copy: `.netsocket-copy` in a directory that `get -r` creates, until all is there.
//!
//! Owns: that the same command goes on with its own half copy; to `cp -r`, and without the mark, a directory that is there
//! is one to copy into. Does not own: what the copy has. All functions block the thread for a moment.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use netsocket_protocol::name::Name;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::outcome::error::Error;

/// The name of the mark in the directory.
const FILE: &str = ".netsocket-copy";
/// The version of its format.
const VERSION: u32 = 1;
/// The longest mark that is read; a path on a server is shorter.
const MAX_BYTES: u64 = 64 << 10;

/// What a mark says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    /// The path of the directory on the server, relative to its root.
    copy_of: Name,
}

impl Content {
    fn of(path: &[u8]) -> Self {
        Self {
            version: VERSION,
            copy_of: Name::from(path),
        }
    }
}

/// A directory with a mark. When the value goes before the copy is done, the directory stays with its mark, unless nothing
/// else is in it.
#[derive(Debug)]
pub(crate) struct CopyMark {
    directory: PathBuf,
}

impl CopyMark {
    /// Creates a directory for the copy of `path`.
    ///
    /// # Errors
    /// [`Error::Target`] if the system refuses.
    pub(crate) fn create(directory: &Path, path: &[u8]) -> Result<Self, Error> {
        let create = || {
            fs::create_dir(directory)?;
            let marked = Self {
                directory: directory.to_owned(),
            };
            // Serialising a string cannot fail.
            let mut line = serde_json::to_vec(&Content::of(path)).unwrap_or_default();
            line.push(b'\n');
            File::create_new(marked.file())?.write_all(&line)?;
            Ok(marked)
        };
        create().map_err(|error: io::Error| Error::target(directory, &error))
    }

    /// The half copy of `path` that an earlier run left there; `None` if there is none.
    #[must_use]
    pub(crate) fn find(directory: &Path, path: &[u8]) -> Option<Self> {
        let there = content(directory)?;
        (there == Content::of(path)).then(|| Self {
            directory: directory.to_owned(),
        })
    }

    /// The copy is complete: removes the mark.
    ///
    /// # Errors
    /// [`Error::Target`] if the system refuses.
    pub(crate) fn done(self) -> Result<(), Error> {
        match fs::remove_file(self.file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::target(self.file(), &error))
            }
            // Another run of the same command was done first.
            _ => Ok(()),
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// Whether the directory has the mark and nothing else.
    fn is_alone(&self) -> bool {
        let Ok(mut entries) = fs::read_dir(&self.directory) else {
            return false;
        };
        entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == FILE))
    }
}

impl Drop for CopyMark {
    fn drop(&mut self) {
        if self.file().symlink_metadata().is_ok() && self.is_alone() {
            // There is nowhere to report a failure.
            let _ = fs::remove_file(self.file());
            let _ = fs::remove_dir(&self.directory);
        }
    }
}

/// Whether a directory is a half copy.
#[must_use]
pub(crate) fn is_half_copy(directory: &Path) -> bool {
    content(directory).is_some()
}

fn content(directory: &Path) -> Option<Content> {
    // Never follows a link or blocks on a FIFO.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(directory.join(FILE), flags, Mode::empty()).ok()?;
    let mut text = Vec::new();
    File::from(file)
        .take(MAX_BYTES)
        .read_to_end(&mut text)
        .ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_copy_is_found_by_what_it_is_a_copy_of() {
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy");
        for path in [&b"a/b"[..], b"", b"\xff"] {
            let mark = CopyMark::create(&copy, path).unwrap();
            fs::write(copy.join("x"), "").unwrap();
            drop(mark);
            assert!(is_half_copy(&copy));
            assert!(CopyMark::find(&copy, b"other").is_none());
            CopyMark::find(&copy, path).unwrap().done().unwrap();
            assert!(!is_half_copy(&copy));
            assert!(CopyMark::find(&copy, path).is_none());
            fs::remove_dir_all(&copy).unwrap();
        }
    }

    #[test]
    fn a_copy_of_which_nothing_came_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy");
        drop(CopyMark::create(&copy, b"a").unwrap());
        assert!(!copy.exists());
        let error = CopyMark::create(&dir.path().join("no/copy"), b"a").unwrap_err();
        assert_eq!(error.kind(), "target");
    }

    #[test]
    fn what_stands_there_otherwise_is_no_mark() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        for text in ["", "{}", "{\"version\":1,\"copy_of\":\"a\",\"more\":1}"] {
            fs::write(&file, text).unwrap();
            assert!(!is_half_copy(dir.path()), "{text}");
        }
        fs::write(&file, "{\"version\":2,\"copy_of\":\"a\"}\n").unwrap();
        assert!(CopyMark::find(dir.path(), b"a").is_none(), "a later one");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(!is_half_copy(dir.path()));
    }
}
