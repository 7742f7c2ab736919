//! An unnamed temporary file that holds an archive for the old wire until its length is known.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstatvfs, openat, unlinkat};
use rustix::io::Errno;
use tokio::task::spawn_blocking;

/// Names to try on file systems without unnamed files.
const ATTEMPTS: u32 = 100;

/// Bytes written between two checks of the free disk space.
const CHECK_EVERY: u64 = 16 << 20;

/// Why an archive cannot be spooled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// It exceeds the size limit.
    #[error("the archive exceeds the limit of {limit} bytes")]
    OverLimit {
        /// The most bytes.
        limit: u64,
    },
    /// It would use the reserved disk space.
    #[error("the spool would leave less than {reserve} bytes of disk space free")]
    DiskFull {
        /// Bytes that must stay free.
        reserve: u64,
    },
    /// Any other I/O error.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A file that no other process can open, and that disappears when it is closed, even by a crash.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Arc<File>,
    length: u64,
    limit: u64,
    reserve: u64,
    /// The length at which to check the free disk space again.
    checked: u64,
}

impl Spool {
    /// Creates the file, for at most `limit` bytes, as long as `reserve` bytes of the disk stay free. Blocks the thread
    /// briefly.
    pub(crate) fn create(directory: &Path, limit: u64, reserve: u64) -> Result<Self, SpoolError> {
        let file = unnamed(directory)?;
        check_room(&file, reserve)?;
        Ok(Self {
            file: Arc::new(file),
            length: 0,
            limit,
            reserve,
            checked: CHECK_EVERY,
        })
    }

    /// Appends bytes, or refuses them if they would exceed the limit.
    pub(crate) async fn append(&mut self, bytes: Bytes) -> Result<(), SpoolError> {
        let length = self.length + bytes.len() as u64;
        if length > self.limit {
            return Err(SpoolError::OverLimit { limit: self.limit });
        }
        let file = Arc::clone(&self.file);
        let reserve = (length > self.checked).then_some(self.reserve);
        if reserve.is_some() {
            self.checked = length + CHECK_EVERY;
        }
        let write = move || {
            if let Some(reserve) = reserve {
                check_room(&file, reserve)?;
            }
            Ok(file.as_ref().write_all(&bytes)?)
        };
        spawn_blocking(write)
            .await
            .map_err(io::Error::other)
            .map_err(SpoolError::Io)
            .flatten()?;
        self.length = length;
        Ok(())
    }

    /// Bytes so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

impl AsFd for Spool {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Checks that an unprivileged user still has this many bytes free on the file's disk.
fn check_room(file: &File, reserve: u64) -> Result<(), SpoolError> {
    let disk = fstatvfs(file).map_err(io::Error::from)?;
    if disk.f_bavail.saturating_mul(disk.f_frsize) < reserve {
        return Err(SpoolError::DiskFull { reserve });
    }
    Ok(())
}

fn unnamed(directory: &Path) -> io::Result<File> {
    let mode = Mode::RUSR | Mode::WUSR;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    match openat(CWD, directory, flags | OFlags::TMPFILE, mode) {
        Ok(fd) => Ok(File::from(fd)),
        // Not every file system supports O_TMPFILE; old kernels see only its O_DIRECTORY bit.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => unlinked(directory),
        Err(error) => Err(error.into()),
    }
}

/// Creates a new file and unlinks it.
fn unlinked(directory: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for attempt in 0..ATTEMPTS {
        let name = format!(".netsocket-spool-{}-{attempt}", std::process::id());
        let path = directory.join(name);
        match openat(CWD, &path, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => {
                unlinkat(CWD, &path, AtFlags::empty())?;
                return Ok(File::from(fd));
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use super::*;

    #[tokio::test]
    async fn a_spool_keeps_to_its_limit_and_leaves_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(directory.path(), 10, 0).unwrap();
        spool.append(Bytes::from_static(b"123456")).await.unwrap();
        let over = spool.append(Bytes::from_static(b"78901")).await;
        assert!(matches!(over, Err(SpoolError::OverLimit { limit: 10 })));
        spool.append(Bytes::from_static(b"7890")).await.unwrap();
        assert_eq!(spool.length(), 10);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_system_without_unnamed_files_gets_an_unlinked_one() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = unlinked(directory.path()).unwrap();
        let mut second = unlinked(directory.path()).unwrap();
        file.write_all(b"one").unwrap();
        second.write_all(b"two").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_must_stay_free_of_the_disk_stays_free() {
        let directory = tempfile::tempdir().unwrap();
        let none = Spool::create(directory.path(), 10, u64::MAX);
        let full = |result| matches!(result, Err(SpoolError::DiskFull { reserve: u64::MAX }));
        assert!(full(none.map(drop)));
        let mut spool = Spool::create(directory.path(), u64::MAX, 0).unwrap();
        spool.reserve = u64::MAX;
        let piece = Bytes::from(vec![0; 1 << 20]);
        for _ in 0..16 {
            spool.append(piece.clone()).await.unwrap();
        }
        // The disk is checked before the first byte after the sixteenth megabyte.
        assert!(full(spool.append(piece).await));
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let gone = Path::new("/nonexistent/spool");
        assert!(matches!(Spool::create(gone, 1, 0), Err(SpoolError::Io(_))));
    }
}
