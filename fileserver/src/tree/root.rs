//! The shared directory, and the only way to open anything below it.
//!
//! Owns: the descriptor of the root and every `open` below it. No path is ever resolved from the current directory or
//! from `/`, and no symbolic link is followed, so no path can lead outside the root. Does not own: which paths exist
//! ([`crate::tree::walk`]).

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use netsocket_settings::file_reason;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat, openat2};
use rustix::io::Errno;

/// Flags to list a directory, never through a symbolic link.
pub(crate) const LIST: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Flags to pass through a directory, which needs only the permission to search it.
const PASS: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Flags to read a file. Non-blocking, so that a FIFO in place of a file cannot block the open.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// The longest path passed to the kernel in one call, safely below `PATH_MAX` (4096).
const PIECE: usize = 4000;

/// How a path is kept below the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolver {
    /// By `openat2(2)`, many components per call.
    Kernel,
    /// By opening each component: for kernels before 5.6 and sandboxes that block `openat2`.
    Components,
}

/// The shared directory, held open.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
    resolver: Resolver,
}

/// Why the root cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("root {}: {}", path.display(), file_reason(path, error))]
pub struct RootError {
    path: PathBuf,
    error: io::Error,
}

impl Root {
    /// Opens the directory to share. Symbolic links in `path` are followed here, and never again.
    ///
    /// # Errors
    /// [`RootError`] if `path` is not a directory or may not be read.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        Self::open_real(path).map_err(|error| RootError {
            path: path.to_owned(),
            error,
        })
    }

    fn open_real(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let fd = open(&path, LIST, Mode::empty())?;
        let probe = openat2(&fd, c".", PASS, Mode::empty(), BENEATH);
        let resolver = match probe {
            Ok(_) => Resolver::Kernel,
            // Some sandboxes answer EPERM to unknown system calls.
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => {
                tracing::warn!("openat2 is not available: opening paths component by component");
                Resolver::Components
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { fd, path, resolver })
    }

    /// The same directory without `openat2(2)`.
    #[cfg(test)]
    fn by_components(path: &Path) -> Self {
        let resolver = Resolver::Components;
        Self {
            resolver,
            ..Self::open(path).unwrap()
        }
    }

    /// The path of the root, with symbolic links resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The absolute path of a path below the root.
    #[must_use]
    pub fn absolute(&self, relative: &[u8]) -> Vec<u8> {
        self.path
            .join(OsStr::from_bytes(relative))
            .into_os_string()
            .as_bytes()
            .to_vec()
    }

    /// Opens a directory for listing; the empty path is the root.
    pub(crate) fn directory(&self, relative: &[u8]) -> rustix::io::Result<OwnedFd> {
        if relative.is_empty() {
            // A new open file description: duplicated descriptors share the position in a listing.
            return openat(&self.fd, c".", LIST, Mode::empty());
        }
        self.open_below(relative, LIST)
    }

    /// Opens a regular file; returns its current size in bytes, too.
    ///
    /// # Errors
    /// The error of the system; `InvalidInput` if the path is not a regular file.
    pub fn file(&self, relative: &[u8]) -> io::Result<(File, u64)> {
        regular(self.open_below(relative, READ)?)
    }

    /// Opens what the path names, whatever it is, if the kernel has the whole path in memory: the thread waits for no disk.
    ///
    /// # Errors
    /// `WouldBlock` where it has not, or is too old to say so.
    pub(crate) fn any_if_cached(&self, relative: &[u8]) -> io::Result<File> {
        if self.resolver != Resolver::Kernel || relative.len() > PIECE {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let cached = BENEATH.union(ResolveFlags::CACHED);
        match openat2(&self.fd, relative, READ, Mode::empty(), cached) {
            Ok(fd) => Ok(File::from(fd)),
            // Before Linux 5.12 the flag is unknown.
            Err(Errno::AGAIN | Errno::INVAL) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens what the path names for reading, whatever it is. Blocks the thread.
    pub(crate) fn any(&self, relative: &[u8]) -> io::Result<File> {
        Ok(File::from(self.open_below(relative, READ)?))
    }

    /// Whether a path is a directory. Blocks the thread.
    pub(crate) fn is_directory(&self, relative: &[u8]) -> bool {
        self.open_below(relative, PASS).is_ok()
    }

    /// Whether a client may request this path: it must be relative, without `..`, and not hidden.
    pub(crate) fn is_shared(path: &[u8]) -> bool {
        !path.contains(&0)
            && path
                .split(|byte| *byte == b'/')
                .all(|component| !component.is_empty() && component[0] != b'.')
    }

    fn open_below(&self, relative: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let mut passed: Option<OwnedFd> = None;
        let mut rest = relative;
        loop {
            let at = passed.as_ref().map_or(self.fd.as_fd(), AsFd::as_fd);
            let (piece, behind) = self.split(rest);
            match behind {
                None => return self.open_piece(at, piece, flags),
                Some(behind) => {
                    passed = Some(self.open_piece(at, piece, PASS)?);
                    rest = behind;
                }
            }
        }
    }

    /// The part of a path to open in one call, and the rest.
    fn split<'a>(&self, path: &'a [u8]) -> (&'a [u8], Option<&'a [u8]>) {
        let cut = match self.resolver {
            Resolver::Components => path.iter().position(|byte| *byte == b'/'),
            Resolver::Kernel if path.len() <= PIECE => None,
            Resolver::Kernel => path[..PIECE].iter().rposition(|byte| *byte == b'/'),
        };
        match cut {
            Some(cut) => (&path[..cut], Some(&path[cut + 1..])),
            None => (path, None),
        }
    }

    fn open_piece(
        &self,
        at: BorrowedFd<'_>,
        piece: &[u8],
        flags: OFlags,
    ) -> rustix::io::Result<OwnedFd> {
        match self.resolver {
            Resolver::Kernel => openat2(at, piece, flags, Mode::empty(), BENEATH),
            Resolver::Components if matches!(piece, b"" | b"." | b"..") => Err(Errno::XDEV),
            Resolver::Components => openat(at, piece, flags, Mode::empty()),
        }
    }
}

/// An open file and its size, if it is a regular one.
fn regular(fd: OwnedFd) -> io::Result<(File, u64)> {
    let stat = fstat(&fd)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    Ok((
        File::from(fd),
        u64::try_from(stat.st_size).unwrap_or_default(),
    ))
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Resolve below the descriptor, without symbolic links of any kind; mount points are allowed.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A root with everything that must not lead out of it.
    fn hostile() -> (tempfile::TempDir, PathBuf) {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        fs::write(root.join("a/b/file"), "inside").unwrap();
        symlink("../secret", root.join("to-file")).unwrap();
        symlink("..", root.join("a/to-directory")).unwrap();
        symlink("b/file", root.join("a/within")).unwrap();
        symlink("a/b", root.join("linked")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.join("fifo"),
            FileType::Fifo,
            Mode::RWXU,
            0,
        )
        .unwrap();
        (outer, root)
    }

    #[test]
    fn nothing_leads_out_of_the_root() {
        let (outer, path) = hostile();
        let absolute = outer.path().join("secret");
        for root in [Root::open(&path).unwrap(), Root::by_components(&path)] {
            let (mut file, size) = root.file(b"a/b/file").unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!((text.as_str(), size), ("inside", 6));
            for path in [
                &b"../secret"[..],
                b"a/../../secret",
                absolute.as_os_str().as_bytes(),
                b"to-file",
                b"a/to-directory/secret",
                b"a/within",
                b"linked/file",
                b"fifo",
                b"a",
                b"",
                b"missing",
            ] {
                assert!(
                    root.file(path).is_err(),
                    "{:?} {}",
                    root.resolver,
                    path.escape_ascii()
                );
            }
            assert!(root.directory(b"a/b").is_ok() && root.directory(b"").is_ok());
            assert!(root.directory(b"a/to-directory").is_err());
        }
    }

    #[test]
    fn what_is_shared_is_relative_and_visible() {
        for path in [&b"a"[..], b"a/b", b"a..b/c.", b"\xff/ "] {
            assert!(Root::is_shared(path), "{}", path.escape_ascii());
        }
        for path in [
            &b""[..],
            b"/",
            b"/a",
            b"a/",
            b"a//b",
            b".",
            b"..",
            b"../a",
            b"a/../b",
            b".ssh/id",
            b"a/.git/config",
            b"a\0b",
        ] {
            assert!(!Root::is_shared(path), "{}", path.escape_ascii());
        }
    }

    #[test]
    fn a_path_longer_than_the_kernel_takes_is_opened() {
        let outer = tempfile::tempdir().unwrap();
        let mut path = Vec::new();
        let mut at = open(outer.path(), LIST, Mode::empty()).unwrap();
        let name = [b'n'; 200];
        for _ in 0..50 {
            rustix::fs::mkdirat(&at, &name[..], Mode::RWXU).unwrap();
            at = openat(&at, &name[..], LIST, Mode::empty()).unwrap();
            path.extend_from_slice(&name);
            path.push(b'/');
        }
        openat(&at, c"leaf", OFlags::CREATE | OFlags::RDWR, Mode::RWXU).unwrap();
        path.extend_from_slice(b"leaf");
        for root in [
            Root::open(outer.path()).unwrap(),
            Root::by_components(outer.path()),
        ] {
            assert!(root.file(&path).is_ok(), "{:?}", root.resolver);
        }
    }

    #[test]
    fn a_root_may_be_named_through_a_link_but_must_be_a_directory() {
        let (outer, path) = hostile();
        symlink(&path, outer.path().join("link")).unwrap();
        assert_eq!(
            Root::open(&outer.path().join("link")).unwrap().path(),
            path.canonicalize().unwrap()
        );
        let said = Root::open(&outer.path().join("secret"))
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("/secret: ") && said.contains("directory"),
            "{said}"
        );
    }
}
