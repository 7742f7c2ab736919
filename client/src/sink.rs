//! Writing an archive: into a temporary file beside its target, which it replaces at the end, or into a stream.
//!
//! Writes run on the runtime's blocking threads, so that a full disk, a slow pipe or a FIFO without a reader never keeps
//! a signal waiting. The temporary file belongs to the sink: dropped before [`Sink::commit`], it is gone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempPath;

use crate::error::Error;
use crate::target::{Target, directory_of};

/// Permissions of a new file, before the umask takes its share.
const NEW_FILE_MODE: u32 = 0o666;

/// An archive that is being written.
#[derive(Debug)]
pub struct Sink {
    // Shared with a write that is still running when the command is dropped.
    file: Arc<File>,
    end: End,
}

/// What happens when all is written.
#[derive(Debug)]
enum End {
    Rename {
        temporary: TempPath,
        target: PathBuf,
        given: PathBuf,
    },
    Stream(PathBuf),
    Stdout,
}

impl Sink {
    /// Begins to write.
    ///
    /// # Errors
    /// [`Error::Target`] where that cannot be.
    pub async fn open(target: &Target) -> Result<Self, Error> {
        match target {
            Target::Stdout => {
                let stdout = io::stdout()
                    .as_fd()
                    .try_clone_to_owned()
                    .map_err(|error| Error::output(&error, true))?;
                Ok(Self {
                    file: Arc::new(File::from(stdout)),
                    end: End::Stdout,
                })
            }
            Target::Stream(path) => {
                let opened = path.clone();
                // A FIFO waits here for its reader.
                let file = blocking(move || OpenOptions::new().write(true).open(opened)).await;
                Ok(Self {
                    file: Arc::new(file.map_err(|error| Error::target(path, &error))?),
                    end: End::Stream(path.clone()),
                })
            }
            Target::File {
                path,
                given,
                make_directory,
            } => Self::beside(path, given, *make_directory)
                .map_err(|error| Error::target(given, &error)),
        }
    }

    fn beside(path: &Path, given: &Path, make_directory: bool) -> io::Result<Self> {
        let directory = directory_of(path);
        if make_directory {
            fs::create_dir_all(directory)?;
        }
        let (file, temporary) = tempfile::Builder::new()
            .prefix(".netsocket-")
            .suffix(".part")
            .permissions(Permissions::from_mode(NEW_FILE_MODE))
            .tempfile_in(directory)?
            .into_parts();
        // Who replaces a private file does not publish it.
        if let Ok(there) = fs::metadata(path) {
            file.set_permissions(there.permissions())?;
        }
        Ok(Self {
            file: Arc::new(file),
            end: End::Rename {
                temporary,
                target: path.to_owned(),
                given: given.to_owned(),
            },
        })
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// [`Error::Target`] or [`Error::Output`] where they cannot be written, [`Error::ReaderGone`] where the reader
    /// of standard output has left.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        let file = Arc::clone(&self.file);
        blocking(move || (&*file).write_all(&bytes))
            .await
            .map_err(|error| match &self.end {
                End::Stdout => Error::output(&error, true),
                End::Stream(path) => Error::target(path, &error),
                End::Rename { given, .. } => Error::target(given, &error),
            })
    }

    /// Puts the archive in its place: from now on the target is the new file.
    ///
    /// # Errors
    /// [`Error::Target`] where the target cannot be replaced; the temporary file is gone then.
    pub fn commit(self) -> Result<(), Error> {
        match self.end {
            End::Stdout | End::Stream(_) => Ok(()),
            End::Rename {
                temporary,
                target,
                given,
            } => temporary
                .persist(target)
                .map_err(|failed| Error::target(given, &failed.error)),
        }
    }
}

/// Runs what may wait on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn the_target_is_replaced_at_the_end_and_keeps_its_permissions() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let target = Target::given(&path, false).unwrap();

        let mut sink = Sink::open(&target).await.unwrap();
        sink.write(Bytes::from_static(b"new")).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()).len(), 2);
        sink.commit().unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[tokio::test]
    async fn a_sink_that_is_dropped_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::given(&dir.path().join("x"), false).unwrap();
        let mut sink = Sink::open(&target).await.unwrap();
        sink.write(Bytes::from_static(b"new")).await.unwrap();
        drop(sink);
        assert!(names(dir.path()).is_empty());
    }

    #[tokio::test]
    async fn a_target_that_becomes_a_directory_is_said_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let target = Target::given(&path, false).unwrap();
        let sink = Sink::open(&target).await.unwrap();
        fs::create_dir(&path).unwrap();
        let said = sink.commit().unwrap_err().to_string();
        assert!(said.ends_with("x: is a directory"), "{said}");
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[tokio::test]
    async fn a_full_device_is_one_sentence() {
        let target = Target::given("/dev/full".as_ref(), false).unwrap();
        let mut sink = Sink::open(&target).await.unwrap();
        let error = sink.write(Bytes::from_static(b"x")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write /dev/full: no space left on device"
        );
    }
}
