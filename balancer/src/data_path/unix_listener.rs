//! Listening unix sockets. The file of one exists as long as a process listens on it. One left by a killed process is
//! replaced, but only if nothing listens on it. At the end the file is removed, unless a new process listens on it by then.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use netsocket_settings::reason;
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use tracing::warn;

/// Listens at `path`, for those that `mode` lets connect, so many of whom may wait. A socket file that nothing listens on any more is replaced.
pub(crate) fn bind(path: &Path, mode: u32, backlog: i32) -> io::Result<UnixListener> {
    clear(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Before it listens nobody gets in, whatever the mode was at first.
    let ready = fs::set_permissions(path, Permissions::from_mode(mode))
        .and_then(|()| socket.listen(backlog));
    if let Err(error) = ready {
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(OwnedFd::from(socket).into())
}

/// Makes room for a socket at `path`, where that takes nothing from anybody.
fn clear(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        let said = "a file that is not a socket is in the way";
        return Err(io::Error::new(ErrorKind::AlreadyExists, said));
    }
    if !is_deserted(path) {
        return Err(Errno::ADDRINUSE.into());
    }
    fs::remove_file(path)
}

/// Whether the process that listened there is gone. In doubt it is not.
fn is_deserted(path: &Path) -> bool {
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // A full queue is somebody's.
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    connect().is_err_and(|error: io::Error| error.kind() == ErrorKind::ConnectionRefused)
}

/// The file of a socket on which this process listens. When this is dropped, after the socket itself, the file goes,
/// unless another process listens there.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// By these two the file is told from another in its place.
    identity: (u64, u64),
}

impl SocketFile {
    /// Of what listens there now; `None` where that is no file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        Some(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let own = identity(&self.path) == Some(self.identity);
        if own
            && is_deserted(&self.path)
            && let Err(error) = fs::remove_file(&self.path)
        {
            warn!(path = %self.path.display(), error = reason(&error), "cannot remove the unix socket");
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    const MODE: u32 = 0o660;

    #[test]
    fn for_its_user_and_group_alone_and_gone_with_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = bind(&path, MODE, 8).unwrap();
        let file = SocketFile::of(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        assert!(UnixStream::connect(&path).is_ok());
        drop((listener, file));
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_process_has_left_is_replaced_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        let first = bind(&path, MODE, 8).unwrap();
        let in_use = bind(&path, MODE, 8).unwrap_err();
        assert_eq!(in_use.kind(), ErrorKind::AddrInUse);
        assert!(UnixStream::connect(&path).is_ok(), "it was left alone");
        drop(first);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        let error = bind(&path, MODE, 8).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a file that is not a socket is in the way"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let nowhere = bind(&dir.path().join("no/s"), MODE, 8).unwrap_err();
        assert_eq!(nowhere.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_file_on_which_another_listens_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = bind(&path, MODE, 8).unwrap();
        let file = SocketFile::of(&path).unwrap();
        // As a successor does that has inherited it.
        let inherited = listener.try_clone().unwrap();
        let next = SocketFile::of(&path).unwrap();
        drop((listener, file));
        assert!(UnixStream::connect(&path).is_ok());
        // Another socket in the same place is none of ours, dead or alive.
        fs::remove_file(&path).unwrap();
        drop(UnixListener::bind(&path).unwrap());
        drop((inherited, next));
        assert!(path.exists());
    }
}
