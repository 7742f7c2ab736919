//! Tells versions of a file apart, whichever wire it is sent on.

use std::fmt;
use std::fs::File;
use std::io;

use rustix::fs::{Stat, fstat};

use super::metadata::Timestamp;

/// The state of a file: the same on every replica whose copy has the same size and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
}

impl Version {
    /// That of an open file.
    pub(crate) fn of(file: &Stat) -> Self {
        Self {
            size: u64::try_from(file.st_size).unwrap_or_default(),
            modified: Timestamp {
                seconds: file.st_mtime,
                nanos: u32::try_from(file.st_mtime_nsec).unwrap_or_default(),
            },
        }
    }

    /// Checks that the file still is this version.
    ///
    /// # Errors
    /// If it is not: whoever has got a part of it must not take that for the file.
    pub(crate) fn check(self, file: &File) -> io::Result<()> {
        if Self::of(&fstat(file)?) == self {
            return Ok(());
        }
        Err(io::Error::other("the file changed while it was sent"))
    }
}

/// The name of the version, in letters that need no quotes.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timestamp { seconds, nanos } = self.modified;
        write!(f, "{}-{seconds}.{nanos:09}", self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_is_another_version() {
        let file = tempfile::tempfile().unwrap();
        let then = Version::of(&fstat(&file).unwrap());
        assert!(then.check(&file).is_ok());
        file.set_len(5).unwrap();
        assert!(then.check(&file).is_err());
        let version = Version {
            size: 5,
            modified: Timestamp {
                seconds: -1,
                nanos: 7,
            },
        };
        assert_eq!(version.to_string(), "5--1.000000007");
    }
}
