//! Temporary directories that the file servers' user can read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Where Linux has a file system in memory.
const MEMORY: &str = "/dev/shm";
/// What has to be free there: a container may have little of it.
const ROOM: u64 = 512 << 20;

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
        Self::below(&std::env::temp_dir(), purpose)
    }

    /// One for thousands of files, which a disk is slow to make and to remove: in memory, where there is room for it.
    ///
    /// # Panics
    /// Where none can be made.
    #[must_use]
    pub fn in_memory(purpose: &str) -> Self {
        let room = rustix::fs::statvfs(MEMORY).is_ok_and(|about| {
            let free = about.f_bavail.saturating_mul(about.f_frsize);
            free >= ROOM
        });
        match room {
            true => Self::below(Path::new(MEMORY), purpose),
            false => Self::new(purpose),
        }
    }

    fn below(above: &Path, purpose: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix(&format!("netsocket-e2e-{purpose}-"))
            .tempdir_in(above)
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
