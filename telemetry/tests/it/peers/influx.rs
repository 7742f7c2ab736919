//! The write API of InfluxDB 2, with answers as a test wants them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it does with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An HTTP status; the lines are kept with 204 only.
    Status(u16),
    /// Nothing, for ever.
    Stall,
    /// Closes the connection.
    Close,
}

#[derive(Debug, Default)]
struct Seen {
    heads: Vec<String>,
    stored: Vec<String>,
}

/// It lives as long as this value.
#[derive(Debug)]
pub(crate) struct FakeInflux {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl FakeInflux {
    /// `answer` gets the number of the write, from 0, and its lines.
    pub(crate) async fn start(
        answer: impl Fn(usize, &str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let answer = Arc::new(answer);
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answer)));
                }
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    /// Writes so far, whatever became of them.
    pub(crate) fn writes(&self) -> usize {
        self.seen.lock().unwrap().heads.len()
    }

    /// Request line and headers of the first write.
    pub(crate) fn first_head(&self) -> String {
        self.seen.lock().unwrap().heads[0].clone()
    }

    /// The lines accepted, in their order.
    pub(crate) fn stored(&self) -> Vec<String> {
        self.seen.lock().unwrap().stored.clone()
    }
}

impl Drop for FakeInflux {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<A: Fn(usize, &str) -> Answer>(
    mut stream: TcpStream,
    seen: Arc<Mutex<Seen>>,
    answer: Arc<A>,
) {
    let mut bytes = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut bytes).await {
        let given = {
            let mut seen = seen.lock().unwrap();
            let given = answer(seen.heads.len(), &body);
            seen.heads.push(head);
            if given == Answer::Status(204) {
                seen.stored.extend(body.lines().map(str::to_owned));
            }
            given
        };
        match given {
            Answer::Status(status) => {
                let text = if status == 204 {
                    ""
                } else {
                    r#"{"message":"as the test wants it"}"#
                };
                let reply = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len()
                );
                if stream.write_all(reply.as_bytes()).await.is_err() {
                    return;
                }
            }
            Answer::Stall => std::future::pending().await,
            Answer::Close => return,
        }
    }
}

/// The next request's head and body; None at the end of the connection.
async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap();
                bytes.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        if stream.read_buf(bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}
