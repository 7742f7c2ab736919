//! A writer who swaps files and directories for links while they are read: whatever happens, nothing from outside of
//! the root is ever sent.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use netsocket_protocol::frame::FrameType;
use netsocket_protocol::message::{
    Compression, EntryNames, Layout, Message as _, Plan, Request, Verify,
};
use netsocket_protocol::query::Query;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::new_client::NewClient;
use crate::server::TestServer;
use crate::tree::Tree;

/// What only the files outside of the root hold.
const SECRET: &[u8] = b"SECRET FROM OUTSIDE";

/// Rounds of each kind of request.
const ROUNDS: usize = 150;

/// A root with a file, a directory, and beside each a link out of the root, which swaps exchange.
fn tree() -> Tree {
    let tree = Tree::empty();
    let outside = tree.root.parent().unwrap().join("outside");
    fs::create_dir_all(outside.join("deep")).unwrap();
    for path in ["file.txt", "deep/file.txt"] {
        fs::write(outside.join(path), SECRET).unwrap();
    }
    tree.write(b"plain/file.txt", b"inside");
    tree.write(b"directory/deep/file.txt", b"inside");
    symlink(outside.join("file.txt"), tree.path(b"plain/link.txt")).unwrap();
    symlink(&outside, tree.path(b"link")).unwrap();
    symlink("..", tree.path(b"plain/back")).unwrap();
    symlink("loop", tree.path(b"plain/loop")).unwrap();
    tree
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_racing_writer_gets_nothing_from_outside_sent() {
    let tree = tree();
    let server = TestServer::start(&tree.root);
    let ends = Arc::new(AtomicBool::new(false));
    let writer = thread::spawn({
        let (ends, root) = (Arc::clone(&ends), tree.root.clone());
        move || {
            let mut swaps = 0_u64;
            let swap = |a: &str, b: &str| {
                renameat_with(CWD, root.join(a), CWD, root.join(b), RenameFlags::EXCHANGE).unwrap();
            };
            while !ends.load(Ordering::Relaxed) {
                swap("plain/file.txt", "plain/link.txt");
                swap("directory", "link");
                swaps += 1;
            }
            swaps
        }
    });
    let mut client = NewClient::connect(server.address).await;
    let (mut whole, mut none) = (0, 0);
    for round in 0..ROUNDS {
        for path in [
            "plain/file.txt",
            "plain/link.txt",
            "directory/deep/file.txt",
            "link/deep/file.txt",
        ] {
            let request = Request::Get {
                path: path.into(),
                offset: 0,
                length: None,
                identity: None,
                verify: Verify::None,
            };
            client.send(&request).await;
            let frame = client.frame().await.unwrap();
            if frame.kind == FrameType::Error {
                none += 1;
                continue;
            }
            loop {
                let frame = client.frame().await.unwrap();
                match frame.kind {
                    FrameType::Raw => assert_eq!(&frame.payload[..], b"inside"),
                    _ => break,
                }
            }
            whole += 1;
        }
        let request = Request::Archive {
            query: Query::default(),
            compression: Compression::None,
            level: None,
            names: [EntryNames::Path, EntryNames::Base][round % 2],
            layout: Layout::Blocks,
            resume: None,
        };
        client.send(&request).await;
        let frame = client.frame().await.unwrap();
        if let Ok(plan) = Plan::from_frame(&frame) {
            let archive = client.rest_of_archive(plan).await;
            let is_there =
                |needle: &[u8]| archive.bytes.windows(needle.len()).any(|at| at == needle);
            assert!(!is_there(SECRET));
        }
    }
    ends.store(true, Ordering::Relaxed);
    let swaps = writer.join().unwrap();
    // Otherwise there was no race.
    assert!(
        swaps > 100 && whole > 10 && none > 10,
        "{swaps} {whole} {none}"
    );
}
