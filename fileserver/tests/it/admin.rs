//! Metrics and health over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use netsocket_protocol::query::Query;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::new_client::NewClient;
use crate::old_client::OldClient;
use crate::server::{TestServer, eventually, patiently};
use crate::tree::Tree;

/// The status line and the body.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    patiently(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// All samples, by name and labels.
pub(crate) async fn metrics(server: &TestServer) -> BTreeMap<String, f64> {
    let (status, body) = get(server.admin.unwrap(), "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// A server with an admin address, once its index is ready.
pub(crate) async fn indexed(tree: &Tree) -> TestServer {
    let server = TestServer::with(&tree.root, |config| {
        config.admin = Some(([127, 0, 0, 1], 0).into());
    });
    eventually(async || {
        let mode = metrics(&server).await["netsocket_fileserver_index_mode{mode=\"index\"}"];
        (mode == 1.0).then_some(())
    })
    .await;
    server
}

#[tokio::test]
async fn requests_are_counted_by_command_and_result() {
    let tree = Tree::empty();
    tree.write(b"a/b.txt", b"content");
    let server = indexed(&tree).await;
    let mut old = OldClient::connect(server.address).await;
    assert!(old.ask("w24fn b.txt").await.starts_with("FilePath: "));
    assert_eq!(old.archive("w24ft none").await, None);
    old.send(b"rm -rf /").await;
    old.receive().await;
    let mut new = NewClient::connect(server.address).await;
    let archive = new.archive(Query::default()).await;
    // A request is counted when the last byte of its answer is sent; the next answer comes after that.
    new.find(Query::default(), 1).await;
    new.find(Query::default(), 1).await;

    let metrics = metrics(&server).await;
    let count = |what: &str, command: &str, result: &str| {
        let name =
            format!("netsocket_fileserver_{what}{{command=\"{command}\",result=\"{result}\"}}");
        metrics.get(&name).copied()
    };
    assert_eq!(count("requests_total", "w24fn", "ok"), Some(1.0));
    assert_eq!(count("requests_total", "w24ft", "not_found"), Some(1.0));
    assert_eq!(count("requests_total", "other", "bad_request"), Some(1.0));
    assert_eq!(count("requests_total", "archive", "ok"), Some(1.0));
    assert_eq!(count("files_total", "archive", "ok"), Some(1.0));
    assert!(count("sent_bytes_total", "archive", "ok").unwrap() > archive.bytes.len() as f64);
    assert!(count("request_seconds_total", "find", "ok").unwrap() > 0.0);
    for (name, value) in [
        ("netsocket_fileserver_sessions_active", 2.0),
        ("netsocket_fileserver_sessions_total", 2.0),
        ("netsocket_fileserver_archives_active", 0.0),
        ("netsocket_fileserver_index_files", 1.0),
        ("netsocket_fileserver_index_directories", 2.0),
        ("netsocket_fileserver_index_watches", 2.0),
        (
            "netsocket_fileserver_index_surveys_total{cause=\"start\"}",
            1.0,
        ),
        ("netsocket_fileserver_answers_total{source=\"index\"}", 5.0),
        ("netsocket_fileserver_answers_total{source=\"walk\"}", 0.0),
        ("netsocket_draining", 0.0),
    ] {
        assert_eq!(metrics[name], value, "{name}");
    }
    assert!(metrics["netsocket_fileserver_index_bytes"] > 0.0);
}

#[tokio::test]
async fn it_is_ready_until_it_stops_or_its_root_is_another() {
    let tree = Tree::empty();
    let server = indexed(&tree).await;
    let admin = server.admin.unwrap();
    assert_eq!(get(admin, "/healthz").await.1, "ok\n");
    assert_eq!(get(admin, "/readyz").await.1, "ready\n");
    std::fs::rename(&tree.root, tree.root.with_file_name("away")).unwrap();
    eventually(async || {
        let (status, said) = get(admin, "/readyz").await;
        (status.contains("503") && said.contains("root")).then_some(())
    })
    .await;
    std::fs::rename(tree.root.with_file_name("away"), &tree.root).unwrap();

    // A session that goes on keeps the server up while it stops.
    let mut client = NewClient::connect(server.address).await;
    tree.write(b"large", &crate::tree::random(48 << 20, 3));
    client.ask_archive(Query::default()).await;
    let plan = client.message().await;
    server.shutdown.cancel();
    eventually(async || {
        let (status, said) = get(admin, "/readyz").await;
        (status.contains("503") && said == "stopping\n").then_some(())
    })
    .await;
    client.rest_of_archive(plan).await;
    server.stopped().await;
    assert!(TcpStream::connect(admin).await.is_err());
}
