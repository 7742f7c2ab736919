//! Where an archive goes, judged before anything is asked of the server.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::places::Places;

/// The name that means standard output.
pub const STDOUT: &str = "-";

/// The place of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Standard output: it gets the bytes of the archive and nothing else.
    Stdout,
    /// A regular file, there already or not: replaced as a whole when the archive is verified.
    File {
        /// The file that is replaced; a symlink is followed to what it means.
        path: PathBuf,
        /// The path as it was given.
        given: PathBuf,
        /// Whether the directory is made where it is missing.
        make_directory: bool,
    },
    /// Something that cannot be replaced, such as a FIFO or a device: the bytes are written into it as they come.
    Stream(PathBuf),
}

impl Target {
    /// The default place, `~/w24project/temp.tar.gz`.
    ///
    /// # Errors
    /// [`Error::Target`] where something else than a file is there; [`Error::Usage`] where nobody knows the home.
    pub fn by_default(places: &Places) -> Result<Self, Error> {
        let path = places.archive().ok_or_else(|| {
            Error::Usage("There is no home directory to save to: give -o FILE".to_owned())
        })?;
        Self::at(&path, true)
    }

    /// What `-o` means.
    ///
    /// # Errors
    /// [`Error::Usage`] for an empty name, or for the bytes of an archive on a terminal; [`Error::Target`] for a
    /// directory, or a file in a directory that is not there.
    pub fn given(path: &Path, stdout_is_terminal: bool) -> Result<Self, Error> {
        if path.as_os_str().is_empty() {
            return Err(Error::Usage("-o takes the name of a file".to_owned()));
        }
        if path == Path::new(STDOUT) {
            return if stdout_is_terminal {
                Err(Error::Usage(
                    "Standard output is a terminal, an archive would garble it: use -o FILE or a pipe".to_owned(),
                ))
            } else {
                Ok(Self::Stdout)
            };
        }
        Self::at(path, false)
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

    /// The path as it was given; `-` for standard output.
    #[must_use]
    pub fn name(&self) -> &Path {
        match self {
            Self::Stdout => Path::new(STDOUT),
            Self::File { given, .. } => given,
            Self::Stream(path) => path,
        }
    }
}

/// The directory that a file is in, `.` for a bare name.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(Target::given(&path, true).unwrap(), expected);
        fs::write(&path, "old").unwrap();
        assert_eq!(Target::given(&path, true).unwrap(), expected);
    }

    #[test]
    fn a_link_means_the_file_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let Target::File { path, given, .. } = Target::given(&link, true).unwrap() else {
            panic!("not a file");
        };
        assert_eq!((path, given), (file, link));
    }

    #[test]
    fn standard_output_is_refused_on_a_terminal_only() {
        assert_eq!(
            Target::given(Path::new("-"), false).unwrap(),
            Target::Stdout
        );
        assert!(matches!(
            Target::given(Path::new("-"), true),
            Err(Error::Usage(_))
        ));
        assert!(matches!(
            Target::given(Path::new(""), false),
            Err(Error::Usage(_))
        ));
    }

    #[test]
    fn devices_are_never_replaced() {
        let null = Path::new("/dev/null");
        assert_eq!(
            Target::given(null, false).unwrap(),
            Target::Stream(null.to_owned())
        );
    }

    #[test]
    fn what_cannot_be_is_said_before_anything_is_sent() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing/x");
        assert!(reason(Target::given(dir.path(), false)).ends_with(": it is a directory"));
        assert!(
            reason(Target::given(&dir.path().join("new/"), false)).ends_with(": it is a directory")
        );
        assert!(reason(Target::given(&missing, false)).ends_with("/x: there is no such directory"),);
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(
            reason(Target::given(&dir.path().join("file/x"), false)).ends_with("not a directory")
        );
    }

    #[test]
    fn the_default_makes_its_directory_and_needs_a_home() {
        let home = tempfile::tempdir().unwrap();
        let places = Places {
            home: Some(home.path().to_owned()),
            ..Places::default()
        };
        let Target::File {
            path,
            make_directory,
            ..
        } = Target::by_default(&places).unwrap()
        else {
            panic!("not a file");
        };
        assert_eq!(path, home.path().join("w24project/temp.tar.gz"));
        assert!(make_directory);
        assert!(matches!(
            Target::by_default(&Places::default()),
            Err(Error::Usage(_))
        ));
    }
}
