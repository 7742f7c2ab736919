//! Checks the destination of a transfer before anything is requested.

use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::outcome::error::Error;
use crate::text::shown;
use crate::transfer::descriptor;
use crate::transfer::destination::{Destination, OutputOptions};
use crate::transfer::output_path::{OutputPath, directory_of, follow};

/// The file name for standard output.
pub(crate) const STDOUT: &str = "-";

/// A checked destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output, which then carries nothing else.
    Stdout,
    /// Another descriptor that the program was started with.
    Descriptor {
        /// Its number.
        number: RawFd,
        /// The path as given.
        given: PathBuf,
    },
    /// A regular file, existing or not: replaced once the download is verified.
    File {
        /// The file to replace, with symlinks resolved.
        path: PathBuf,
        /// The path as given.
        given: PathBuf,
        /// Whether to create the directory if it is missing.
        make_directory: bool,
    },
    /// A file that stays: what arrives is compared with it.
    Existing(PathBuf),
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
            Destination::Descriptor { number, path } => {
                let refused = |reason: &str| Error::Target {
                    path: path.clone(),
                    reason: reason.to_owned(),
                };
                descriptor::check(*number).map_err(refused)?;
                Ok(Self::Descriptor {
                    number: *number,
                    given: path.clone(),
                })
            }
            Destination::File(path) | Destination::Extract(path) if path.as_os_str().is_empty() => {
                Err(Error::Usage("-o needs a file name".to_owned()))
            }
            Destination::File(path) => Self::at(path, options.make_directory),
            Destination::Existing(path) => Ok(Self::Existing(path.clone())),
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
                    Err(no_directory(given, directory_of(given)))
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
        let path = match follow(given).map_err(|error| Error::target(given, &error))? {
            OutputPath::File(path) => Some(path),
            OutputPath::Proc => None,
            // Nobody has asked for it: those who do have their own destination.
            OutputPath::Descriptor(_) => return Err(refused("it is no file")),
        };
        match fs::metadata(path.as_deref().unwrap_or(given)) {
            Ok(there) if there.is_dir() => Err(refused("it is a directory")),
            Ok(there) if there.is_file() && path.is_some() => Ok(Self::File {
                path: fs::canonicalize(given).map_err(|error| Error::target(given, &error))?,
                given: given.to_owned(),
                make_directory,
            }),
            Ok(_) => Ok(Self::Stream(given.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let path = path.unwrap_or_else(|| given.to_owned());
                if path.as_os_str().as_bytes().ends_with(b"/") {
                    return Err(Error::no_such_directory(given));
                }
                if !make_directory && !directory_of(&path).is_dir() {
                    return Err(no_directory(given, directory_of(&path)));
                }
                Ok(Self::File {
                    path,
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
            Self::Descriptor { given, .. } | Self::File { given, .. } => given,
            Self::Existing(path) | Self::Stream(path) | Self::Directory(path) => path,
        }
    }
}

fn no_directory(given: &Path, directory: &Path) -> Error {
    Error::Target {
        path: given.to_owned(),
        reason: format!("there is no directory {}", shown(directory)),
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
    fn a_link_to_nothing_means_the_file_that_it_names() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().canonicalize().unwrap();
        let link = place.join("link");
        std::os::unix::fs::symlink("file", &link).unwrap();
        let expected = Target::File {
            path: place.join("file"),
            given: link.clone(),
            make_directory: false,
        };
        assert_eq!(file(&link).unwrap(), expected);
        let astray = place.join("astray");
        std::os::unix::fs::symlink("no/where", &astray).unwrap();
        assert!(reason(file(&astray)).contains("astray: there is no directory "));
    }

    #[test]
    fn what_cannot_be_replaced_is_written_or_refused() {
        assert!(reason(file(Path::new("/dev/stdout"))).ends_with("it is no file"));
        let own = Path::new("/proc/self/comm");
        assert_eq!(file(own).unwrap(), Target::Stream(own.to_owned()));
        let options = OutputOptions::to(Destination::Descriptor {
            number: 12_345,
            path: "/dev/fd/12345".into(),
        });
        let said = Target::of(&options).unwrap_err().to_string();
        assert!(
            said.ends_with("/dev/fd/12345: there is no such descriptor"),
            "{said}"
        );
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
        assert!(reason(file(&dir.path().join("new/"))).ends_with(": there is no such directory"));
        for said in [reason(file(&missing)), reason(directory(&missing))] {
            assert!(said.contains("/x: there is no directory "), "{said}");
            assert!(said.ends_with("/missing"), "{said}");
        }
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(reason(file(&dir.path().join("file/x"))).ends_with("not a directory"));
        assert!(reason(directory(&dir.path().join("file"))).ends_with("it is not a directory"));
        assert!(matches!(file(Path::new("")), Err(Error::Usage(_))));
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let said = reason(file(&dir.path().join("a\nb/x")));
        assert!(said.contains("a\\nb/x: there is no directory"), "{said}");
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
