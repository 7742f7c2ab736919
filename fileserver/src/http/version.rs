//! Tells versions of a file apart.

use std::fs::File;
use std::io;

use headers::ETag;
use rustix::fs::{Stat, fstat};

use super::conditions::{Validators, date};
use crate::query::search::FoundFile;
use crate::service::request_error::RequestError;

/// The state of a file that its tag names: the same on every replica whose copy has the same size and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) size: u64,
    seconds: i64,
    nanos: i64,
}

impl Version {
    pub(super) fn of(file: &Stat) -> Self {
        Self {
            size: u64::try_from(file.st_size).unwrap_or_default(),
            seconds: file.st_mtime,
            nanos: i64::try_from(file.st_mtime_nsec).unwrap_or_default(),
        }
    }

    /// That of a file that was found, not opened.
    pub(super) fn found(file: &FoundFile) -> Self {
        Self {
            size: file.size,
            seconds: file.modified.seconds,
            nanos: file.modified.nanos.into(),
        }
    }

    /// The tag, with its quotes.
    pub(super) fn tag(self) -> String {
        let Self {
            size,
            seconds,
            nanos,
        } = self;
        format!("\"{size}-{seconds}.{nanos:09}\"")
    }

    pub(super) fn validators(self) -> Result<Validators, RequestError> {
        let tag = self.tag();
        let etag: ETag = tag
            .parse()
            .map_err(|_| RequestError::internal("naming a version", tag))?;
        Ok(Validators {
            etag,
            modified: date(self.seconds),
        })
    }

    /// Checks that the file still is this version.
    pub(super) fn check(self, file: &File) -> io::Result<()> {
        if Self::of(&fstat(file)?) == self {
            return Ok(());
        }
        // The client must not take what it has got for the file, so the answer is cut.
        Err(io::Error::other("the file changed while it was sent"))
    }
}
