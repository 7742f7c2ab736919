//! Says its name in one line, then sends back what it gets, and closes when its client does.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::Refuses;
use crate::running::{read_to_end, soon};

pub struct Echo {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Echo {
    pub async fn start(name: &'static str) -> Self {
        Self::listen(name, ([127, 0, 0, 1], 0).into()).await
    }

    /// Comes (back) to an address.
    pub async fn listen(name: &'static str, address: SocketAddr) -> Self {
        Self::on(name, TcpListener::bind(address).await.unwrap())
    }

    /// Serves a socket.
    pub fn on(name: &'static str, listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(name, stream));
            }
        });
        Self { address, task }
    }

    /// Dies: from now on its address refuses. The sessions that it has go on.
    pub async fn die(self) -> Refuses {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        Refuses::at(self.address).await
    }
}

/// Whatever fails here was the balancer's doing, a check for instance, and shows on the client's side.
async fn serve(name: &str, mut stream: TcpStream) {
    let mut chunk = vec![0; 1 << 16];
    if stream
        .write_all(format!("{name}\n").as_bytes())
        .await
        .is_err()
    {
        return;
    }
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        if stream.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}

/// One whole session as a client: the name that answered. Checks that what is sent comes back.
pub async fn converse(mut stream: TcpStream) -> String {
    soon(async {
        stream.write_all(b"ping").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut name = String::new();
        let mut reader = BufReader::new(&mut stream);
        reader.read_line(&mut name).await.unwrap();
        let mut rest = reader.buffer().to_vec();
        rest.extend(read_to_end(&mut stream).await.0);
        assert_eq!(rest, b"ping", "from {name:?}");
        name.trim_end().to_owned()
    })
    .await
}
