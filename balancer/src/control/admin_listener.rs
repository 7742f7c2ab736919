//! The listening socket of the admin HTTP: a TCP address, or a unix socket whose file mode decides who may change things.
//!
//! The file of a unix socket exists as long as a process listens on it. One left by a killed process is replaced, but only
//! if nothing listens on it. At the end the file is removed, unless a new process listens on it by then.

use std::fs::{self, Permissions};
use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use netsocket_settings::AdminAddress;
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_user_timeout;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpStream, UnixStream, unix};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::ListenOptions;
use crate::data_path::listener::{BACKLOG, adopt, listen};

/// The user of the process and its group.
const MODE: u32 = 0o660;
/// A TCP client that reads nothing of what it is sent for this long is cut off.
const STALLED: Duration = Duration::from_secs(30);
/// The pause after an accept that failed for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// A listening socket for the admin HTTP.
#[derive(Debug)]
pub(crate) enum AdminListener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The same, for a runtime. Clones accept from the same socket.
#[derive(Clone)]
pub(crate) enum AdminAcceptor {
    Tcp(ClosableListener<tokio::net::TcpListener>),
    Unix(ClosableListener<tokio::net::UnixListener>),
}

/// A listener that stops accepting once it is closed; connections after that go to the new process.
pub(crate) struct ClosableListener<L> {
    listener: Arc<L>,
    closed: CancellationToken,
}

impl<L> Clone for ClosableListener<L> {
    fn clone(&self) -> Self {
        Self {
            listener: Arc::clone(&self.listener),
            closed: self.closed.clone(),
        }
    }
}

impl<L> ClosableListener<L> {
    fn new(listener: L, closed: CancellationToken) -> Self {
        Self {
            listener: Arc::new(listener),
            closed,
        }
    }

    async fn enter<T>(&self, accept: impl Fn(&L, &mut Context<'_>) -> Poll<io::Result<T>>) -> T {
        let entered = async {
            loop {
                match poll_fn(|context| accept(&self.listener, context)).await {
                    Ok(entered) => return entered,
                    Err(error) if is_connection_error(&error) => {}
                    Err(error) => {
                        warn!(%error, "cannot accept at the admin address");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        match self.closed.run_until_cancelled(entered).await {
            Some(entered) => entered,
            None => pending().await,
        }
    }
}

/// Whether an error is that of a connection that has gone meanwhile, and not of the listener.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

impl Listener for ClosableListener<tokio::net::TcpListener> {
    type Io = TcpStream;
    type Addr = SocketAddr;

    /// A client that reads nothing for long is cut off: a stalled reader of events only costs memory. A client on a unix
    /// socket is on this machine and needs no such limit.
    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let (socket, peer) = self.enter(tokio::net::TcpListener::poll_accept).await;
        let limit = u32::try_from(STALLED.as_millis()).unwrap_or(u32::MAX);
        let _ = set_tcp_user_timeout(&socket, limit);
        (socket, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Listener for ClosableListener<tokio::net::UnixListener> {
    type Io = UnixStream;
    type Addr = unix::SocketAddr;

    async fn accept(&mut self) -> (UnixStream, unix::SocketAddr) {
        self.enter(tokio::net::UnixListener::poll_accept).await
    }

    fn local_addr(&self) -> io::Result<unix::SocketAddr> {
        self.listener.local_addr()
    }
}

impl AdminListener {
    /// Listens at `address`. A socket file that nothing listens on any more is replaced.
    pub(crate) fn bind(address: &AdminAddress) -> io::Result<Self> {
        match address {
            AdminAddress::Tcp(address) => listen(*address, ListenOptions::default()).map(Self::Tcp),
            AdminAddress::Unix(path) => bind(path).map(Self::Unix),
        }
    }

    /// Adopts a socket bound by another process. The file of a unix socket stays as it is.
    pub(crate) fn adopt(self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => adopt(listener, ListenOptions::default()).map(Self::Tcp),
            Self::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Ok(Self::Unix(listener))
            }
        }
    }

    /// Where it is; `None` for a unix socket without a name.
    pub(crate) fn address(&self) -> Option<AdminAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(AdminAddress::Tcp),
            Self::Unix(listener) => {
                let address = listener.local_addr().ok()?;
                Some(AdminAddress::Unix(address.as_pathname()?.to_owned()))
            }
        }
    }

    /// The same socket once more, within the runtime that this is called in; it is closed by `closed`.
    pub(crate) fn acceptor(&self, closed: CancellationToken) -> io::Result<AdminAcceptor> {
        match self {
            Self::Tcp(listener) => {
                let listener = tokio::net::TcpListener::from_std(listener.try_clone()?)?;
                Ok(AdminAcceptor::Tcp(ClosableListener::new(listener, closed)))
            }
            Self::Unix(listener) => {
                let listener = tokio::net::UnixListener::from_std(listener.try_clone()?)?;
                Ok(AdminAcceptor::Unix(ClosableListener::new(listener, closed)))
            }
        }
    }
}

impl AsFd for AdminListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    clear(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Before it listens nobody gets in, whatever the mode was at first.
    let ready = fs::set_permissions(path, Permissions::from_mode(MODE))
        .and_then(|()| socket.listen(BACKLOG));
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
    pub(crate) fn of(listener: &AdminListener) -> Option<Self> {
        let address = listener.address()?;
        let path = address.path()?;
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
            warn!(path = %self.path.display(), %error, "cannot remove the admin socket");
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

    fn at(path: &Path) -> AdminAddress {
        AdminAddress::Unix(path.to_owned())
    }

    #[test]
    fn for_its_user_and_group_alone_and_gone_with_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = AdminListener::bind(&at(&path)).unwrap();
        let file = SocketFile::of(&listener).unwrap();
        assert_eq!(listener.address(), Some(at(&path)));
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
        let first = AdminListener::bind(&at(&path)).unwrap();
        let in_use = AdminListener::bind(&at(&path)).unwrap_err();
        assert_eq!(in_use.kind(), ErrorKind::AddrInUse);
        assert!(UnixStream::connect(&path).is_ok(), "it was left alone");
        drop(first);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        let error = AdminListener::bind(&at(&path)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a file that is not a socket is in the way"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let nowhere = AdminListener::bind(&at(&dir.path().join("no/s"))).unwrap_err();
        assert_eq!(nowhere.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_file_on_which_another_listens_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = AdminListener::bind(&at(&path)).unwrap();
        let file = SocketFile::of(&listener).unwrap();
        // As a successor does that has inherited it.
        let AdminListener::Unix(old) = &listener else {
            panic!("a unix socket");
        };
        let inherited = AdminListener::Unix(old.try_clone().unwrap());
        let next = SocketFile::of(&inherited).unwrap();
        drop((listener, file));
        assert!(UnixStream::connect(&path).is_ok());
        // Another socket in the same place is none of ours, dead or alive.
        fs::remove_file(&path).unwrap();
        drop(UnixListener::bind(&path).unwrap());
        drop((inherited, next));
        assert!(path.exists());
    }
}
