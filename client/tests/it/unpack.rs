//! Archives that are unpacked while they come.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use netsocket_client::outcome::error::Error;
use netsocket_client::transfer::destination::{Destination, OutputOptions};
use netsocket_protocol::block::Block;
use netsocket_protocol::message::{Compression, Plan, Request, Trailer};
use netsocket_protocol::query::Query;

use crate::client::{Client, files_in};
use crate::peer::{Fake, Peer, plan};

const PATIENCE: Duration = Duration::from_secs(60);
/// Not a multiple of anything in the archive.
const BLOCK: usize = 700;

/// What GNU tar makes of `d/a`, `d/b` and `c`, in blocks of zstd.
fn blocks() -> Vec<Bytes> {
    blocks_of(&["d/a", "d/b", "c"])
}

/// What GNU tar makes of some of these files.
pub(crate) fn blocks_of(names: &[&str]) -> Vec<Bytes> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("d/a"), vec![b'a'; 3000]).unwrap();
    fs::write(dir.path().join("d/b"), "b").unwrap();
    fs::write(dir.path().join("c"), "").unwrap();
    let output = Command::new("tar")
        .args(["--format=gnu", "--mtime=@1700000000", "-cf", "-", "-C"])
        .arg(dir.path())
        .args(names)
        .output()
        .unwrap();
    let blocks = output.stdout.chunks(BLOCK);
    blocks
        .map(|block| zstd::bulk::compress(block, 3).unwrap().into())
        .collect()
}

pub(crate) async fn send(peer: &mut Peer, blocks: &[Bytes], request: &Request, end: usize) {
    let Request::Archive {
        resume,
        compression,
        ..
    } = request
    else {
        panic!("{request:?}");
    };
    assert_eq!(*compression, Compression::Zstd, "what costs least");
    let first = resume.as_ref().map_or(0, |resume| resume.block);
    peer.send(&Plan {
        blocks: blocks.len() as u64,
        block_bytes: BLOCK as u64,
        first_block: first,
        compression: Compression::Zstd,
        ..plan()
    })
    .await;
    let rest = &blocks[usize::try_from(first).unwrap()..end];
    for (index, bytes) in (first..).zip(rest) {
        let mut frame = BytesMut::new();
        let bytes = bytes.clone();
        Block { index, bytes }.put_frame(&mut frame).unwrap();
        peer.raw(&frame).await;
    }
    if end < blocks.len() {
        return;
    }
    let sent = rest.concat();
    peer.send(&Trailer {
        blocks: rest.len() as u64,
        bytes: sent.len() as u64,
        digest: blake3::hash(&sent).to_hex().to_string(),
        warnings: vec![],
        unlisted: 0,
    })
    .await;
}

/// A server whose first connection ends after `first` blocks.
async fn server(first: usize) -> Fake {
    let blocks = Arc::new(blocks());
    Fake::start(move |number, mut peer| {
        let blocks = Arc::clone(&blocks);
        async move {
            peer.greet().await;
            while let Some(request) = peer.request().await {
                if number == 0 {
                    return send(&mut peer, &blocks, &request, first).await;
                }
                send(&mut peer, &blocks, &request, blocks.len()).await;
            }
        }
    })
    .await
}

async fn unpack(client: &mut Client, into: &Path, force: bool) -> Result<(), Error> {
    let options = OutputOptions {
        force,
        ..OutputOptions::to(Destination::Extract(into.to_owned()))
    };
    let context = &mut client.program.context;
    let request = Request::archive(Query::default());
    let performing = context
        .session
        .perform(&request, &options, &mut context.console);
    tokio::time::timeout(PATIENCE, performing)
        .await
        .unwrap()
        .map(drop)
}

#[tokio::test]
async fn it_goes_on_in_the_middle_of_a_file() {
    for first in [0, 1, 3, 6] {
        let server = server(first).await;
        let mut client = Client::surviving(&server.address.to_string(), PATIENCE, PATIENCE);
        let into = client.home().join("into");
        unpack(&mut client, &into, false).await.unwrap();
        assert_eq!(files_in(&into), ["c", "d"]);
        assert_eq!(files_in(&into.join("d")), ["a", "b"]);
        assert_eq!(
            fs::read(into.join("d/a")).unwrap(),
            vec![b'a'; 3000],
            "{first}"
        );
        assert_eq!(fs::read(into.join("c")).unwrap(), b"");
        assert_eq!(server.accepted(), 2);
        // The same once more finds everything in its place.
        unpack(&mut client, &into, false).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_in_the_way_is_said_and_stays() {
    let server = server(1).await;
    let mut client = Client::surviving(&server.address.to_string(), PATIENCE, PATIENCE);
    let into = client.home().to_owned();
    fs::write(into.join("c"), "mine").unwrap();
    let said = unpack(&mut client, &into, false)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("did not overwrite 1 file in ") && said.ends_with(": c"),
        "{said}"
    );
    assert_eq!(fs::read(into.join("c")).unwrap(), b"mine");
    unpack(&mut client, &into, true).await.unwrap();
    assert_eq!(fs::read(into.join("c")).unwrap(), b"");
}

#[tokio::test]
async fn an_interrupt_leaves_whole_files_only() {
    let server = server(2).await;
    let mut client = Client::new(server.address);
    let into = client.home().join("into");
    assert!(unpack(&mut client, &into, false).await.is_err());
    assert_eq!(files_in(&into), ["d"]);
    assert!(files_in(&into.join("d")).is_empty(), "no half of a file");
}
