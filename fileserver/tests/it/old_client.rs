//! The client of the C system, written from the description of its bytes; shares no code with the server.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::patiently;

pub(crate) struct OldClient {
    pub(crate) stream: TcpStream,
}

impl OldClient {
    /// As the client does on port 8081.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::connect_silently(address).await;
        client.stream.write_all(b"1").await.unwrap();
        client
    }

    /// As the client does on the other ports.
    pub(crate) async fn connect_silently(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub(crate) async fn send(&mut self, command: &[u8]) {
        self.stream
            .write_all(&command_frame(command))
            .await
            .unwrap();
    }

    /// One frame.
    pub(crate) async fn receive(&mut self) -> Vec<u8> {
        self.receive_if_there_is().await.expect("an answer")
    }

    /// One frame, or nothing where the connection has ended.
    pub(crate) async fn receive_if_there_is(&mut self) -> Option<Vec<u8>> {
        patiently(async {
            let mut length = [0; 32];
            self.stream.read_exact(&mut length).await.ok()?;
            let length = std::str::from_utf8(&length).unwrap();
            let mut payload = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut payload).await.ok()?;
            Some(payload)
        })
        .await
    }

    pub(crate) async fn ask(&mut self, command: &str) -> String {
        self.send(command.as_bytes()).await;
        String::from_utf8(self.receive().await).unwrap()
    }

    /// The archive, or nothing where the answer is `no`.
    pub(crate) async fn archive(&mut self, command: &str) -> Option<Vec<u8>> {
        self.send(command.as_bytes()).await;
        match self.receive().await.as_slice() {
            b"yes" => Some(self.receive().await),
            b"no" => None,
            other => panic!("{}", other.escape_ascii()),
        }
    }

    /// Whether the server has ended the connection, in order and without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(patiently(self.stream.read(&mut byte)).await, Ok(0))
    }
}

pub(crate) fn command_frame(command: &[u8]) -> Vec<u8> {
    let mut frame = format!("{:032}", command.len() + 1).into_bytes();
    frame.extend_from_slice(command);
    frame.push(b'\n');
    frame
}
