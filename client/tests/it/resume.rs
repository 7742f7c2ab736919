//! Partial downloads of an earlier run: what is requested again, and files that were replaced in between.

use netsocket_client::outcome::exit::Exit;
use netsocket_protocol::message::{Request, Trailer};
use tokio::sync::mpsc::unbounded_channel;

use crate::client::{Client, files_in};
use crate::peer::{BLOCKS, Fake, Peer, archive_bytes, file_start, plan, trailer_of};

/// Sends a request's first two blocks and leaves.
async fn two_blocks(mut peer: Peer) {
    peer.greet().await;
    match peer.request().await.unwrap() {
        Request::Get { .. } => peer.send(&file_start(0)).await,
        _ => peer.send(&plan()).await,
    }
    peer.block(0, BLOCKS[0]).await;
    peer.block(1, BLOCKS[1]).await;
}

/// A client with the first two blocks of `x` from an earlier run of `line`.
async fn interrupted(line: &str) -> Client {
    let server = Fake::start(|_, peer| two_blocks(peer)).await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run(line).await, Exit::TransferFailed);
    let said = client.err.text();
    assert!(said.contains("kept 27 B of "), "{said}");
    client
}

fn to_x(directory: &std::path::Path, command: &str) -> String {
    format!("{command} -o {}", directory.join("x").display())
}

#[tokio::test]
async fn a_file_replaced_by_one_of_the_same_size_and_time_is_downloaded_anew() {
    const REPLACED: [&[u8]; 3] = [b"FIRST block, ", b"SECOND block, ", b"THIRD block"];
    let directory = tempfile::tempdir().unwrap();
    let line = to_x(directory.path(), "get file");
    let client = interrupted(&line).await;
    let (asked, mut requests) = unbounded_channel();
    let server = Fake::start(move |_, mut peer| {
        let asked = asked.clone();
        async move {
            peer.greet().await;
            while let Some(request) = peer.request().await {
                let Request::Get { offset, .. } = request else {
                    panic!("{request:?}");
                };
                let _ = asked.send(offset);
                peer.send(&file_start(offset)).await;
                let mut begin = 0;
                let mut sent = 0;
                for block in REPLACED {
                    if begin >= offset {
                        peer.block(sent, block).await;
                        sent += 1;
                    }
                    begin += block.len() as u64;
                }
                let all = REPLACED.concat();
                let rest = &all[usize::try_from(offset).unwrap()..];
                peer.send(&Trailer {
                    blocks: sent,
                    ..trailer_of(rest)
                })
                .await;
            }
        }
    })
    .await;
    let mut client = client.moved_to(server.address);
    assert_eq!(client.run(&line).await, Exit::Done);
    let said = client.err.text();
    assert_eq!(
        std::fs::read(directory.path().join("x")).unwrap(),
        REPLACED.concat(),
        "{said}"
    );
    assert!(
        said.contains("the partial download no longer matches what the server has; starting over"),
        "{said}"
    );
    assert_eq!(requests.recv().await, Some(13), "the last block again");
    assert_eq!(requests.recv().await, Some(0), "all of it");
    assert_eq!(files_in(directory.path()), ["x"]);
}

#[tokio::test]
async fn the_last_block_that_was_kept_is_compared_and_the_rest_is_not_sent_again() {
    for (command, first) in [("get file", 13), ("archive --ext pdf", 1)] {
        let directory = tempfile::tempdir().unwrap();
        let line = to_x(directory.path(), command);
        let client = interrupted(&line).await;
        let (server, mut requests) = Fake::recording().await;
        let mut client = client.moved_to(server.address);
        assert_eq!(client.run(&line).await, Exit::Done);
        assert_eq!(
            std::fs::read(directory.path().join("x")).unwrap(),
            archive_bytes()
        );
        let asked = match requests.recv().await.unwrap() {
            Request::Get { offset, .. } => offset,
            Request::Archive { resume, .. } => resume.unwrap().block,
            other => panic!("{other:?}"),
        };
        assert_eq!(asked, first, "{command}");
        assert!(requests.try_recv().is_err(), "one request was enough");
        assert_eq!(files_in(directory.path()), ["x"]);
    }
}

#[tokio::test]
async fn what_was_kept_stays_when_it_cannot_be_compared() {
    let directory = tempfile::tempdir().unwrap();
    let line = to_x(directory.path(), "get file");
    interrupted(&line).await;
    // As a balancer without a healthy server does.
    let gone = Fake::start(|_, _| async {}).await;
    let patience = std::time::Duration::from_secs(60);
    let mut client = Client::surviving(&gone.address.to_string(), patience, patience);
    assert_eq!(client.run(&line).await, Exit::CannotConnect);
    assert_eq!(gone.accepted(), 3, "no more often than for a new download");
    let said = client.err.text();
    assert!(said.contains("kept 27 B of "), "{said}");
    let server = Fake::good().await;
    let mut client = client.moved_to(server.address);
    assert_eq!(client.run(&line).await, Exit::Done);
    assert_eq!(
        std::fs::read(directory.path().join("x")).unwrap(),
        archive_bytes()
    );
}

#[tokio::test]
async fn what_another_program_is_writing_is_not_said_to_be_kept() {
    for command in ["get file", "get file else"] {
        let directory = tempfile::tempdir().unwrap();
        let part = directory.path().join(".file.netsocket-part");
        std::fs::write(&part, "half of it").unwrap();
        let others = std::fs::File::open(&part).unwrap();
        rustix::fs::flock(&others, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let server = Fake::good().await;
        let mut client = Client::new(server.address);
        let line = format!("{command} -o {}/", directory.path().display());
        assert_eq!(client.run(&line).await, Exit::TransferFailed);
        let said = client.err.text();
        assert!(
            said.ends_with("file: another download is writing to it\n"),
            "{said}"
        );
        assert_eq!(std::fs::read(&part).unwrap(), b"half of it");
    }
}
