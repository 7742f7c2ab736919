//! What a client cannot have: too many sessions or archives, too large a spool, all the time in the world.

use std::time::Duration;

use netsocket_protocol::message::{ErrorKind, Hello, Plan};
use netsocket_protocol::query::Query;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinHandle;

use crate::new_client::NewClient;
use crate::old_client::OldClient;
use crate::server::{TestServer, eventually, patiently};
use crate::tree::{MORE_THAN_BUFFERS, Tree, random};

fn large() -> Tree {
    let tree = Tree::empty();
    tree.write(b"large", &random(MORE_THAN_BUFFERS, 5));
    tree.write(b"small.txt", b"small");
    tree
}

fn small() -> Query {
    Query {
        extensions: vec!["txt".into()],
        ..Query::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_archive_too_many_is_busy_and_later_it_is_not() {
    let tree = large();
    let server = TestServer::with(&tree.root, |config| config.max_archives = 1);
    let mut slow = NewClient::connect(server.address).await;
    slow.ask_archive(Query::default()).await;
    let plan: Plan = slow.message().await;

    let mut second = NewClient::connect(server.address).await;
    second.ask_archive(small()).await;
    let error = second.error().await;
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(
        error.message.contains("already making 1 archives"),
        "{}",
        error.message
    );
    let mut old = OldClient::connect(server.address).await;
    assert_eq!(old.archive("w24ft txt").await, None);
    assert!(old.ask("w24fn small.txt").await.starts_with("FilePath: "));

    slow.rest_of_archive(plan).await;
    assert_eq!(second.archive(small()).await.plan.files, 1);
    eventually(async || old.archive("w24ft txt").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_is_closed_and_disturbs_nobody() {
    let tree = large();
    for old in [false, true] {
        let server = TestServer::with(&tree.root, |config| {
            config.max_archives = 1;
            config.progress_timeout = Duration::from_millis(300);
        });
        let mut stalled = if old {
            let mut client = OldClient::connect(server.address).await;
            client.send(b"w24fz 0 999999999").await;
            assert_eq!(client.receive().await, b"yes");
            client.stream
        } else {
            let mut client = NewClient::connect(server.address).await;
            client.ask_archive(Query::default()).await;
            let _: Plan = client.message().await;
            client.stream
        };
        // When its archive is given up, there is room for another.
        let mut other = NewClient::connect(server.address).await;
        eventually(async || {
            other.ask_archive(small()).await;
            let frame = other.frame().await.unwrap();
            match netsocket_protocol::message::Message::from_frame(&frame) {
                Ok(plan) => Some(other.rest_of_archive(plan).await),
                Err(_) => None,
            }
        })
        .await;
        // The drain only ends when the stalled session has.
        server.stop().await;
        let mut rest = Vec::new();
        // It ends early: by a reset, or by an end before all was there.
        let _ = patiently(stalled.read_to_end(&mut rest)).await;
        assert!(rest.len() < MORE_THAN_BUFFERS, "{old} {}", rest.len());
    }
}

#[tokio::test]
async fn one_session_too_many_is_told_so_on_the_new_wire_and_closed_on_the_old() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| config.max_sessions = 1);
    let first = NewClient::connect(server.address).await;
    let mut second = NewClient::greet(server.address, 1).await;
    assert_eq!(second.message::<Hello>().await.name, "under-test");
    let error = second.error().await;
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(
        error.message.contains("its limit of 1 sessions"),
        "{}",
        error.message
    );
    assert!(second.frame().await.is_none());
    let mut old = OldClient::connect(server.address).await;
    assert!(old.is_closed().await);

    drop(first);
    eventually(async || {
        let mut client = NewClient::greet(server.address, 1).await;
        let _: Hello = client.message().await;
        client.ask_archive(Query::default()).await;
        (client.error().await.kind == ErrorKind::NotFound).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_hundred_silent_connections_too_many_do_not_keep_the_next_session_out() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| config.max_sessions = 1);
    let first = NewClient::connect(server.address).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(OldClient::connect_silently(server.address).await);
    }
    for mut client in silent {
        assert!(client.is_closed().await);
    }
    drop(first);
    eventually(async || {
        let mut client = OldClient::connect_silently(server.address).await;
        let asked = tokio::io::AsyncWriteExt::write_all(&mut client.stream, b"0").await;
        let mut answer = Vec::new();
        let read = client.stream.read_to_end(&mut answer).await;
        (asked.is_ok() && read.is_ok() && answer.ends_with(b"8081")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_archive_over_the_limit_of_the_spool_is_refused_on_the_old_wire_only() {
    let tree = Tree::empty();
    tree.write(b"large.bin", &random(3 << 20, 9));
    tree.write(b"small.txt", b"small");
    let spool = tempfile::tempdir().unwrap();
    let server = TestServer::with(&tree.root, |config| {
        config.spool_limit = 1 << 20;
        config.spool_dir = spool.path().to_owned();
    });
    let mut old = OldClient::connect(server.address).await;
    assert_eq!(old.archive("w24ft bin").await, None);
    assert!(old.archive("w24ft txt").await.is_some());
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0);
    let mut new = NewClient::connect(server.address).await;
    assert_eq!(new.archive(Query::default()).await.plan.files, 2);
    // Where nothing can be spooled, nothing is promised.
    drop(spool);
    assert_eq!(old.archive("w24ft txt").await, None);
    assert_eq!(old.ask("dirlist -a").await, "");
}

/// An archive that nobody can wait for: hours of zeros.
fn endless() -> Tree {
    let tree = Tree::empty();
    tree.write(b"small.txt", b"small");
    let endless = std::fs::File::create(tree.path(b"endless")).unwrap();
    endless.set_len(1 << 40).unwrap();
    tree
}

/// Takes the only room for an archive, for an endless one; ends when the server ends the connection.
async fn occupy(server: &TestServer, other: &mut OldClient) -> JoinHandle<OldClient> {
    let mut client = OldClient::connect(server.address).await;
    // When it is dropped, the connection is reset.
    let socket = socket2::SockRef::from(&client.stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    let occupied = tokio::spawn(async move {
        loop {
            client.send(b"w24fz 1000 9999999999999").await;
            // The other one may have been first.
            if client.receive_if_there_is().await.as_deref() != Some(b"no") {
                return client;
            }
        }
    });
    eventually(async || other.archive("w24ft txt").await.is_none().then_some(())).await;
    occupied
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resets_while_its_archive_is_spooled_makes_room() {
    let tree = endless();
    let server = TestServer::with(&tree.root, |config| config.max_archives = 1);
    let mut other = OldClient::connect(server.address).await;
    occupy(&server, &mut other).await.abort();
    eventually(async || other.archive("w24ft txt").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_is_spooled_for_hours_does_not_outlive_the_drain_timeout() {
    let tree = endless();
    let server = TestServer::with(&tree.root, |config| {
        config.max_archives = 1;
        config.drain_timeout = Duration::from_millis(100);
    });
    let mut other = OldClient::connect(server.address).await;
    let occupied = occupy(&server, &mut other).await;
    server.stop().await;
    assert!(patiently(occupied).await.unwrap().is_closed().await);
    assert!(other.is_closed().await);
}

#[tokio::test]
async fn an_address_has_its_sessions_and_no_more() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| config.max_sessions_per_address = 1);
    let first = NewClient::connect(server.address).await;
    let mut second = NewClient::greet(server.address, 1).await;
    let _: Hello = second.message().await;
    let error = second.error().await;
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(
        error.message.contains("1 sessions per address"),
        "{}",
        error.message
    );
    // Another address of this machine.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    let mut other = OldClient { stream };
    tokio::io::AsyncWriteExt::write_all(&mut other.stream, b"1")
        .await
        .unwrap();
    assert_eq!(other.ask("dirlist -a").await, "");
    drop(first);
    eventually(async || {
        let mut client = NewClient::greet(server.address, 1).await;
        let _: Hello = client.message().await;
        client.ask_archive(Query::default()).await;
        (client.error().await.kind == ErrorKind::NotFound).then_some(())
    })
    .await;
}

#[tokio::test]
async fn plans_hold_so_many_files_and_no_more() {
    let tree = large();
    for number in 0..3 {
        tree.write(format!("{number}.c").as_bytes(), b"x");
    }
    let server = TestServer::with(&tree.root, |config| config.max_planned_files = 4);
    let mut slow = NewClient::connect(server.address).await;
    slow.ask_archive(Query::default()).await;
    let error = slow.error().await;
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert!(
        error.message.contains("more than 4 files"),
        "{}",
        error.message
    );
    // Two files of one archive that does not end leave room for two of another.
    let named = |extensions: &[&str]| Query {
        extensions: extensions.iter().map(|name| (*name).into()).collect(),
        ..Query::default()
    };
    let large = Query {
        size_min: Some(2),
        ..Query::default()
    };
    slow.ask_archive(large).await;
    let plan: Plan = slow.message().await;
    assert_eq!(plan.files, 2);
    let mut second = NewClient::connect(server.address).await;
    second.ask_archive(named(&["c"])).await;
    let error = second.error().await;
    assert_eq!(error.kind, ErrorKind::Busy);
    assert!(
        error.message.contains("together to 4 files"),
        "{}",
        error.message
    );
    assert_eq!(second.archive(named(&["txt"])).await.plan.files, 1);
    slow.rest_of_archive(plan).await;
    assert_eq!(second.archive(named(&["c"])).await.plan.files, 3);
    let mut old = OldClient::connect(server.address).await;
    assert_eq!(old.archive("w24fz 0 999999999").await, None);
}

#[tokio::test]
async fn a_request_has_so_many_bytes_and_no_more_on_either_wire() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| config.max_request = 1024);
    let mut new = NewClient::connect(server.address).await;
    new.send_raw(2, &[b' '; 1024]).await;
    assert!(new.error().await.message.contains("EOF"));
    new.send_raw(2, &[b' '; 1025]).await;
    let error = new.error().await;
    assert_eq!(
        error.message,
        "a frame of 1025 bytes is over the limit of 1024"
    );
    assert!(new.frame().await.is_none());
    let mut old = OldClient::connect(server.address).await;
    old.send(&[b'x'; 1024]).await;
    assert_eq!(
        old.receive().await,
        b"a frame is over the limit of 1024 bytes"
    );
    assert!(old.is_closed().await);
}

#[tokio::test]
async fn without_the_old_wire_its_clients_are_closed() {
    let tree = Tree::empty();
    tree.write(b"directory/file", b"x");
    let server = TestServer::with(&tree.root, |config| config.old_wire = false);
    for opening in [
        &b"0"[..],
        b"1",
        &crate::old_client::command_frame(b"dirlist -a"),
    ] {
        let mut client = OldClient::connect_silently(server.address).await;
        tokio::io::AsyncWriteExt::write_all(&mut client.stream, opening)
            .await
            .unwrap();
        let mut answer = Vec::new();
        // Closed over unread bytes, it may be a reset.
        let _ = patiently(client.stream.read_to_end(&mut answer)).await;
        assert_eq!(answer, b"");
    }
    let mut new = NewClient::connect(server.address).await;
    assert_eq!(new.archive(Query::default()).await.plan.files, 1);
}

#[tokio::test]
async fn what_must_stay_free_of_the_disk_is_not_spooled() {
    let tree = Tree::empty();
    tree.write(b"small.txt", b"small");
    let server = TestServer::with(&tree.root, |config| config.spool_reserve = u64::MAX);
    let mut old = OldClient::connect(server.address).await;
    assert_eq!(old.archive("w24ft txt").await, None);
    assert!(old.ask("w24fn small.txt").await.starts_with("FilePath: "));
    let mut new = NewClient::connect(server.address).await;
    assert_eq!(new.archive(Query::default()).await.plan.files, 1);
}
