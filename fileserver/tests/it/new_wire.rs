//! Every request of the new wire, and what is none.

use std::time::Duration;

use netsocket_protocol::MAGIC;
use netsocket_protocol::message::{ErrorKind, Hello, Order, Plan, Problem, Request};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use netsocket_protocol::text::NO_FILE_FOUND;
use tokio::io::AsyncWriteExt as _;

use crate::new_client::NewClient;
use crate::server::TestServer;
use crate::tools::{assert_holds, stat, untar};
use crate::tree::{Tree, visible_files};

fn named(name: &[u8]) -> Query {
    Query {
        name: Some(Name::from(name)),
        ..Query::default()
    }
}

#[tokio::test]
async fn directories_come_by_name_or_by_birth() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let order = Order::Name;
    let names = client.directories(&Request::Directories { order }).await;
    let expected = [
        &b"Zulu"[..],
        b"alpha",
        b"beta dir",
        b"bytes\xff",
        b"d",
        b"long",
        "ünïcödé".as_bytes(),
    ];
    assert_eq!(names, expected.map(Name::from));
    let order = Order::Born;
    let names = client.directories(&Request::Directories { order }).await;
    assert_eq!(names.len(), 7);
    assert_eq!(names[0], Name::from("alpha"));
}

#[tokio::test]
async fn find_tells_what_stat_tells_in_the_order_of_paths() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let (files, _) = client.find(Query::default(), 1_000).await;
    let paths: Vec<Vec<u8>> = files.iter().map(|file| file.path.0.clone()).collect();
    assert_eq!(paths, visible_files(&tree.root, &[]));
    for file in &files {
        let path = tree.path(file.path.as_bytes());
        let told = format!("{} {:x}", file.size, file.mode);
        assert_eq!(told, stat("%s %f", &path));
        assert_eq!(
            netsocket_protocol::text::birth_time(file),
            stat("%w", &path)
        );
        assert!(file.birth_known);
    }
    let (files, _) = client.find(named(b"report.pdf"), 2).await;
    let paths: Vec<String> = files.iter().map(|file| file.path.to_string()).collect();
    assert_eq!(paths, ["Zulu/report.pdf", "alpha/report.pdf"]);
    assert_eq!(client.find(named(b"report.pdf"), 0).await, (vec![], 1));
    assert_eq!(client.find(named(b"outside.txt"), 9).await, (vec![], 1));
    assert_eq!(client.find(named(b".dotfile.txt"), 9).await, (vec![], 1));
}

#[tokio::test]
async fn long_lists_come_in_parts_and_end_at_the_limit() {
    let tree = Tree::empty();
    for number in 0..2_500 {
        tree.write(format!("files/{number:05}").as_bytes(), b"");
    }
    for number in 0..1_001 {
        std::fs::create_dir(tree.root.join(format!("d{number:05}"))).unwrap();
    }
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let (files, parts) = client.find(Query::default(), u64::MAX).await;
    assert_eq!((files.len(), parts), (2_500, 3));
    assert!(files.is_sorted_by_key(|file| file.path.clone()));
    let (files, parts) = client.find(Query::default(), 1_000).await;
    assert_eq!((files.len(), parts), (1_000, 1));
    let order = Order::Name;
    assert_eq!(
        client
            .directories(&Request::Directories { order })
            .await
            .len(),
        1_002
    );
}

#[tokio::test]
async fn an_archive_holds_what_find_finds_and_names_what_was_renamed() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let archive = client.archive(Query::default()).await;
    let files = visible_files(&tree.root, &[]);
    let unpacked = untar(&archive.bytes);
    assert_holds(&unpacked, &tree.root, &files);
    assert_eq!(archive.plan.files, files.len() as u64);
    assert!(archive.plan.blocks > 5);
    let sum: u64 = unpacked.values().map(|content| content.len() as u64).sum();
    assert_eq!(archive.plan.file_bytes, sum);
    let warnings: Vec<(String, Problem)> = archive
        .trailer
        .warnings
        .iter()
        .map(|warning| (warning.path.to_string(), warning.problem))
        .collect();
    let renamed = |path: &str| (path.to_owned(), Problem::Renamed);
    assert_eq!(
        warnings,
        [renamed("alpha/report.pdf"), renamed("beta dir/report.pdf")]
    );
    assert_eq!(unpacked[&b"report.pdf"[..]], b"upper case comes first");
    assert_eq!(unpacked[&b"report (1).pdf"[..]], b"a real one");
    assert_eq!(unpacked[&b"report (2).pdf"[..]], b"the first report");

    client.ask_archive(named(b"no such file")).await;
    let error = client.error().await;
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::NotFound, NO_FILE_FOUND)
    );
    assert_eq!(client.archive(named(b"empty.txt")).await.plan.file_bytes, 0);
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    client.ask_archive(named(b"random.bin")).await;
    client.ask_archive(named(b"none")).await;
    client.ask_archive(named(b"-rf")).await;
    client.stream.shutdown().await.unwrap();
    let plan: Plan = client.message().await;
    assert_eq!(client.rest_of_archive(plan).await.plan.blocks, 3);
    assert_eq!(client.error().await.kind, ErrorKind::NotFound);
    let plan: Plan = client.message().await;
    assert_eq!(client.rest_of_archive(plan).await.plan.files, 1);
    assert!(client.frame().await.is_none());
}

#[tokio::test]
async fn another_version_is_refused_in_words() {
    let tree = Tree::empty();
    let server = TestServer::start(&tree.root);
    for version in [2, 0, 65_535] {
        let mut client = NewClient::greet(server.address, version).await;
        assert_eq!(client.message::<Hello>().await.version, 1);
        let error = client.error().await;
        let said = format!(
            "this server speaks version 1 of the protocol; the client requested version {version}"
        );
        assert_eq!((error.kind, error.message), (ErrorKind::BadRequest, said));
        assert!(client.frame().await.is_none());
    }
}

#[tokio::test]
async fn a_wrong_hello_is_refused_in_words() {
    let tree = Tree::empty();
    let server = TestServer::start(&tree.root);
    for (frame, said) in [
        (&b"\x00\x00\x00\x02\x01{}"[..], "missing field"),
        (
            b"\x00\x00\x00\x02\x02{}",
            "expected a frame of type Hello, got Request",
        ),
        (b"\x00\x00\x00\x02\x63{}", "no frame has the type 99"),
        (
            b"\x00\x01\x00\x01\x01",
            "a frame of 65537 bytes is over the limit of 65536",
        ),
    ] {
        let mut client = NewClient::open_with(server.address, &[&MAGIC[..], frame].concat()).await;
        assert_eq!(client.message::<Hello>().await.version, 1);
        let error = client.error().await;
        assert_eq!(error.kind, ErrorKind::BadRequest);
        assert!(error.message.contains(said), "{}", error.message);
        assert!(client.frame().await.is_none());
    }
}

#[tokio::test]
async fn a_wrong_request_gets_an_error_and_the_session_goes_on() {
    let tree = Tree::empty();
    tree.write(b"directory/file", b"x");
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    for (kind, payload, said) in [
        (2, &b"{}"[..], "missing field `command`"),
        (2, b"not json", "expected"),
        (2, b"", "EOF"),
        (2, b"{\"command\":\"delete\"}", "unknown variant `delete`"),
        (2, b"{\"command\":\"find\",\"query\":{\"owner\":\"me\"},\"limit\":1}", "unknown field `owner`"),
        (2, b"{\"command\":\"archive\",\"query\":{\"born_from\":\"2024-13-01\"},\"compression\":\"gzip\"}", "out of range"),
        (2, b"{\"command\":\"archive\",\"query\":{},\"compression\":\"rar\"}", "unknown variant `rar`"),
        (1, b"{\"command\":\"directories\",\"order\":\"name\"}", "expected a frame of type Request, got Hello"),
        (5, b"0123456789abcdef", "expected a frame of type Request, got Data"),
    ] {
        client.send_raw(kind, payload).await;
        let error = client.error().await;
        assert_eq!(error.kind, ErrorKind::BadRequest);
        assert!(error.message.contains(said), "{said}: {}", error.message);
    }
    let order = Order::Name;
    assert_eq!(
        client
            .directories(&Request::Directories { order })
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn a_broken_frame_gets_an_error_and_a_close() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| {
        config.idle_timeout = Duration::from_secs(2);
    });
    // More than sockets hold: the client can only send all of it if the server goes on reading.
    let junk = [&[0, 1, 0, 1, 2][..], &vec![b'x'; 16 << 20]].concat();
    for (bytes, ended, said) in [
        (
            &junk[..],
            false,
            "a frame of 65537 bytes is over the limit of 65536",
        ),
        (&[0, 0, 0, 1, 200, 0], false, "no frame has the type 200"),
        (
            &[0, 0, 0, 9, 2, b'{'],
            true,
            "the connection ended within a frame",
        ),
        (&[0, 0], true, "the connection ended within a frame"),
        (
            &[0, 0, 0, 9, 2, b'{'],
            false,
            "no complete request within 2s",
        ),
    ] {
        let mut client = NewClient::connect(server.address).await;
        client.stream.write_all(bytes).await.unwrap();
        if ended {
            client.stream.shutdown().await.unwrap();
        }
        let error = client.error().await;
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::BadRequest, said)
        );
        assert!(client.frame().await.is_none());
    }
}

#[tokio::test]
async fn an_idle_session_is_closed() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| {
        config.idle_timeout = Duration::from_millis(100);
    });
    let mut client = NewClient::connect(server.address).await;
    assert!(client.frame().await.is_none());
}
