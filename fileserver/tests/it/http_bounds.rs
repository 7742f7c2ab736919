//! What is refused or cut over HTTP, and the time that a client may take.

use std::fs;
use std::time::{Duration, SystemTime};

use super::http_client::{HttpClient, ask, get};
use super::http_files::content;
use super::server::{TestServer, eventually};

#[tokio::test]
async fn nothing_in_a_file_runs_and_methods_that_write_are_refused() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("x.html"), "<script>alert(1)</script>").unwrap();
    let server = TestServer::start(tree.path());
    let page = get(server.address, "/x.html").await;
    assert_eq!(
        page.header("content-security-policy").as_deref(),
        Some("sandbox")
    );
    assert_eq!(
        page.header("x-content-type-options").as_deref(),
        Some("nosniff")
    );
    for method in ["PUT", "POST", "DELETE", "PATCH", "TRACE", "BREW"] {
        let reply = ask(
            server.address,
            method,
            "/x.html",
            &[("Content-Length", "0")],
        )
        .await;
        assert_eq!(
            (reply.status, reply.header("allow").as_deref()),
            (405, Some("GET, HEAD, OPTIONS, PROPFIND")),
            "{method}"
        );
    }
    let head = ask(server.address, "HEAD", "/x.html", &[]).await;
    assert_eq!(
        (head.status, head.header("content-length").as_deref()),
        (200, Some("25"))
    );
    let error = ask(
        server.address,
        "GET",
        "/none",
        &[("Accept", "application/json")],
    )
    .await;
    assert_eq!(
        error.header("content-type").as_deref(),
        Some("application/problem+json")
    );
    assert!(
        error
            .text()
            .contains("\"detail\":\"there is no file none\""),
        "{}",
        error.text()
    );
    let error = ask(
        server.address,
        "GET",
        "/%3Cb%3E",
        &[("Accept", "text/html,*/*;q=0.1")],
    )
    .await;
    assert!(
        error.text().contains("there is no file &lt;b&gt;"),
        "{}",
        error.text()
    );
    server.stop().await;
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("f"), "f").unwrap();
    let server = TestServer::start(tree.path());
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9_000));
    let wide = format!(
        "GET /f HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(70_000)
    );
    for (request, status) in [
        ("GET /f HTTP/1.1\nHost: a\n\n", 400),
        ("GET /f HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
        (
            "GET /f HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            411,
        ),
        (
            "GET /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            411,
        ),
        (
            "GET /f HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            400,
        ),
        (
            "GET /f HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            400,
        ),
        ("GET /f HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET /f HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /f HTTP/1.1\r\n\r\n", 400),
        ("GET /f HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400),
        ("GET f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (&long, 414),
        (&wide, 431),
    ] {
        let mut client = HttpClient::connect(server.address).await;
        client.send(request).await;
        let reply = client.reply("GET").await.unwrap();
        assert_eq!(reply.status, status, "{request:.80}");
        if status != 414 {
            assert!(client.is_over().await, "{request:.80}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_cut() {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path().join("f");
    fs::write(&path, content(64 << 20)).unwrap();
    let server = TestServer::start(tree.path());
    let mut client = HttpClient::connect(server.address).await;
    client.send("GET /f HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.has_begun().await);
    // The socket holds less than that, so the rest is still to be read.
    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .set_len(48 << 20)
        .unwrap();
    assert!(client.reply("GET").await.is_none());
    fs::write(&path, content(64 << 20)).unwrap();
    let mut client = HttpClient::connect(server.address).await;
    client.send("GET /f HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.has_begun().await);
    fs::File::options()
        .append(true)
        .open(&path)
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH)
        .unwrap();
    assert!(client.reply("GET").await.is_none());
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_left_and_an_idle_one_closed() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("f"), content(64 << 20)).unwrap();
    let server = TestServer::with(tree.path(), |config| {
        config.progress_timeout = Duration::from_millis(300);
        config.idle_timeout = Duration::from_millis(300);
        config.admin = Some(([127, 0, 0, 1], 0).into());
    });
    let mut slow = HttpClient::connect(server.address).await;
    slow.send("GET /f HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let admin = server.admin.unwrap();
    eventually(async || {
        let metrics = get(admin, "/metrics").await.text();
        metrics
            .contains("requests_total{command=\"get\",result=\"stalled\"} 1")
            .then_some(())
    })
    .await;
    assert!(slow.reply("GET").await.is_none());
    let mut idle = HttpClient::connect(server.address).await;
    assert_eq!(idle.ask("HEAD", "/f", &[]).await.unwrap().status, 200);
    // Half a head is no sign of life.
    idle.send("GET / HT").await;
    assert!(idle.is_over().await);
    server.stop().await;
}

#[tokio::test]
async fn each_wire_can_be_switched_off_and_requests_are_counted_by_wire() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("f"), "f").unwrap();
    let server = TestServer::with(tree.path(), |config| config.wires.http = false);
    let mut client = HttpClient::connect(server.address).await;
    client.send("GET /f HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.reply("GET").await.is_none());
    server.stop().await;
    let server = TestServer::with(tree.path(), |config| {
        config.wires.new = false;
        config.admin = Some(([127, 0, 0, 1], 0).into());
    });
    let mut client = HttpClient::connect(server.address).await;
    client.send("NETSOCK\n").await;
    assert!(client.is_over().await);
    assert_eq!(get(server.address, "/f").await.status, 200);
    assert_eq!(get(server.address, "/none").await.status, 404);
    assert_eq!(
        get(server.address, "/.netsocket/healthz").await.text(),
        "ok\n"
    );
    let metrics = get(server.admin.unwrap(), "/metrics").await.text();
    for line in [
        "netsocket_fileserver_wire_requests_total{wire=\"http\",status=\"200\"} 1",
        "netsocket_fileserver_wire_requests_total{wire=\"http\",status=\"404\"} 1",
        "netsocket_fileserver_requests_total{command=\"get\",result=\"ok\"} 1",
        "netsocket_fileserver_requests_total{command=\"get\",result=\"not_found\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_for_no_path_is_counted_as_none() {
    let tree = tempfile::tempdir().unwrap();
    let server = TestServer::with(tree.path(), |config| {
        config.admin = Some(([127, 0, 0, 1], 0).into());
    });
    for path in ["/a%00b", "/a%00b/", "/%00?archive=tar", "*", "a:80"] {
        let mut client = HttpClient::connect(server.address).await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        client.send(request).await;
        let reply = client.reply("GET").await.unwrap();
        assert_eq!(reply.status, 400, "{path}");
    }
    let metrics = get(server.admin.unwrap(), "/metrics").await.text();
    let counted: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("netsocket_fileserver_requests_total"))
        .collect();
    let refused = "netsocket_fileserver_requests_total{command=\"other\",result=\"bad_request\"} 5";
    assert_eq!(counted, [refused]);
    server.stop().await;
}

#[tokio::test]
async fn a_full_server_says_so_over_http() {
    let tree = tempfile::tempdir().unwrap();
    let server = TestServer::with(tree.path(), |config| config.max_sessions = 1);
    let mut first = HttpClient::connect(server.address).await;
    assert_eq!(first.ask("HEAD", "/", &[]).await.unwrap().status, 200);
    let second = get(server.address, "/").await;
    assert_eq!(
        (second.status, second.header("retry-after").as_deref()),
        (503, Some("1"))
    );
    server.stop().await;
}
