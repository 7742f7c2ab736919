//! Files over HTTP: ranges, conditions, names, and what is refused.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::http_client::{HttpClient, ask, get};
use super::server::{TestServer, eventually};

/// Content that tells where a byte belongs.
fn content(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from(at * 31 % 251).unwrap())
        .collect()
}

fn old(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::write(path, bytes).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5);
    fs::File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(then)
        .unwrap();
}

#[tokio::test]
async fn a_file_arrives_to_the_byte_whatever_its_length() {
    let tree = tempfile::tempdir().unwrap();
    let lengths = [
        0,
        1,
        1023,
        32 * 1024,
        32 * 1024 + 1,
        (1 << 20) - 1,
        1 << 20,
        (1 << 20) + 1,
        5 << 20,
    ];
    for length in lengths {
        fs::write(tree.path().join(length.to_string()), content(length)).unwrap();
    }
    let server = TestServer::start(tree.path());
    // All on one connection, in an order in which long and short ones alternate.
    let mut client = HttpClient::connect(server.address).await;
    for length in lengths.into_iter().chain(lengths.into_iter().rev()) {
        let reply = client.ask("GET", &format!("/{length}"), &[]).await.unwrap();
        assert_eq!((reply.status, reply.body.len()), (200, length));
        assert!(reply.body == content(length), "{length}");
    }
    server.stop().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("large"), content(3 << 20)).unwrap();
    fs::write(tree.path().join("small"), "small").unwrap();
    let server = TestServer::start(tree.path());
    let mut client = HttpClient::connect(server.address).await;
    let one = |name: &str| format!("GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n");
    client
        .send(
            [
                one("large"),
                one("small"),
                one("large"),
                one("missing"),
                one("small"),
            ]
            .concat(),
        )
        .await;
    for (status, length) in [(200, 3 << 20), (200, 5), (200, 3 << 20)] {
        let reply = client.reply("GET").await.unwrap();
        assert_eq!((reply.status, reply.body.len()), (status, length));
        assert!(length == 5 || reply.body == content(length));
    }
    assert_eq!(client.reply("GET").await.unwrap().status, 404);
    assert_eq!(client.reply("GET").await.unwrap().body, b"small");
    server.stop().await;
}

#[tokio::test]
async fn ranges_are_exactly_what_was_asked_for() {
    let tree = tempfile::tempdir().unwrap();
    let whole = content(3 << 20);
    fs::write(tree.path().join("f"), &whole).unwrap();
    let server = TestServer::start(tree.path());
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, whole.len()),
        ("bytes=-7", whole.len() - 7, whole.len()),
        ("bytes=1000000-2000000", 1_000_000, 2_000_001),
        ("bytes=-99999999", 0, whole.len()),
    ] {
        let reply = ask(server.address, "GET", "/f", &[("Range", range)]).await;
        assert_eq!(reply.status, 206, "{range}");
        let told = format!("bytes {from}-{}/{}", to - 1, whole.len());
        assert_eq!(reply.header("content-range"), Some(told));
        assert!(reply.body == whole[from..to], "{range}");
    }
    let several = ask(
        server.address,
        "GET",
        "/f",
        &[("Range", "bytes=0-9,1000-1999999,-3")],
    )
    .await;
    let media = several.header("content-type").unwrap();
    let boundary = media
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let part = |from: usize, to: usize| {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {from}-{}/{}\r\n\r\n",
            to - 1,
            whole.len()
        );
        [head.as_bytes(), &whole[from..to]].concat()
    };
    let end = format!("\r\n--{boundary}--\r\n").into_bytes();
    let expected = [
        part(0, 10),
        part(1000, 2_000_000),
        part(whole.len() - 3, whole.len()),
        end,
    ]
    .concat();
    assert_eq!((several.status, several.body.len()), (206, expected.len()));
    assert!(several.body == expected);
    // Of a whole file, curl -C - asks for what is behind its end.
    let end = format!("bytes={}-", whole.len());
    let over = ask(server.address, "GET", "/f", &[("Range", &end)]).await;
    assert_eq!(
        (over.status, over.header("content-range")),
        (416, Some(format!("bytes */{}", whole.len())))
    );
    for ignored in ["bytes=0-5,5-9", "lines=1-2", "bytes=x"] {
        let reply = ask(server.address, "GET", "/f", &[("Range", ignored)]).await;
        assert_eq!(
            (reply.status, reply.body.len()),
            (200, whole.len()),
            "{ignored}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn replicas_with_the_same_file_tell_the_same() {
    let trees = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for tree in &trees {
        old(&tree.path().join("f.txt"), "text");
    }
    let servers = [
        TestServer::start(trees[0].path()),
        TestServer::start(trees[1].path()),
    ];
    let first = get(servers[0].address, "/f.txt").await;
    let second = get(servers[1].address, "/f.txt").await;
    for name in ["etag", "last-modified", "content-type", "content-length"] {
        assert!(
            first.header(name).is_some() && first.header(name) == second.header(name),
            "{name}"
        );
    }
    assert_eq!(
        first.header("last-modified").as_deref(),
        Some("Tue, 14 Nov 2023 22:13:20 GMT")
    );
    assert_eq!(
        first.header("content-type").as_deref(),
        Some("text/plain; charset=utf-8")
    );
    let tag = first.header("etag").unwrap();
    let known = ask(
        servers[1].address,
        "GET",
        "/f.txt",
        &[("If-None-Match", &tag)],
    )
    .await;
    assert_eq!(
        (known.status, known.header("etag")),
        (304, Some(tag.clone()))
    );
    let part = ask(
        servers[1].address,
        "GET",
        "/f.txt",
        &[("If-Range", &tag), ("Range", "bytes=2-")],
    )
    .await;
    assert_eq!((part.status, &part.body[..]), (206, &b"xt"[..]));
    // Another version: the client gets it whole.
    fs::write(trees[1].path().join("f.txt"), "other").unwrap();
    let part = ask(
        servers[1].address,
        "GET",
        "/f.txt",
        &[("If-Range", &tag), ("Range", "bytes=2-")],
    )
    .await;
    assert_eq!((part.status, &part.body[..]), (200, &b"other"[..]));
    for server in servers {
        server.stop().await;
    }
}

#[tokio::test]
async fn every_name_has_a_url() {
    let tree = tempfile::tempdir().unwrap();
    for name in [
        &b"caf\xc3\xa9 100%.txt"[..],
        b"latin-\xe9",
        b"a:b?c#d",
        b"new\nline",
    ] {
        fs::write(tree.path().join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    fs::create_dir(tree.path().join("d")).unwrap();
    fs::write(tree.path().join(".secret"), "s").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", tree.path().join("link")).unwrap();
    let server = TestServer::start(tree.path());
    for (url, name) in [
        ("/caf%C3%A9%20100%25.txt", &b"caf\xc3\xa9 100%.txt"[..]),
        ("/caf\u{e9}%20100%25.txt", b"caf\xc3\xa9 100%.txt"),
        ("/latin-%E9", b"latin-\xe9"),
        ("/a:b%3Fc%23d", b"a:b?c#d"),
        ("/new%0Aline", b"new\nline"),
    ] {
        let reply = get(server.address, url).await;
        assert_eq!((reply.status, &reply.body[..]), (200, name), "{url}");
    }
    for missing in [
        "/nothing",
        "/.secret",
        "/link",
        "/d/../.secret",
        "//latin-%E9",
        "/a:b%3Fc%23d/",
        "/%2e%2e/x",
    ] {
        assert_eq!(get(server.address, missing).await.status, 404, "{missing}");
    }
    let directory = get(server.address, "/d?sort=size").await;
    assert_eq!(
        (directory.status, directory.header("location").as_deref()),
        (301, Some("/d/?sort=size"))
    );
    let saved = get(server.address, "/caf%C3%A9%20100%25.txt?download").await;
    let disposition = saved.header("content-disposition").unwrap();
    assert!(
        disposition.ends_with("filename*=UTF-8''caf%C3%A9%20100%25.txt"),
        "{disposition}"
    );
    server.stop().await;
}

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
