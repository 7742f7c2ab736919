//! The validators of a version of a file.

use headers::ETag;

use super::conditions::{Validators, date};
use crate::query::search::FoundFile;
use crate::service::request_error::RequestError;
use crate::tree::version::Version;

/// That of a file that was found, not opened.
pub(super) fn found(file: &FoundFile) -> Version {
    Version {
        size: file.size,
        modified: file.modified,
    }
}

/// The tag, with its quotes.
pub(super) fn tag(version: Version) -> String {
    format!("\"{version}\"")
}

pub(super) fn validators(version: Version) -> Result<Validators, RequestError> {
    let tag = tag(version);
    let etag: ETag = tag
        .parse()
        .map_err(|_| RequestError::internal("naming a version", tag))?;
    Ok(Validators {
        etag,
        modified: date(version.modified.seconds),
    })
}
