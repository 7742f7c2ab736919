//! Frames of the old wire however they arrive, and what is no frame.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::old_client::{OldClient, command_frame};
use crate::server::TestServer;
use crate::tree::Tree;

async fn byte_by_byte(client: &mut OldClient, bytes: &[u8]) {
    for byte in bytes {
        client.stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_session_may_come_byte_by_byte() {
    let tree = Tree::empty();
    tree.write(b"directory/file", b"x");
    let server = TestServer::start(&tree.root);
    let frame = command_frame(b"dirlist -a");
    // With the opening byte, and without: then the first digit looks like the port question.
    for bytes in [
        [b"1", &frame[..], &frame].concat(),
        [&frame[..], &frame].concat(),
    ] {
        let mut client = OldClient::connect_silently(server.address).await;
        byte_by_byte(&mut client, &bytes).await;
        assert_eq!(client.receive().await, b"directory\n");
        assert_eq!(client.receive().await, b"directory\n");
    }
}

#[tokio::test]
async fn any_split_of_a_frame_is_the_same_frame() {
    let tree = Tree::empty();
    tree.write(b"directory/file", b"x");
    let server = TestServer::start(&tree.root);
    let frame = command_frame(b"dirlist -a");
    let mut other = OldClient::connect(server.address).await;
    for at in 1..frame.len() {
        let mut client = OldClient::connect_silently(server.address).await;
        client.stream.write_all(&frame[..at]).await.unwrap();
        // When another session has been answered, this one has seen its bytes.
        assert_eq!(other.ask("dirlist -a").await, "directory\n");
        client.stream.write_all(&frame[at..]).await.unwrap();
        assert_eq!(client.receive().await, b"directory\n", "{at}");
    }
}

#[tokio::test]
async fn a_lone_zero_is_the_question_also_when_the_client_has_ended() {
    let tree = Tree::empty();
    let server = TestServer::start(&tree.root);
    let mut client = OldClient::connect_silently(server.address).await;
    client.stream.write_all(b"0").await.unwrap();
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.receive().await, b"8081");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_client_that_ends_its_sending_still_gets_its_answers() {
    let tree = Tree::empty();
    tree.write(b"directory/file.txt", b"x");
    let server = TestServer::start(&tree.root);
    let mut client = OldClient::connect(server.address).await;
    client.send(b"dirlist -a").await;
    client.send(b"w24ft txt").await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.receive().await, b"directory\n");
    assert_eq!(client.receive().await, b"yes");
    assert_eq!(crate::tools::untar(&client.receive().await).len(), 1);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn what_is_no_frame_gets_a_sentence_and_a_close() {
    let tree = Tree::empty();
    let server = TestServer::start(&tree.root);
    // More than sockets hold: the client can only send all of it if the server goes on reading.
    let junk = vec![b'x'; 16 << 20];
    for (sent, said) in [
        (
            b"hello".to_vec(),
            "the length of a frame is 32 decimal digits",
        ),
        (
            b"0000000000000000000000000000001x".to_vec(),
            "the length of a frame is 32 decimal digits",
        ),
        (
            [&format!("{:032}", 65_537).into_bytes()[..], &junk].concat(),
            "a frame is over the limit of 65536 bytes",
        ),
        (vec![b'9'; 32], "a frame is over the limit of 65536 bytes"),
    ] {
        let mut client = OldClient::connect(server.address).await;
        client.stream.write_all(&sent).await.unwrap();
        assert_eq!(String::from_utf8(client.receive().await).unwrap(), said);
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn a_frame_that_is_cut_short_or_does_not_go_on_gets_a_sentence_and_a_close() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| {
        config.idle_timeout = Duration::from_secs(1);
    });
    let frame = command_frame(b"dirlist -a");
    for at in [1, 31, 32, 33, frame.len() - 1] {
        let mut client = OldClient::connect(server.address).await;
        client.stream.write_all(&frame[..at]).await.unwrap();
        client.stream.shutdown().await.unwrap();
        assert_eq!(
            client.receive().await,
            b"the connection ended within a frame",
            "{at}"
        );
        assert!(client.is_closed().await);

        let mut client = OldClient::connect(server.address).await;
        client.stream.write_all(&frame[..at]).await.unwrap();
        assert_eq!(
            client.receive().await,
            b"no complete request within 1s",
            "{at}"
        );
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn idle_connections_and_strangers_are_closed_without_a_word() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| {
        config.idle_timeout = Duration::from_millis(100);
    });
    for opening in [
        &b""[..],
        b"1",
        b"get / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
        b"NICK x\n",
        b"NET",
    ] {
        let mut client = OldClient::connect_silently(server.address).await;
        client.stream.write_all(opening).await.unwrap();
        if opening == b"NET" {
            client.stream.shutdown().await.unwrap();
        }
        assert!(client.is_closed().await, "{}", opening.escape_ascii());
    }
}
