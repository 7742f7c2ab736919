//! A new local directory that has the name of an archive: probably the archive was meant.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::context::Context;
use crate::command_line::archive_names::Format;
use crate::command_line::quote::pasteable;
use crate::outcome::error::Error;

impl Context {
    /// Refuses to create the directory `given`, if it has the name of an archive. What makes an archive of its
    /// content is `instead`, followed by a name. A slash at the end says that a directory is meant.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(super) fn check_directory_name(&self, given: &Path, instead: &str) -> Result<(), Error> {
        let bytes = given.as_os_str().as_bytes();
        if bytes.ends_with(b"/") || self.local_path(given).is_dir() {
            return Ok(());
        }
        let archive = match Format::of_name(given) {
            Format::Unknown => return Ok(()),
            Format::Ours(_) => given.to_owned(),
            Format::Other(_) => given.with_extension("").with_extension("tar.gz"),
        };
        let name = pasteable(bytes);
        let archive = pasteable(archive.as_os_str().as_bytes());
        let directory = pasteable(&[bytes, b"/"].concat());
        Err(Error::Usage(format!(
            "{name} would be a directory: {instead} {archive} makes an archive, {directory} means a directory"
        )))
    }
}
