//! Whether a file that a program is going to make has a place on this machine.

use std::io;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::getuid;

use crate::check::Check;
use crate::reason::{file_reason, reason};

impl Check {
    /// A file that the program makes, or puts in the place of another, must have a place, if files are looked at. `path` is
    /// what `given` says it is. Below `/run` a service manager makes the directories as it starts the program, so nothing is a
    /// problem there. That this user must not make the file is a doubt: the program may be started by another.
    pub fn file_place(&mut self, key: &str, given: &str, path: &Path) {
        if let Some(directory) = self.directory(key, given, path) {
            self.allowed(key, given, directory, Access::WRITE_OK | Access::EXEC_OK);
        }
    }

    /// The same of a file that is appended to if it is there.
    pub fn appended_file_place(&mut self, key: &str, given: &str, path: &Path) {
        match path.exists() {
            true if self.directory(key, given, path).is_some() => {
                self.allowed(key, given, path, Access::WRITE_OK);
            }
            true => {}
            false => self.file_place(key, given, path),
        }
    }

    /// The directory of the file, if there is nothing wrong with it, and it is looked at.
    fn directory<'a>(&mut self, key: &str, given: &str, path: &'a Path) -> Option<&'a Path> {
        if !self.looks_at_files() || path.starts_with("/run") || path.starts_with("/var/run") {
            return None;
        }
        let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        match directory.metadata() {
            Ok(found) if !found.is_dir() => {
                let said = format!("{} is not a directory", directory.display());
                self.problem(key, given, said);
            }
            // Its place may be one that only the user of the program sees.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.denied(key, given, directory, &error);
            }
            Err(error) => {
                let why = file_reason(directory, &error);
                let said = format!("directory {}: {why}", directory.display());
                self.problem(key, given, said);
            }
            Ok(_) if path.is_dir() => {
                self.problem(key, given, "is a directory, a file is needed");
            }
            Ok(_) => return Some(directory),
        }
        None
    }

    fn allowed(&mut self, key: &str, given: &str, path: &Path, wanted: Access) {
        if let Err(error) = access(path, wanted) {
            self.denied(key, given, path, &error.into());
        }
    }

    fn denied(&mut self, key: &str, given: &str, path: &Path, error: &io::Error) {
        let path = path.display();
        let (why, user) = (reason(error), getuid());
        let said = format!("{path}: {why} for user {user}; a start by this user fails");
        self.doubt(key, given, said);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;
    use std::thread;

    use rustix::process::Uid;
    use rustix::thread::set_thread_res_uid;

    use super::*;

    /// What is wrong, and what is doubtful.
    fn said(path: &Path, place: impl Fn(&mut Check, &Path)) -> (Option<String>, Vec<String>) {
        let mut check = Check::default();
        check.look_at_files();
        place(&mut check, path);
        let judged = check.judged(());
        let doubts = judged.doubts();
        (judged.finish().err().map(|said| said.to_string()), doubts)
    }

    fn made(check: &mut Check, path: &Path) {
        check.file_place("pid_file", "X", path);
    }

    fn appended(check: &mut Check, path: &Path) {
        check.appended_file_place("access_log_target", "X", path);
    }

    #[test]
    fn a_file_needs_a_place_where_files_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path();
        let file = here.join("file");
        fs::write(&file, "").unwrap();
        for good in [
            &here.join("pid"),
            Path::new("pid"),
            Path::new("/run/none/pid"),
            &file,
        ] {
            assert_eq!(said(good, made), (None, vec![]), "{good:?}");
            assert_eq!(said(good, appended), (None, vec![]), "{good:?}");
        }
        let missing = format!("directory {}: no such file", here.join("no").display());
        for (wrong, reason) in [
            (here.join("no/pid"), missing.as_str()),
            (file.join("pid"), "is not a directory"),
            (here.to_owned(), "is a directory, a file is needed"),
        ] {
            for place in [made, appended] {
                let told = said(&wrong, place).0.unwrap();
                assert!(told.contains(reason), "{told}");
            }
            let mut check = Check::default();
            made(&mut check, &wrong);
            assert!(check.judged(()).finish().is_ok());
        }
    }

    #[test]
    fn a_place_that_this_user_must_not_use_is_doubtful() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().to_owned();
        fs::set_permissions(&here, Permissions::from_mode(0o555)).unwrap();
        let (own, closed) = (here.join("own"), here.join("closed"));
        for (file, mode) in [(&own, 0o666), (&closed, 0o444)] {
            fs::write(file, "").unwrap();
            fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
        }
        let hidden = here.join("hidden");
        fs::create_dir(&hidden).unwrap();
        fs::set_permissions(&hidden, Permissions::from_mode(0o600)).unwrap();
        let denied = |path: PathBuf, place: fn(&mut Check, &Path)| {
            let (wrong, doubts) = said(&path, place);
            assert_eq!(wrong, None);
            doubts
                .into_iter()
                .any(|it| it.contains("permission denied for user"))
        };
        let judge = move || {
            // That of this thread alone. Whoever is not root must not write there anyway.
            let nobody = Uid::from_raw(65534);
            if getuid().is_root() {
                set_thread_res_uid(nobody, nobody, nobody).unwrap();
            }
            [
                denied(here.join("new"), made),
                denied(here.join("new"), appended),
                denied(closed.clone(), appended),
                // It would be replaced.
                denied(own.clone(), made),
                denied(own, appended),
            ]
        };
        let judged = thread::spawn(judge).join().unwrap();
        assert_eq!(judged, [true, true, true, true, false]);
    }
}
