//! A client that sends the bytes of a test as they are, and reads one answer after the other.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::server::patiently;

/// An answer.
#[derive(Debug)]
pub(crate) struct HttpReply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl HttpReply {
    /// The values of a header, joined.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values = self.head.lines().skip(1).filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        values
            .map(str::to_owned)
            .reduce(|all, next| format!("{all}, {next}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct HttpClient {
    stream: TcpStream,
    received: Vec<u8>,
}

impl HttpClient {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            received: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads more; whether there was any.
    async fn receive(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        // A reset is an end as well.
        let count = patiently(self.stream.read(&mut buffer)).await.unwrap_or(0);
        self.received.extend_from_slice(&buffer[..count]);
        count > 0
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.received.len() < count {
            if !self.receive().await {
                return None;
            }
        }
        let rest = self.received.split_off(count);
        Some(std::mem::replace(&mut self.received, rest))
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.take(at + 2).await?;
                return Some(String::from_utf8(line[..at].to_vec()).unwrap());
            }
            if !self.receive().await {
                return None;
            }
        }
    }

    /// The next answer, to a request with this method; nothing if the connection ends before it is complete.
    pub(crate) async fn reply(&mut self, method: &str) -> Option<HttpReply> {
        let mut head = String::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            head.push_str(&line);
            head.push('\n');
        }
        let status = head.split(' ').nth(1)?.parse().unwrap();
        let mut reply = HttpReply {
            status,
            head,
            body: Vec::new(),
        };
        if method == "HEAD" || matches!(status, 204 | 304) {
            return Some(reply);
        }
        if let Some(length) = reply.header("content-length") {
            reply.body = self.take(length.parse().unwrap()).await?;
            return Some(reply);
        }
        assert_eq!(
            reply.header("transfer-encoding").as_deref(),
            Some("chunked")
        );
        loop {
            let length = usize::from_str_radix(&self.line().await?, 16).unwrap();
            let chunk = self.take(length + 2).await?;
            if length == 0 {
                return Some(reply);
            }
            reply.body.extend_from_slice(&chunk[..length]);
        }
    }

    /// Sends a request with these further headers, and reads the answer.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Option<HttpReply> {
        let mut head = format!("{method} {url} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(head + "\r\n").await;
        self.reply(method).await
    }

    /// Whether an answer has begun.
    pub(crate) async fn has_begun(&mut self) -> bool {
        !self.received.is_empty() || self.receive().await
    }

    /// Whether the server closes the connection without another byte.
    pub(crate) async fn is_over(&mut self) -> bool {
        self.received.is_empty() && !self.receive().await
    }
}

/// One request on a connection of its own.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
) -> HttpReply {
    let mut client = HttpClient::connect(address).await;
    client.ask(method, url, headers).await.expect("an answer")
}

/// A plain GET.
pub(crate) async fn get(address: SocketAddr, url: &str) -> HttpReply {
    ask(address, "GET", url, &[]).await
}
