//! `ctl save -o FILE`: the running settings in place of a file, which may be the one that the balancer was found by.
//!
//! A shell empties the file of `> FILE` before the program begins: what it says of the balancer is gone by then, and so is the
//! file where nothing is answered. So the file is replaced only when all of the new one is on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::error::CtlError;

/// Settings may hold passwords: a file that is new is for its owner.
const MODE: u32 = 0o600;

/// Puts `text` in the place of `file`; returns what to say of it.
pub(super) fn replace(file: &Path, text: &str) -> Result<String, CtlError> {
    let failed =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    let is_new = write(file, text).map_err(failed)?;
    let for_whom = match is_new {
        true => ", which only its owner can read",
        false => "",
    };
    Ok(format!("wrote {}{for_whom}", file.display()))
}

/// Whether there was no such file.
fn write(file: &Path, text: &str) -> io::Result<bool> {
    // A link goes on leading to the file.
    let file = match fs::canonicalize(file) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(error),
    };
    let before = fs::metadata(&file).ok();
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        // A device or a pipe stays what it is.
        fs::write(&file, text)?;
        return Ok(false);
    }
    let beside = beside(&file)?;
    let written = fill(&beside, text, before.as_ref()).and_then(|()| fs::rename(&beside, &file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.map(|()| before.is_none())
}

fn beside(file: &Path) -> io::Result<PathBuf> {
    let name = file
        .file_name()
        .ok_or_else(|| io::Error::other("is no file"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", std::process::id()));
    Ok(file.with_file_name(hidden))
}

/// Owner and permissions are those of the file that is replaced.
fn fill(place: &Path, text: &str, before: Option<&fs::Metadata>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file: File = options
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(place)?;
    file.write_all(text.as_bytes())?;
    if let Some(before) = before {
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(before.permissions())?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_with_its_permissions_and_links() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("b.toml"), dir.path().join("link.toml"));
        let said = replace(&file, "a = 1\n").unwrap();
        assert!(said.ends_with("b.toml, which only its owner can read"));
        assert_eq!(mode(&file), 0o600);

        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("b.toml", &link).unwrap();
        let said = replace(&link, "a = 2\n").unwrap();
        assert!(said.ends_with("link.toml"), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "a = 2\n");
        assert_eq!(mode(&file), 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        // Nothing else is left.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = replace(&dir.path().join("none/b.toml"), "").unwrap_err();
        assert!(error.to_string().contains("none/b.toml: "), "{error}");
        assert_eq!(error.exit_code(), 1);
        let error = replace(dir.path(), "").unwrap_err();
        assert_eq!(error.exit_code(), 1);
    }
}
