//! Behind a proxy that says who its clients are.

use std::net::SocketAddr;

use netsocket_protocol::message::{ErrorKind, Hello};
use netsocket_protocol::query::Query;
use netsocket_proxy_protocol::{Encoded, encode_v1, encode_v1_unknown, encode_v2, encode_v2_local};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::admin::metrics;
use crate::new_client::NewClient;
use crate::old_client::{OldClient, command_frame};
use crate::process::{PROGRAM, Running, program};
use crate::server::{PATIENCE, TestServer, eventually, patiently};
use crate::tree::Tree;

/// Where the clients of the examples have connected to.
const PUBLIC: &str = "198.51.100.1:8081";

fn behind_a_proxy(tree: &Tree) -> TestServer {
    TestServer::with(&tree.root, |config| {
        config.proxy_protocol = true;
        config.admin = Some(([127, 0, 0, 1], 0).into());
        config.max_sessions_per_address = 1;
    })
}

fn v1(client: &str) -> Encoded {
    encode_v1(client.parse().unwrap(), PUBLIC.parse().unwrap())
}

fn v2(client: &str) -> Encoded {
    encode_v2(client.parse().unwrap(), PUBLIC.parse().unwrap())
}

/// An old session behind that header, all in one piece.
async fn old_session(address: SocketAddr, header: &Encoded) -> OldClient {
    let mut client = OldClient::connect_silently(address).await;
    let opening = [header.as_bytes(), b"1"].concat();
    client.stream.write_all(&opening).await.unwrap();
    client
}

#[tokio::test]
async fn each_client_is_its_own_address_in_both_versions() {
    let tree = Tree::empty();
    tree.write(b"directory/file", b"x");
    let server = behind_a_proxy(&tree);
    let mut held = Vec::new();
    for header in [
        v1("192.0.2.1:5000"),
        v2("192.0.2.2:5000"),
        v1("[2001:db8::1]:5000"),
        v2("[2001:db8::2]:5000"),
        // Nobody else than the proxy itself.
        encode_v2_local(),
    ] {
        let mut client = old_session(server.address, &header).await;
        assert_eq!(client.ask("dirlist -a").await, "directory\n");
        held.push(client);
    }
    // Each of them has its one session now, whichever version the proxy speaks; the proxy, too.
    for header in [
        v2("192.0.2.1:5001"),
        v1("192.0.2.2:5001"),
        v2("[::ffff:192.0.2.2]:5001"),
        v1("[2001:db8::1]:5001"),
        encode_v1_unknown(),
    ] {
        let mut client = old_session(server.address, &header).await;
        assert!(client.is_closed().await);
    }
    held.remove(0);
    eventually(async || {
        let mut client = old_session(server.address, &v1("192.0.2.1:5002")).await;
        client.send(b"dirlist -a").await;
        client.receive_if_there_is().await
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_told_behind_the_header() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| {
        config.proxy_protocol = true;
        config.max_sessions = 1;
    });
    let header = v2("192.0.2.1:5000");
    let mut first = old_session(server.address, &header).await;
    assert_eq!(first.ask("dirlist -a").await, "");
    let hello = NewClient::opening(1);
    let opening = [header.as_bytes(), &hello].concat();
    let mut second = NewClient::open_with(server.address, &opening).await;
    let _: Hello = second.message().await;
    let error = second.error().await;
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(
        error.message.contains("its limit of 1 sessions"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn byte_by_byte_it_is_the_same() {
    let tree = Tree::empty();
    tree.write(b"directory/file", b"x");
    let server = behind_a_proxy(&tree);
    for header in [v1("192.0.2.1:5000"), v2("192.0.2.2:5000")] {
        let mut client = OldClient::connect_silently(server.address).await;
        let asked = [header.as_bytes(), b"1", &command_frame(b"dirlist -a")].concat();
        for byte in asked {
            client.stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(client.receive().await, b"directory\n");
    }
    // The port question, which the first byte decides.
    let mut client = OldClient::connect_silently(server.address).await;
    let asked = [v2("192.0.2.3:5000").as_bytes(), b"0"].concat();
    client.stream.write_all(&asked).await.unwrap();
    assert_eq!(client.receive().await, b"8081");
}

#[tokio::test]
async fn without_a_right_header_there_is_no_session() {
    let tree = Tree::empty();
    tree.write(b"directory/file", b"x");
    let server = behind_a_proxy(&tree);
    // A proxy that sends nothing more keeps nobody from the door.
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut client = OldClient::connect_silently(server.address).await;
        client.stream.write_all(b"PROXY TCP4 ").await.unwrap();
        silent.push(client);
    }
    for wrong in [
        &b"1"[..],
        b"0",
        &NewClient::opening(1),
        b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 99999\r\n1",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(wrong).await.unwrap();
        let mut answer = Vec::new();
        // Closed over unread bytes, it may be a reset.
        let _ = patiently(stream.read_to_end(&mut answer)).await;
        assert_eq!(answer, b"", "{}", wrong.escape_ascii());
    }
    let mut client = old_session(server.address, &v2("192.0.2.1:5000")).await;
    assert_eq!(client.ask("dirlist -a").await, "directory\n");

    let faults = async || {
        let metrics = metrics(&server).await;
        [
            "not_proxy",
            "bad_address",
            "bad_version",
            "late",
            "cut_short",
        ]
        .map(|reason| {
            metrics[&format!("netsocket_fileserver_proxy_faults_total{{reason=\"{reason}\"}}")]
        })
    };
    assert_eq!(faults().await[..3], [3.0, 1.0, 1.0]);
    assert_eq!(
        metrics(&server).await["netsocket_fileserver_sessions_total"],
        1.0
    );
    drop(silent);
    eventually(async || {
        let [.., late, cut_short] = faults().await;
        (late + cut_short == 50.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_headers() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| {
        config.proxy_protocol = true;
        config.drain_timeout = PATIENCE;
    });
    let mut silent = OldClient::connect_silently(server.address).await;
    // It is accepted when a later one is served.
    let mut client = old_session(server.address, &v1("192.0.2.1:5000")).await;
    assert_eq!(client.ask("dirlist -a").await, "");
    server.shutdown.cancel();
    assert!(silent.is_closed().await);
    server.stopped().await;
}

#[tokio::test]
async fn the_log_has_the_client_and_nothing_of_checks() {
    let tree = Tree::empty();
    let mut command = program(PROGRAM);
    command.arg("--proxy-protocol");
    let running = Running::start(&mut command, &tree.root);
    // Checks: one that says so, one that only connects.
    for header in [encode_v2_local().as_bytes(), b""] {
        let mut check = TcpStream::connect(running.address).await.unwrap();
        check.write_all(header).await.unwrap();
        check.shutdown().await.unwrap();
        let mut answer = Vec::new();
        patiently(check.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(answer, b"");
    }
    // A wrong one.
    let mut stranger = OldClient::connect(running.address).await;
    let own = stranger.stream.local_addr().unwrap();
    assert!(stranger.is_closed().await);
    let mut client = old_session(running.address, &v2("192.0.2.7:51234")).await;
    assert_eq!(client.ask("dirlist -a").await, "");
    client.send(b"quitc").await;
    assert!(client.is_closed().await);

    let mut lines = Vec::new();
    while !lines
        .last()
        .is_some_and(|line: &String| line.contains("quitc"))
    {
        lines.push(running.log.recv_timeout(PATIENCE).unwrap());
    }
    lines.retain(|line| line.contains("peer="));
    let [wrong, dirlist, quitc] = &lines[..] else {
        panic!("{lines:#?}");
    };
    assert!(
        wrong.contains("WARN") && wrong.contains("no valid PROXY header"),
        "{wrong}"
    );
    assert!(wrong.contains(&format!("peer={own}")), "{wrong}");
    for line in [dirlist, quitc] {
        assert!(line.contains("peer=192.0.2.7:51234 "), "{line}");
    }
}

#[tokio::test]
async fn a_flag_may_also_switch_it_off() {
    let tree = Tree::empty();
    let mut command = program(PROGRAM);
    command
        .env("NETSOCKET_PROXY_PROTOCOL", "true")
        .arg("--proxy-protocol=false");
    let running = Running::start(&mut command, &tree.root);
    let mut client = NewClient::connect(running.address).await;
    assert_eq!(client.find(Query::default(), 1).await.0.len(), 0);
    drop(client);
    let mut client = OldClient::connect_silently(running.address).await;
    client
        .stream
        .write_all(v1("192.0.2.1:1").as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = patiently(client.stream.read_to_end(&mut answer)).await;
    assert_eq!(answer, b"");
    running.logged("closed: unknown protocol");
}
