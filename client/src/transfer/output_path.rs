//! Where a path given with `-o` leads.
//!
//! Owns: following links by hand, because the two ends that matter are not those of `open(2)`: a descriptor of this
//! program is written to rather than opened again, and a link to nothing means the file that it names.

use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The most links to follow, as in Linux.
const MAX_LINKS: usize = 40;

/// The file system in which descriptors are links.
const PROC: &str = "/proc";

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OutputPath {
    /// To a descriptor of this program.
    Descriptor(RawFd),
    /// To something in `/proc`, such as the descriptor of another program: it can be written, never replaced.
    Proc,
    /// To what is at this path, or could be created there.
    File(PathBuf),
}

/// Follows the links of `given`.
///
/// # Errors
/// The error of the system; also for a circle of links.
pub(crate) fn follow(given: &Path) -> io::Result<OutputPath> {
    let mut path = given.to_owned();
    for _ in 0..MAX_LINKS {
        let Some(name) = path.file_name() else {
            return Ok(OutputPath::File(path));
        };
        // A path with a slash at its end names a directory, and one in a missing directory leads nowhere.
        let Ok(directory) = fs::canonicalize(directory_of(&path)) else {
            return Ok(OutputPath::File(path));
        };
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Ok(OutputPath::File(path));
        }
        if let Some(number) = descriptor(&directory, name.as_bytes()) {
            return Ok(OutputPath::Descriptor(number));
        }
        let is_there = fs::symlink_metadata(&path).is_ok();
        if is_there && directory.starts_with(PROC) {
            return Ok(OutputPath::Proc);
        }
        match fs::read_link(&path) {
            Ok(target) => path = directory.join(target),
            // It is no link, or nothing is there.
            Err(_) => return Ok(OutputPath::File(path)),
        }
    }
    Err(io::Error::from(rustix::io::Errno::LOOP))
}

/// The number of the descriptor at that name of a directory, which has no links in its path.
fn descriptor(directory: &Path, name: &[u8]) -> Option<RawFd> {
    if !directory.starts_with(PROC) || !directory.ends_with("fd") {
        return None;
    }
    let own = fs::canonicalize("/proc/self").ok()?;
    // Threads share their descriptors: `/proc/PID/task/TID/fd`.
    if directory != own.join("fd") && !directory.starts_with(own.join("task")) {
        return None;
    }
    let digits = name.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(name).ok().filter(|_| digits)?;
    text.parse().ok()
}

/// The directory of a file; `.` for a bare name.
#[must_use]
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn led(path: impl AsRef<Path>) -> OutputPath {
        follow(path.as_ref()).unwrap()
    }

    #[test]
    fn every_name_of_a_descriptor_leads_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        symlink("/dev/stdout", &link).unwrap();
        symlink("link", dir.path().join("second")).unwrap();
        let own = format!("/proc/{}/fd/1", std::process::id());
        for path in [
            "/dev/stdout",
            "/dev/fd/1",
            "/proc/self/fd/1",
            "/proc/thread-self/fd/1",
            &own,
        ] {
            assert_eq!(led(path), OutputPath::Descriptor(1), "{path}");
        }
        assert_eq!(led(dir.path().join("second")), OutputPath::Descriptor(1));
        assert_eq!(led("/dev/fd/77"), OutputPath::Descriptor(77));
        assert_eq!(led("/dev/stderr"), OutputPath::Descriptor(2));
        assert_eq!(led("/proc/self/comm"), OutputPath::Proc);
    }

    #[test]
    fn a_link_leads_to_the_file_that_it_names_there_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().canonicalize().unwrap();
        symlink("file", place.join("first")).unwrap();
        fs::create_dir(place.join("d")).unwrap();
        symlink("../first", place.join("d/second")).unwrap();
        let file = OutputPath::File(place.join("file"));
        assert_eq!(led(place.join("d/second")), file);
        fs::write(place.join("file"), "").unwrap();
        assert_eq!(led(place.join("d/second")), file);
        let plain = place.join("plain");
        assert_eq!(led(&plain), OutputPath::File(plain));
        assert_eq!(led("x"), OutputPath::File("x".into()), "as it was given");
    }

    #[test]
    fn a_circle_of_links_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        symlink("b", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        assert!(follow(&dir.path().join("a")).is_err());
    }
}
