//! Files and directories that everybody may read, whatever the umask.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::failure::{Failure, Outcome};

/// Writes a file that everybody may read, and the directories above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Outcome {
    if let Some(above) = path.parent() {
        make(above)?;
    }
    fs::write(path, bytes).map_err(Failure::at(path))?;
    fs::set_permissions(path, Permissions::from_mode(0o644)).map_err(Failure::at(path))
}

/// Makes a directory and those above it, for everybody to look into.
pub(crate) fn make(path: &Path) -> Outcome {
    fs::create_dir_all(path).map_err(Failure::at(path))?;
    fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(Failure::at(path))
}

pub(crate) fn remove(path: &Path) -> Outcome {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::at(path)(error)),
        _ => Ok(()),
    }
}
