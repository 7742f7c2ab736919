//! Backends behind unix sockets.

use std::sync::{Arc, Mutex};

use netsocket_balancer::health::State;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use crate::running::{eventually, soon};
use crate::services::{refuses, start, start_checking};

/// Echoes on a unix socket, and remembers what sessions began with.
fn echo(path: &std::path::Path) -> Arc<Mutex<Vec<String>>> {
    let listener = UnixListener::bind(path).unwrap();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let sink = Arc::clone(&sink);
            tokio::spawn(async move {
                let mut all = Vec::new();
                let mut chunk = vec![0; 1 << 16];
                while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                    if stream.write_all(&chunk[..count]).await.is_err() {
                        return;
                    }
                    all.truncate(200);
                    all.extend_from_slice(&chunk[..count.min(200)]);
                }
                sink.lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&all).into_owned());
            });
        }
    });
    seen
}

#[tokio::test]
async fn sessions_are_relayed_to_a_unix_socket_and_shown_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    let seen = echo(&path);
    let text = format!(
        "listen = '127.0.0.1:0'\nproxy_send = 'v1'\n\
         backends = ['a=unix:{}']\n",
        path.display()
    );
    let balancer = start(&text).await;
    balancer.up(1).await;
    let mut client = balancer.connect().await;
    let sent = vec![b'x'; 3 << 20];
    let (mut read, mut write) = client.split();
    let sending = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) = soon(async { tokio::join!(sending, read.read_to_end(&mut received)) }).await;
    read.unwrap();
    // The client's own addresses, as it has some.
    let local = client.local_addr().unwrap();
    let header = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} ", local.port());
    assert!(received.starts_with(header.as_bytes()));
    assert!(received.ends_with(&sent[..1000]) && received.len() > sent.len());
    eventually("the end at the backend", || {
        seen.lock()
            .unwrap()
            .iter()
            .any(|said| said.contains("PROXY"))
    })
    .await;
    let record = balancer.record().await;
    assert_eq!(record.termination.code(), "--");
    let address = format!("unix:{}", path.display());
    assert_eq!(record.backend.unwrap().address().to_string(), address);
    let (_, status) = balancer.get("/api/v1/pools").await;
    assert!(status.contains(&address), "{status}");
}

#[tokio::test]
async fn a_socket_that_is_gone_is_a_backend_that_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    let _seen = echo(&path);
    let text = format!(
        "listen = '127.0.0.1:0'\nfail_open = false\nbackends = ['a=unix:{}']\n\
         [check]\ninterval = '20ms'\nkind = 'exchange'\nsend = 'ping'\nexpect = 'ping'\n",
        path.display()
    );
    let balancer = start_checking(&text).await;
    balancer.up(1).await;
    std::fs::remove_file(&path).unwrap();
    eventually("down", || {
        balancer.pool.backends()[0].report().state == State::Down
    })
    .await;
    let reason = balancer.pool.backends()[0].report().reason.to_string();
    assert!(reason.contains("connection refused"), "{reason}");
    assert!(refuses(&balancer, "default").await);
}

#[test]
fn what_a_unix_socket_cannot_have_is_refused() {
    let problems = crate::services::problems(
        "[[backends]]\nname = 'a'\naddress = 'unix:/x'\nsource = '127.0.0.2'\ncheck_port = 1\n\
         check_address = '127.0.0.1'\n[[backends]]\nname = 'b'\naddress = 'unix:x'\n\
         [[backends]]\nname = 'c'\naddress = 'unix:/x'\nresolve = 'dns'\n",
    );
    for expected in [
        "backends[0].source = \"127.0.0.2\": not with a unix socket",
        "backends[0].check_port = 1: not with a unix socket",
        "backends[0].check_address = \"127.0.0.1\": not with a unix socket",
        "backends[1].address = \"unix:x\"",
        "backends[2].address = \"unix:/x\"",
    ] {
        assert!(problems.contains(expected), "{expected}\n{problems}");
    }
}
