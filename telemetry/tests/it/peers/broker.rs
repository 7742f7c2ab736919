//! Something at the address of a Kafka broker that is none, or is broken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// What it does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// The address is taken, but nobody listens.
    Refuses,
    /// Accepts, reads everything, answers nothing.
    Stalls,
    /// Accepts and closes at once.
    Closes,
    /// Announces an answer of 2 GiB and begins to send it.
    Babbles,
}

/// It lives as long as this value.
#[derive(Debug)]
pub(crate) struct FakeBroker {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    _unheard: Option<TcpSocket>,
    task: Option<JoinHandle<()>>,
}

impl FakeBroker {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let (accepted, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        if behaviour == Behaviour::Refuses {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let address = socket.local_addr().unwrap();
            return Self {
                address,
                accepted,
                open,
                _unheard: Some(socket),
                task: None,
            };
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn({
            let (accepted, open) = (Arc::clone(&accepted), Arc::clone(&open));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    accepted.fetch_add(1, Ordering::SeqCst);
                    open.fetch_add(1, Ordering::SeqCst);
                    let open = Arc::clone(&open);
                    tokio::spawn(async move {
                        serve(stream, behaviour).await;
                        open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Self {
            address,
            accepted,
            open,
            _unheard: None,
            task: Some(task),
        }
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Connections that the other side has not closed yet.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour) {
    if behaviour == Behaviour::Closes {
        return;
    }
    if behaviour == Behaviour::Babbles {
        let _ = stream.write_all(&i32::MAX.to_be_bytes()).await;
        let _ = stream.write_all(&[b'x'; 4096]).await;
    }
    let mut sink = [0; 4096];
    while matches!(stream.read(&mut sink).await, Ok(read) if read > 0) {}
}
