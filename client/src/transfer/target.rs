//! Checks the destination of a transfer before anything is requested.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::outcome::error::Error;
use crate::transfer::destination::{Destination, OutputOptions};

/// The file name for standard output.
pub(crate) const STDOUT: &str = "-";

/// A checked destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output, which then carries nothing else.
    Stdout,
    /// A regular file, existing or not: replaced once the download is verified.
    File {
        /// The file to replace, with symlinks resolved.
        path: PathBuf,
        /// The path as given.
        given: PathBuf,
        /// Whether to create the directory if it is missing.
        make_directory: bool,
    },
    /// Something that cannot be replaced, such as a FIFO or a device: written as data arrives.
    Stream(PathBuf),
    /// A directory to unpack an archive into, existing or not.
    Directory(PathBuf),
}

impl Target {
    /// Checks the destination in `options`.
    ///
    /// # Errors
    /// [`Error::Usage`] for an empty name; [`Error::Target`] for a directory instead of a file or the other way
    /// round, or a file in a missing directory.
    pub(crate) fn of(options: &OutputOptions) -> Result<Self, Error> {
        match &options.destination {
            Destination::Stdout => Ok(Self::Stdout),
            Destination::File(path) | Destination::Extract(path) if path.as_os_str().is_empty() => {
                Err(Error::Usage("-o needs a file name".to_owned()))
            }
            Destination::File(path) => Self::at(path, options.make_directory),
            Destination::Extract(path) => Self::directory(path),
        }
    }

    fn directory(given: &Path) -> Result<Self, Error> {
        let refused = |reason: &str| Error::Target {
            path: given.to_owned(),
            reason: reason.to_owned(),
        };
        match fs::metadata(given) {
            Ok(there) if there.is_dir() => Ok(Self::Directory(given.to_owned())),
            Ok(_) => Err(refused("it is not a directory")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if directory_of(given).is_dir() {
                    Ok(Self::Directory(given.to_owned()))
                } else {
                    Err(refused("there is no such directory"))
                }
            }
            Err(error) => Err(Error::target(given, &error)),
        }
    }

    fn at(given: &Path, make_directory: bool) -> Result<Self, Error> {
        let refused = |reason: &str| Error::Target {
            path: given.to_owned(),
            reason: reason.to_owned(),
        };
        match fs::metadata(given) {
            Ok(there) if there.is_dir() => Err(refused("it is a directory")),
            Ok(there) if there.is_file() => Ok(Self::File {
                path: fs::canonicalize(given).map_err(|error| Error::target(given, &error))?,
                given: given.to_owned(),
                make_directory,
            }),
            Ok(_) => Ok(Self::Stream(given.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if given.as_os_str().as_bytes().ends_with(b"/") {
                    return Err(refused("it is a directory"));
                }
                if !make_directory && !directory_of(given).is_dir() {
                    return Err(refused("there is no such directory"));
                }
                Ok(Self::File {
                    path: given.to_owned(),
                    given: given.to_owned(),
                    make_directory,
                })
            }
            Err(error) => Err(Error::target(given, &error)),
        }
    }

    /// The path as given; `-` for standard output.
    #[must_use]
    pub(crate) fn name(&self) -> &Path {
        match self {
            Self::Stdout => Path::new(STDOUT),
            Self::File { given, .. } => given,
            Self::Stream(path) | Self::Directory(path) => path,
        }
    }
}

/// The directory of a file; `.` for a bare name.
#[must_use]
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path) -> Result<Target, Error> {
        Target::of(&OutputOptions::to(Destination::File(path.to_owned())))
    }

    fn directory(path: &Path) -> Result<Target, Error> {
        Target::of(&OutputOptions::to(Destination::Extract(path.to_owned())))
    }

    fn reason(result: Result<Target, Error>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_file_there_or_not_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.tar.gz");
        let expected = Target::File {
            path: path.clone(),
            given: path.clone(),
            make_directory: false,
        };
        assert_eq!(file(&path).unwrap(), expected);
        fs::write(&path, "old").unwrap();
        assert_eq!(file(&path).unwrap(), expected);
    }

    #[test]
    fn a_link_means_the_file_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let expected = Target::File {
            path,
            given: link.clone(),
            make_directory: false,
        };
        assert_eq!(file(&link).unwrap(), expected);
    }

    #[test]
    fn devices_are_never_replaced() {
        let null = Path::new("/dev/null");
        assert_eq!(file(null).unwrap(), Target::Stream(null.to_owned()));
    }

    #[test]
    fn what_cannot_be_is_said_before_anything_is_sent() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing/x");
        assert!(reason(file(dir.path())).ends_with(": it is a directory"));
        assert!(reason(file(&dir.path().join("new/"))).ends_with(": it is a directory"));
        assert!(reason(file(&missing)).ends_with("/x: there is no such directory"));
        assert!(reason(directory(&missing)).ends_with("/x: there is no such directory"));
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(reason(file(&dir.path().join("file/x"))).ends_with("not a directory"));
        assert!(reason(directory(&dir.path().join("file"))).ends_with("it is not a directory"));
        assert!(matches!(file(Path::new("")), Err(Error::Usage(_))));
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let said = reason(file(&dir.path().join("a\nb/x")));
        assert!(said.contains("a\\nb/x: there is no"), "{said}");
    }

    #[test]
    fn a_directory_is_made_where_that_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let options = OutputOptions {
            make_directory: true,
            ..OutputOptions::to(Destination::File(dir.path().join("new/x")))
        };
        assert!(matches!(
            Target::of(&options).unwrap(),
            Target::File {
                make_directory: true,
                ..
            }
        ));
        let new = dir.path().join("new");
        assert_eq!(directory(&new).unwrap(), Target::Directory(new));
    }
}
