//! The listening socket of the admin HTTP: a TCP address, or a unix socket whose file mode decides who may change things.

use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use netsocket_settings::{AdminAddress, reason};
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{UnixStream, unix};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::ListenOptions;
use crate::control::admin_stream::AdminStream;
use crate::data_path::listen_socket::ListenSocket;
use crate::data_path::shared::Shared;

/// The user of the process and its group.
const MODE: u32 = 0o660;
/// A TCP client that reads nothing of what it is sent for this long is cut off.
const STALLED: Duration = Duration::from_secs(30);
/// The pause after an accept that failed for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The socket, for a runtime. Clones accept from the same socket.
#[derive(Clone)]
pub(crate) enum AdminAcceptor {
    Tcp(ClosableListener<tokio::net::TcpListener>),
    Unix(ClosableListener<tokio::net::UnixListener>),
}

/// A listener that stops accepting once it is closed; connections after that go to the new process.
pub(crate) struct ClosableListener<L> {
    listener: Arc<L>,
    closed: CancellationToken,
    /// The settings in force.
    shared: Arc<Shared>,
}

impl<L> Clone for ClosableListener<L> {
    fn clone(&self) -> Self {
        Self {
            listener: Arc::clone(&self.listener),
            closed: self.closed.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<L> ClosableListener<L> {
    fn new(listener: L, closed: CancellationToken, shared: Arc<Shared>) -> Self {
        Self {
            listener: Arc::new(listener),
            closed,
            shared,
        }
    }

    async fn enter<T>(&self, accept: impl Fn(&L, &mut Context<'_>) -> Poll<io::Result<T>>) -> T {
        let entered = async {
            loop {
                match poll_fn(|context| accept(&self.listener, context)).await {
                    Ok(entered) => return entered,
                    Err(error) if is_connection_error(&error) => {}
                    Err(error) => {
                        warn!(error = reason(&error), "cannot accept at the admin address");
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
    type Io = AdminStream;
    type Addr = SocketAddr;

    /// A client that reads nothing for long is cut off: a stalled reader of events only costs memory. A client on a unix
    /// socket is on this machine and needs no such limit.
    async fn accept(&mut self) -> (AdminStream, SocketAddr) {
        let (socket, peer) = self.enter(tokio::net::TcpListener::poll_accept).await;
        let limit = u32::try_from(STALLED.as_millis()).unwrap_or(u32::MAX);
        let _ = set_tcp_user_timeout(&socket, limit);
        let rules = self.shared.rules.load();
        (AdminStream::new(socket, rules.admin_tls.as_deref()), peer)
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

/// Listens at `address`. A socket file that nothing listens on any more is replaced.
pub(crate) fn bind(address: &AdminAddress) -> io::Result<ListenSocket> {
    ListenSocket::bind(address, ListenOptions::default(), MODE)
}

/// The same socket once more, within the runtime that this is called in; it is closed by `closed`.
pub(crate) fn acceptor(
    socket: &ListenSocket,
    closed: CancellationToken,
    shared: &Arc<Shared>,
) -> io::Result<AdminAcceptor> {
    let shared = Arc::clone(shared);
    match socket {
        ListenSocket::Tcp(listener) => {
            let listener = tokio::net::TcpListener::from_std(listener.try_clone()?)?;
            let listener = ClosableListener::new(listener, closed, shared);
            Ok(AdminAcceptor::Tcp(listener))
        }
        ListenSocket::Unix(listener) => {
            let listener = tokio::net::UnixListener::from_std(listener.try_clone()?)?;
            let listener = ClosableListener::new(listener, closed, shared);
            Ok(AdminAcceptor::Unix(listener))
        }
    }
}
