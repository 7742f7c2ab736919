//! Temporary directories that the file servers' user can read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A temporary directory, gone with its value. Unlike that of `tempfile` everybody may look into it, because file
/// servers run as a user without rights.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// An empty directory.
    ///
    /// # Panics
    /// Where none can be made.
    #[must_use]
    pub fn new(purpose: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix(&format!("netsocket-e2e-{purpose}-"))
            .tempdir()
            .expect("a temporary directory");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755))
            .expect("the directory's rights");
        Self(dir)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file into it.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).expect("a file in a temporary directory");
        path
    }
}
