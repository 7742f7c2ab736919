//! A file with the number of the process that serves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use netsocket_settings::reason;
use tracing::warn;

/// The file. It is this process's until another writes its own number into it.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    /// The number waits here until this process serves.
    draft: PathBuf,
}

impl PidFile {
    /// Sees whether the file can be written, and leaves what is in it for now.
    pub(crate) fn prepare(path: &Path) -> io::Result<Self> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{}", process::id()));
        let file = Self {
            path: path.to_owned(),
            draft: draft.into(),
        };
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        fs::write(&file.draft, format!("{}\n", process::id()))?;
        Ok(file)
    }

    /// Lets everybody see the number, at once and whole.
    pub(crate) fn publish(&self) {
        if let Err(error) = fs::rename(&self.draft, &self.path) {
            warn!(path = %self.path.display(), error = reason(&error), "cannot write the pid file");
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // One of the two is there; what cannot be removed is only out of date.
        let _ = fs::remove_file(&self.draft);
        let own =
            fs::read_to_string(&self.path).is_ok_and(|text| text == format!("{}\n", process::id()));
        if own {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_while_the_process_serves_and_only_its_own_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        fs::write(&path, "1\n").unwrap();
        let file = PidFile::prepare(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        file.publish();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{}\n", process::id())
        );
        drop(file);
        assert!(!path.exists());

        let file = PidFile::prepare(&path).unwrap();
        file.publish();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_known_at_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(PidFile::prepare(dir.path()).is_err());
        assert!(PidFile::prepare(&dir.path().join("no/pid")).is_err());
    }
}
