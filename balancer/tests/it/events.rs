//! The stream of snapshots.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::peers::Puppet;
use crate::running::{Balancer, NEVER, soon};

/// As many as the balancer serves.
const MOST: usize = 32;

pub struct Listener(BufReader<TcpStream>);

impl Listener {
    pub async fn start(balancer: &Balancer) -> Self {
        let mut stream = TcpStream::connect(balancer.admin).await.unwrap();
        let request = "GET /api/v1/events HTTP/1.0\r\nHost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match soon(self.0.read_line(&mut line)).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(data) = self.line().await?.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn a_snapshot_a_second_tells_what_happens() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    let mut listener = Listener::start(&balancer).await;
    let mut head = Vec::new();
    while let Some(line) = listener.line().await.filter(|line| !line.is_empty()) {
        head.push(line.to_lowercase());
    }
    assert!(
        head.contains(&"content-type: text/event-stream".to_owned()),
        "{head:?}"
    );
    let first = listener.next().await.unwrap();
    assert_eq!(first["sessions"]["active"], 1);
    assert_eq!(first["pools"][0]["backends"][0]["state"], "up");
    let session = &first["top_sessions"][0];
    assert_eq!(session["client"], client.local_addr().unwrap().to_string());
    assert_eq!(session["backend"], "puppet");

    client.write_all(&[7; 5000]).await.unwrap();
    soon(backend.read_exact(&mut [0; 5000])).await.unwrap();
    // With the second look there is a rate.
    let moved = loop {
        let event = listener.next().await.unwrap();
        if event["top_sessions"][0]["bytes_up"] == 5000 {
            break event;
        }
    };
    assert!(
        moved["top_sessions"][0]["rate"].as_f64().unwrap() > 0.0,
        "{moved}"
    );
    assert!(moved["host"]["cpu_percent"].is_number());
    drop((client, backend));
    while listener.next().await.unwrap()["sessions"]["active"] != 0 {}
}

#[tokio::test]
async fn listeners_are_bounded_and_leave_with_the_balancer() {
    let (balancer, _client, _backend) =
        Puppet::session(|config| config.timeouts.drain = NEVER).await;
    let mut listeners = Vec::new();
    for _ in 0..MOST {
        let mut listener = Listener::start(&balancer).await;
        assert!(listener.line().await.unwrap().contains(" 200 "));
        listeners.push(listener);
    }
    let mut late = Listener::start(&balancer).await;
    assert!(late.line().await.unwrap().contains(" 503 "));
    // A place is free when somebody has left.
    drop(listeners.pop());
    let again = async {
        loop {
            let mut listener = Listener::start(&balancer).await;
            if listener.line().await.unwrap().contains(" 200 ") {
                return listener;
            }
        }
    };
    let mut again = soon(again).await;
    assert!(again.next().await.is_some());
    balancer.abandon();
    // The control side has ended; nothing goes on without it.
    while again.next().await.is_some() {}
}
