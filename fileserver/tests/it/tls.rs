//! Sessions within TLS, and those that do not come about.

use std::fs;
use std::io::ErrorKind::UnexpectedEof;
use std::net::SocketAddr;
use std::time::Duration;

use netsocket_credentials::authority::{Authority, IssuedFiles};
use netsocket_fileserver::Config;
use netsocket_protocol::VERSION;
use netsocket_protocol::message::{
    Compression, EntryNames, ErrorKind, Hello, Layout, Plan, Request, Resume, Verify,
};
use netsocket_protocol::query::Query;
use netsocket_proxy_protocol::encode_v2;
use rustls::AlertDescription;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::admin::metrics;
use crate::new_client::NewClient;
use crate::old_client::OldClient;
use crate::process::{PROGRAM, Running, program};
use crate::server::{TestServer, eventually, patiently};
use crate::tls_client::{Keys, connect, handshake};
use crate::tree::{MORE_THAN_BUFFERS, Tree, random};

fn get(path: &str, verify: Verify) -> Request {
    Request::Get {
        path: path.into(),
        offset: 0,
        length: None,
        identity: None,
        verify,
    }
}

fn with_tls(tree: &Tree, keys: &Keys) -> TestServer {
    with(tree, |config| config.credentials = keys.files())
}

fn with(tree: &Tree, change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::with(&tree.root, |config| {
        config.admin = Some(([127, 0, 0, 1], 0).into());
        change(config);
    })
}

/// Waits until that many connections were closed for that reason.
async fn faults(server: &TestServer, reason: &str, count: f64) {
    let name = format!("netsocket_fileserver_tls_faults_total{{reason=\"{reason}\"}}");
    eventually(async || (metrics(server).await[&name] == count).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_the_same_within_tls() {
    let tree = Tree::hostile();
    let large = random(5_000_001, 3);
    tree.write(b"large.bin", &large);
    let keys = Keys::new();
    let (plain, secured) = (TestServer::start(&tree.root), with_tls(&tree, &keys));
    let mut without = NewClient::connect(plain.address).await;
    let archive = without.archive(Query::default()).await;
    let files = without.find(Query::default(), 1_000).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = keys.trust_in(&[version], None);
        let mut client = connect(secured.address, config).await;
        assert_eq!(client.find(Query::default(), 1_000).await, files);
        let (_, bytes, _) = client.get(&get("large.bin", Verify::None)).await;
        assert!(bytes == large, "raw, {version:?}");
        let (_, bytes, trailer) = client.get(&get("large.bin", Verify::Blocks)).await;
        assert!(bytes == large && trailer.blocks == 5, "blocks, {version:?}");
        assert_eq!(client.archive(Query::default()).await, archive);
    }
    let expiry =
        metrics(&secured).await["netsocket_fileserver_certificate_expiry_timestamp_seconds"];
    // The first second of the year 2100.
    assert_eq!(expiry, 4_102_444_800.0);
    let none = "netsocket_fileserver_tls_faults_total{reason=\"other\"}";
    assert_eq!(metrics(&secured).await[none], 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_shrinks_is_filled_with_zeros_within_tls_too() {
    let tree = Tree::empty();
    tree.write(b"large", &random(MORE_THAN_BUFFERS, 5));
    let keys = Keys::new();
    let server = with_tls(&tree, &keys);
    let mut client = connect(server.address, keys.trust(None)).await;
    client.send(&get("large", Verify::None)).await;
    let first = client.frame().await.unwrap();
    assert!(!first.payload.is_empty());
    let file = fs::File::options()
        .write(true)
        .open(tree.path(b"large"))
        .unwrap();
    file.set_len(10).unwrap();
    let (mut count, mut zeros) = (0, 0);
    let trailer = loop {
        let frame = client.frame().await.unwrap();
        if frame.kind != netsocket_protocol::frame::FrameType::Raw {
            break frame;
        }
        count += frame.payload.len();
        zeros = frame
            .payload
            .iter()
            .rev()
            .take_while(|byte| **byte == 0)
            .count();
    };
    assert_eq!(count, MORE_THAN_BUFFERS);
    assert!(zeros > 0);
    let text = std::str::from_utf8(&trailer.payload).unwrap();
    assert!(text.contains("shrank"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_goes_on_within_tls_on_another_server() {
    let tree = Tree::empty();
    tree.write(b"large", &random(MORE_THAN_BUFFERS, 7));
    let keys = Keys::new();
    let (first, second) = (with_tls(&tree, &keys), with_tls(&tree, &keys));
    let mut client = connect(first.address, keys.trust(None)).await;
    client.ask_archive(Query::default()).await;
    let plan: Plan = client.message().await;
    let mut bytes = Vec::new();
    for _ in 0..10 {
        bytes.extend_from_slice(&client.block().await.bytes);
    }
    drop(client);
    let mut client = connect(second.address, keys.trust(None)).await;
    let whole = client.archive(Query::default()).await;
    client
        .send(&Request::Archive {
            query: Query::default(),
            compression: Compression::Gzip,
            level: None,
            names: EntryNames::Base,
            layout: Layout::Blocks,
            resume: Some(Resume {
                plan: plan.plan,
                block: 10,
                sketch: None,
                state: None,
            }),
        })
        .await;
    let rest: Plan = client.message().await;
    assert_eq!(rest.first_block, 10);
    bytes.extend_from_slice(&client.rest_of_archive(rest).await.bytes);
    assert!(bytes == whole.bytes);
}

#[tokio::test]
async fn who_speaks_without_tls_is_told_so_or_closed() {
    let (tree, keys) = (Tree::empty(), Keys::new());
    let server = with_tls(&tree, &keys);
    let mut client = NewClient::greet(server.address, VERSION).await;
    let hello: Hello = client.message().await;
    assert_eq!(hello.features, ["tls"]);
    let error = client.error().await;
    assert_eq!(
        (error.kind, error.message.as_str()),
        (
            ErrorKind::Denied,
            "this server requires TLS, which the client does not use"
        )
    );
    assert!(client.frame().await.is_none());
    for begun in [&b"1"[..], b"0"] {
        let mut client = OldClient::connect_silently(server.address).await;
        client.stream.write_all(begun).await.unwrap();
        assert!(client.is_closed().await);
    }
    let told = crate::http_client::get(server.address, "/").await;
    assert_eq!(
        (told.status, told.text().as_str()),
        (400, "this server requires TLS: use https://\n")
    );
    faults(&server, "no_tls", 4.0).await;
    // Who only looks whether a port is open has done nothing wrong.
    drop(TcpStream::connect(server.address).await.unwrap());
    let mut client = connect(server.address, keys.trust(None)).await;
    assert_eq!(client.find(Query::default(), 1).await.0, []);
    let all = metrics(&server).await;
    let sum: f64 = all
        .iter()
        .filter(|(name, _)| name.starts_with("netsocket_fileserver_tls_faults_total"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(sum, 4.0);
}

#[tokio::test]
async fn a_client_without_the_certificate_that_is_wanted_is_told_by_an_alert() {
    let (tree, keys) = (Tree::empty(), Keys::new());
    let server = with(&tree, |config| config.credentials = keys.files_for_both());
    let strangers = Authority::new("strangers");
    let stranger = strangers.issue(&["me"]).write(keys.dir(), "stranger");
    let expired = keys.authority.issue_until(&["me"], 2020);
    let expired = expired.write(keys.dir(), "expired");
    for (own, alert, reason) in [
        (
            None,
            AlertDescription::CertificateRequired,
            "no_certificate",
        ),
        (
            Some(&stranger),
            AlertDescription::UnknownCA,
            "bad_certificate",
        ),
        (
            Some(&expired),
            AlertDescription::CertificateExpired,
            "bad_certificate",
        ),
    ] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            assert_eq!(refused(&server, &keys, own, version).await, alert);
        }
        let name = format!("netsocket_fileserver_tls_faults_total{{reason=\"{reason}\"}}");
        assert!(metrics(&server).await[&name] >= 2.0);
    }
    let right = keys.client("client");
    let mut client = connect(server.address, keys.trust(Some(&right))).await;
    assert_eq!(client.find(Query::default(), 1).await.0, []);
}

/// What the server says to a client with that certificate, which sends its request ahead of the server's judgement.
async fn refused(
    server: &TestServer,
    keys: &Keys,
    own: Option<&IssuedFiles>,
    version: &'static rustls::SupportedProtocolVersion,
) -> AlertDescription {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let error = match handshake(stream, keys.trust_in(&[version], own)).await {
        Err(error) => error,
        Ok(mut stream) => {
            stream.write_all(&NewClient::opening(1)).await.unwrap();
            patiently(stream.read_u8()).await.unwrap_err()
        }
    };
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::AlertReceived(alert)) => *alert,
        _ => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_server_is_counted() {
    let (tree, keys) = (Tree::empty(), Keys::new());
    let server = with_tls(&tree, &keys);
    let others = Keys::new();
    let stream = TcpStream::connect(server.address).await.unwrap();
    handshake(stream, others.trust(None)).await.unwrap_err();
    faults(&server, "not_trusted", 1.0).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // A client's hello of one byte.
    let nonsense = b"\x16\x03\x01\0\x05\x01\0\0\x01\0";
    stream.write_all(nonsense).await.unwrap();
    let mut alert = Vec::new();
    patiently(stream.read_to_end(&mut alert)).await.unwrap();
    // An alert: its type, a version, two bytes, fatal.
    assert_eq!((alert[0], alert[5]), (21, 2), "{alert:?}");
    faults(&server, "other", 1.0).await;
    drop(stream);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"\x16\x03").await.unwrap();
    drop(stream);
    faults(&server, "cut_short", 1.0).await;
}

/// A handshake that does not go on holds what bounds sessions, so a flood of them is refused, not piled up.
#[tokio::test]
async fn a_handshake_counts_as_a_session_and_a_refusal_is_told_within_tls() {
    let (tree, keys) = (Tree::empty(), Keys::new());
    for per_address in [false, true] {
        let server = with(&tree, |config| {
            config.credentials = keys.files();
            if per_address {
                config.max_sessions_per_address = 1;
            } else {
                config.max_sessions = 1;
            }
        });
        let mut slow = TcpStream::connect(server.address).await.unwrap();
        slow.write_all(b"\x16").await.unwrap();
        let mut second = connect(server.address, keys.trust(None)).await;
        let error = second.error().await;
        assert_eq!(error.kind, ErrorKind::Busy);
        assert!(
            error.message.contains("its limit of 1 sessions"),
            "{}",
            error.message
        );
        drop(slow);
        faults(&server, "cut_short", 1.0).await;
        eventually(async || {
            let mut third = connect(server.address, keys.trust(None)).await;
            third.send(&Request::archive(Query::default())).await;
            let error = third.error().await;
            (error.kind == ErrorKind::NotFound).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_is_closed() {
    let (tree, keys) = (Tree::empty(), Keys::new());
    tree.write(b"large", &random(MORE_THAN_BUFFERS, 9));
    let server = with(&tree, |config| {
        config.credentials = keys.files();
        config.progress_timeout = Duration::from_millis(500);
    });
    let mut client = connect(server.address, keys.trust(None)).await;
    client.send(&get("large", Verify::None)).await;
    client.frame().await.unwrap();
    eventually(async || {
        let stalled = "netsocket_fileserver_requests_total{command=\"get\",result=\"stalled\"}";
        metrics(&server).await.contains_key(stalled).then_some(())
    })
    .await;
    let mut count = 0;
    while client.frame().await.is_some() {
        count += 1;
    }
    assert!(count < MORE_THAN_BUFFERS >> 21, "{count}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_sessions_outlive_a_reload_and_new_ones_meet_the_new_certificate() {
    let (tree, keys, later) = (Tree::empty(), Keys::new(), Keys::new());
    tree.write(b"large", &random(MORE_THAN_BUFFERS, 11));
    let server = with_tls(&tree, &keys);
    let mut open = connect(server.address, keys.trust(None)).await;
    open.ask_archive(Query::default()).await;
    let plan: Plan = open.message().await;

    // Only half of the pair: the old one stays, whole.
    fs::copy(&later.server.certificate, &keys.server.certificate).unwrap();
    server.credential_store.reload();
    connect(server.address, keys.trust(None)).await;
    let seen = metrics(&server).await;
    assert_eq!(seen["netsocket_fileserver_reload_success"], 0.0);

    fs::copy(&later.server.key, &keys.server.key).unwrap();
    server.credential_store.reload();
    connect(server.address, later.trust(None)).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    handshake(stream, keys.trust(None)).await.unwrap_err();
    let seen = metrics(&server).await;
    let reloads =
        |result: &str| seen[&format!("netsocket_fileserver_reloads_total{{result=\"{result}\"}}")];
    assert_eq!((reloads("ok"), reloads("refused")), (1.0, 1.0));
    assert_eq!(seen["netsocket_fileserver_reload_success"], 1.0);

    open.rest_of_archive(plan).await;
    assert_eq!(open.find(Query::default(), 9).await.0.len(), 1);
}

#[tokio::test]
async fn a_session_that_ends_says_goodbye() {
    let (tree, keys) = (Tree::empty(), Keys::new());
    let server = with_tls(&tree, &keys);
    let mut client = connect(server.address, keys.trust(None)).await;
    server.shutdown.cancel();
    // Without a goodbye this would be an error.
    assert_eq!(patiently(client.stream.read(&mut [0])).await.unwrap(), 0);
    server.stopped().await;

    let server = with_tls(&tree, &keys);
    let mut client = connect(server.address, keys.trust(None)).await;
    client.send_raw(99, b"").await;
    assert_eq!(client.error().await.kind, ErrorKind::BadRequest);
    let end = patiently(client.stream.read(&mut [0])).await;
    assert_ne!(end.map_err(|error| error.kind()), Err(UnexpectedEof));
}

#[tokio::test]
async fn the_header_of_a_proxy_comes_before_tls() {
    let (tree, keys) = (Tree::empty(), Keys::new());
    let server = with(&tree, |config| {
        config.credentials = keys.files();
        config.proxy_protocol = true;
        config.max_sessions_per_address = 1;
    });
    let stream = async |client: &str| {
        let header = encode_v2(
            client.parse().unwrap(),
            "198.51.100.1:8081".parse().unwrap(),
        );
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(header.as_bytes()).await.unwrap();
        handshake(stream, keys.trust(None)).await.unwrap()
    };
    let mut held = Vec::new();
    for client in ["192.0.2.1:1", "192.0.2.2:1"] {
        let opening = NewClient::opening(VERSION);
        let mut client = NewClient::over(stream(client).await, &opening).await;
        let _: Hello = client.message().await;
        assert_eq!(client.find(Query::default(), 1).await.0, []);
        held.push(client);
    }
    let opening = NewClient::opening(VERSION);
    let mut third = NewClient::over(stream("192.0.2.1:2").await, &opening).await;
    let _: Hello = third.message().await;
    assert_eq!(third.error().await.kind, ErrorKind::Busy);
}

/// The program itself, confined to its root: certificates and tokens are read anew on a hangup all the same.
#[tokio::test]
async fn a_hangup_has_certificate_and_tokens_read_anew() {
    let (tree, keys, later) = (Tree::empty(), Keys::new(), Keys::new());
    let tokens = keys.dir().join("tokens");
    fs::write(&tokens, "first-0123456789\n").unwrap();
    let mut command = program(PROGRAM);
    command
        .args(["--tls-certificate"])
        .arg(&keys.server.certificate)
        .args(["--tls-key"])
        .arg(&keys.server.key)
        .args(["--token-file"])
        .arg(&tokens);
    let running = Running::start(&mut command, &tree.root);
    let line = running.logged("credentials");
    assert!(
        line.contains("expires=2100-01-01T00:00:00Z") && line.contains("tokens=1"),
        "{line}"
    );
    assert!(is_accepted(running.address, &keys, "first-0123456789").await);
    assert!(!is_accepted(running.address, &keys, "second-0123456789").await);

    // Replaced as tools do it: another file takes the name.
    let next = keys.dir().join("next");
    fs::write(&next, "second-0123456789\nthird-0123456789\n").unwrap();
    fs::rename(&next, &tokens).unwrap();
    fs::rename(&later.server.certificate, &keys.server.certificate).unwrap();
    running.hang_up();
    let line = running.logged("credentials not reloaded");
    assert!(line.contains("is not the key of tls_certificate"), "{line}");
    assert!(is_accepted(running.address, &keys, "first-0123456789").await);

    fs::rename(&later.server.key, &keys.server.key).unwrap();
    running.hang_up();
    let line = running.logged("credentials reloaded");
    assert!(line.contains("tokens=2"), "{line}");
    assert!(!is_accepted(running.address, &later, "first-0123456789").await);
    assert!(is_accepted(running.address, &later, "second-0123456789").await);
}

/// Whether a client that trusts these keys may ask with that token.
async fn is_accepted(address: SocketAddr, keys: &Keys, token: &str) -> bool {
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = handshake(stream, keys.trust(None)).await.unwrap();
    let opening = NewClient::opening_with(VERSION, Some(token));
    let mut client = NewClient::over(stream, &opening).await;
    let hello: Hello = client.message().await;
    !hello.features.iter().any(|feature| feature == "token")
}
