//! InfluxDB 2 as far as the collector speaks with it, with answers to writes as a test wants them. Positions are kept and
//! told as the real one does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it does with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An HTTP status; the lines are kept with 204 only.
    Status(u16),
    /// The status 422 with this text.
    Explained(&'static str),
    /// The status 429 with this many seconds of `Retry-After`.
    Later(u64),
    /// Nothing, for ever.
    Stall,
    /// Closes the connection.
    Close,
}

#[derive(Debug, Default)]
struct Seen {
    heads: Vec<String>,
    stored: Vec<String>,
    positions: BTreeMap<String, String>,
    queries: usize,
}

/// The status with which questions are answered while it is not 200.
pub(crate) type QueryStatus = Arc<AtomicU16>;

/// It lives as long as this value.
#[derive(Debug)]
pub(crate) struct FakeInflux {
    pub(crate) address: SocketAddr,
    pub(crate) query_status: QueryStatus,
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
        let query_status = QueryStatus::new(AtomicU16::new(200));
        let task = tokio::spawn({
            let (seen, query_status) = (Arc::clone(&seen), Arc::clone(&query_status));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let status = Arc::clone(&query_status);
                    tokio::spawn(serve(
                        stream,
                        Arc::clone(&seen),
                        status,
                        Arc::clone(&answer),
                    ));
                }
            }
        });
        Self {
            address,
            query_status,
            seen,
            task,
        }
    }

    /// The next offset of a partition, as a collector has saved it.
    pub(crate) fn position(&self, partition: i32) -> Option<i64> {
        let seen = self.seen.lock().unwrap();
        seen.positions.get(&partition.to_string())?.parse().ok()
    }

    /// Questions so far.
    pub(crate) fn queries(&self) -> usize {
        self.seen.lock().unwrap().queries
    }

    /// Writes of points so far, whatever became of them.
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
    query_status: QueryStatus,
    answer: Arc<A>,
) {
    let mut bytes = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut bytes).await {
        let (given, text) = {
            let mut seen = seen.lock().unwrap();
            if head.starts_with("POST /api/v2/query?") {
                seen.queries += 1;
                let status = query_status.load(Ordering::SeqCst);
                (Answer::Status(status), seen.told())
            } else if body.starts_with("collector_position,") {
                (Answer::Status(seen.keep_position(&body)), String::new())
            } else {
                let given = answer(seen.heads.len(), &body);
                seen.heads.push(head);
                if given == Answer::Status(204) {
                    seen.stored.extend(body.lines().map(str::to_owned));
                }
                (given, String::new())
            }
        };
        let (status, more) = match given {
            Answer::Status(status) => (status, String::new()),
            Answer::Explained(_) => (422, String::new()),
            Answer::Later(seconds) => (429, format!("Retry-After: {seconds}\r\n")),
            Answer::Stall => std::future::pending().await,
            Answer::Close => return,
        };
        let text = match (status, given) {
            (_, Answer::Explained(text)) => text.to_owned(),
            (200, _) => text,
            (204, _) => String::new(),
            _ => r#"{"message":"as the test wants it"}"#.to_owned(),
        };
        let length = text.len();
        let reply = format!("HTTP/1.1 {status} X\r\n{more}Content-Length: {length}\r\n\r\n{text}");
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

impl Seen {
    fn keep_position(&mut self, line: &str) -> u16 {
        let after = |mark: &str| {
            line.split(mark)
                .nth(1)
                .unwrap()
                .split([',', ' ', 'i'])
                .next()
        };
        let partition = after("partition=").unwrap().to_owned();
        let next = after("next_offset=").unwrap().to_owned();
        self.positions.insert(partition, next);
        204
    }

    fn told(&self) -> String {
        let mut csv = ",result,table,_value,partition\r\n".to_owned();
        for (partition, next) in &self.positions {
            csv.push_str(&format!(",_result,0,{next},{partition}\r\n"));
        }
        csv
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
