//! Files over HTTP: ranges, conditions, names.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};

use super::http_client::{HttpClient, ask, get};
use super::server::TestServer;

/// Content that tells where a byte belongs.
pub(crate) fn content(length: usize) -> Vec<u8> {
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
async fn a_digest_is_told_to_who_asks() {
    let tree = tempfile::tempdir().unwrap();
    let large = vec![7; 300_000];
    old(&tree.path().join("small"), "abc");
    old(&tree.path().join("large"), &large);
    let server = TestServer::start(tree.path());
    let digest = |bytes: &[u8]| {
        let digest = BASE64_STANDARD.encode(Sha256::digest(bytes));
        Some(format!("sha-256=:{digest}:"))
    };
    let wants = ("Want-Repr-Digest", "sha-512=3, sha-256=10");
    // The second time from what is kept.
    for _ in 0..2 {
        let small = ask(server.address, "GET", "/small", &[wants]).await;
        assert_eq!(small.header("repr-digest"), digest(b"abc"));
        assert_eq!(small.body, b"abc");
        let part = ask(
            server.address,
            "GET",
            "/large",
            &[wants, ("Range", "bytes=5-9")],
        )
        .await;
        assert_eq!(
            (part.status, part.header("repr-digest")),
            (206, digest(&large))
        );
        let head = ask(server.address, "HEAD", "/large", &[wants]).await;
        assert_eq!(head.header("repr-digest"), digest(&large));
        // Who has it already waits for no reading.
        let tag = head.header("etag").unwrap();
        let known = [wants, ("If-None-Match", tag.as_str())];
        for method in ["GET", "HEAD"] {
            let known = ask(server.address, method, "/large", &known).await;
            assert_eq!((known.status, known.header("repr-digest")), (304, None));
        }
        let other = ask(
            server.address,
            "GET",
            "/small",
            &[("Want-Repr-Digest", "md5=1")],
        )
        .await;
        assert_eq!(other.header("repr-digest"), None);
        assert_eq!(
            get(server.address, "/small").await.header("repr-digest"),
            None
        );
    }
    old(&tree.path().join("small"), "abd");
    let small = ask(server.address, "GET", "/small", &[wants]).await;
    assert_eq!(small.header("repr-digest"), digest(&small.body));
    server.stop().await;
}

#[tokio::test]
async fn what_is_kept_is_never_old() {
    let tree = tempfile::tempdir().unwrap();
    let (file, other) = (tree.path().join("f.txt"), tree.path().join("other.txt"));
    old(&file, "first");
    old(&other, "other");
    let server = TestServer::start(tree.path());
    let asked = async |path: &str| {
        let reply = get(server.address, path).await;
        (reply.status, reply.header("etag"), reply.body)
    };
    let first = asked("/f.txt").await;
    for number in 0..50_u64 {
        // By its own name, by another file in its place, and gone.
        let before = asked("/f.txt").await;
        match number % 3 {
            0 => fs::write(&file, format!("{number}")).unwrap(),
            1 => {
                let new = tree.path().join("new");
                fs::write(&new, format!("{number} new")).unwrap();
                fs::rename(&new, &file).unwrap();
            }
            _ => fs::remove_file(&file).unwrap(),
        }
        let after = asked("/f.txt").await;
        match number % 3 {
            0 => assert_eq!((after.0, after.2), (200, number.to_string().into_bytes())),
            1 => assert_eq!(
                (after.0, after.2),
                (200, format!("{number} new").into_bytes())
            ),
            _ => assert_eq!(after.0, 404),
        }
        assert_ne!(before.1, after.1, "{number}");
        assert_eq!(asked("/other.txt").await.2, b"other");
    }
    old(&file, "first");
    assert_eq!(asked("/f.txt").await, first);
    // By another hard link outside of the tree, which nobody watches.
    let outside = tempfile::tempdir_in(tree.path().parent().unwrap()).unwrap();
    fs::hard_link(&file, outside.path().join("link")).unwrap();
    assert_eq!(asked("/f.txt").await, first);
    fs::write(outside.path().join("link"), "by another name").unwrap();
    assert_eq!(asked("/f.txt").await.2, b"by another name");
    server.stop().await;
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
