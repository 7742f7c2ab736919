//! Servers behind the peers, each on a thread of its own with one listening address: their work is the same for every
//! peer, and none of it is in a peer's figure.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::failure::{Explain as _, Outcome};
use crate::http;

/// Waiting connections.
const BACKLOG: u32 = 4096;
/// After an accept that failed, as it does when no file can be opened.
const PAUSE: Duration = Duration::from_millis(10);
/// More than any message of the cases.
const ECHO_BUFFER: usize = 1024;

/// What a backend does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Answers each HTTP request with a fixed, small reply.
    Http,
    /// Sends back what it gets.
    Echo,
}

/// A backend at work. Dropping it ends it.
#[derive(Debug)]
pub struct Backend {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Backend {
    /// Starts to serve on `address`.
    ///
    /// # Errors
    /// Where the address cannot be bound.
    pub fn start(address: SocketAddr, service: Service) -> Outcome<Self> {
        Self::start_all(&[address], service)
    }

    /// The same on several addresses, all of them on one thread.
    ///
    /// # Errors
    /// Where an address cannot be bound.
    pub(crate) fn start_all(addresses: &[SocketAddr], service: Service) -> Outcome<Self> {
        Self::serving(addresses, move |listener| serve(listener, service))
    }

    /// Lets `work` serve on each address.
    ///
    /// # Errors
    /// Where an address cannot be bound.
    pub(crate) fn serving<W>(
        addresses: &[SocketAddr],
        work: impl Fn(TcpListener) -> W + Send + 'static,
    ) -> Outcome<Self>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .explain("the backend")?;
        let listeners: Vec<TcpListener> = {
            let _inside = runtime.enter();
            addresses
                .iter()
                .copied()
                .map(bind)
                .collect::<Outcome<_>>()?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                for listener in listeners {
                    tokio::spawn(work(listener));
                }
                // It fails where the value is gone, which is the end, too.
                let _ = stopped.await;
            });
        });
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It only fails where the thread has ended.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Listens on `address`, also right after another server did.
///
/// # Errors
/// Where it cannot be bound.
pub fn bind(address: SocketAddr) -> Outcome<TcpListener> {
    let listen = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().explain(&address.to_string())
}

async fn serve(listener: TcpListener, service: Service) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // How a connection ends is the client's concern.
        match service {
            Service::Http => drop(tokio::spawn(http::answer(stream))),
            Service::Echo => drop(tokio::spawn(echo(stream))),
        }
    }
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        // Nothing is held while a connection is idle, so that thousands of them do not crowd the caches.
        stream.readable().await?;
        let mut buffer = [0; ECHO_BUFFER];
        let read = match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        stream.write_all(&buffer[..read]).await?;
    }
}
