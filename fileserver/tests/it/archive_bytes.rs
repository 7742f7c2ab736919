//! The same plan gives the same bytes, and every tool reads them.

use std::fs;

use netsocket_protocol::query::Query;

use crate::new_client::NewClient;
use crate::old_client::OldClient;
use crate::server::TestServer;
use crate::tools::{is_there, run, stat, unpacked_by, untar};
use crate::tree::Tree;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_two_roots_and_both_wires_give_the_same_bytes() {
    let tree = Tree::hostile();
    let copy = tree.copy();
    let sample = tree.path(b"alpha/report.pdf");
    let (birth, copied) = (
        stat("%w", &sample),
        stat("%w", &copy.join("alpha/report.pdf")),
    );
    assert_ne!(
        birth, copied,
        "the copy was born later, or this test shows nothing"
    );

    let (first, second) = (TestServer::start(&tree.root), TestServer::start(&copy));
    let archive = NewClient::connect(first.address)
        .await
        .archive(Query::default())
        .await;
    for server in [&first, &second] {
        let again = NewClient::connect(server.address)
            .await
            .archive(Query::default())
            .await;
        assert!(again == archive);
    }
    let mut old = OldClient::connect(second.address).await;
    let spooled = old.archive("w24fz 0 99999999999").await.unwrap();
    assert!(spooled == archive.bytes);

    // A touched file is another plan.
    let touched = fs::File::options()
        .write(true)
        .open(copy.join("alpha/report.pdf"))
        .unwrap();
    touched.set_modified(std::time::UNIX_EPOCH).unwrap();
    let changed = NewClient::connect(second.address)
        .await
        .archive(Query::default())
        .await;
    assert_ne!(changed.plan.plan, archive.plan.plan);
    assert_eq!(changed.plan.tar_bytes, archive.plan.tar_bytes);
}

#[tokio::test]
async fn gzip_tar_bsdtar_and_python_read_an_archive_alike() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let archive = NewClient::connect(server.address)
        .await
        .archive(Query::default())
        .await;
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("a.tar.gz");
    fs::write(&file, &archive.bytes).unwrap();
    run("gzip", &["-t".as_ref(), file.as_ref()]);

    let by_tar = untar(&archive.bytes);
    assert_eq!(by_tar.len() as u64, archive.plan.files);
    if is_there("bsdtar") {
        let by_bsdtar = unpacked_by(&archive.bytes, "bsdtar", |archive, directory| {
            ["-xf".as_ref(), archive, "-C".as_ref(), directory]
                .map(|a| a.to_owned())
                .to_vec()
        });
        assert!(by_bsdtar == by_tar);
    }
    if is_there("python3") {
        let script = "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])";
        let by_python = unpacked_by(&archive.bytes, "python3", |archive, directory| {
            [
                "-W".as_ref(),
                "ignore".as_ref(),
                "-c".as_ref(),
                script.as_ref(),
                archive,
                directory,
            ]
            .map(|a| a.to_owned())
            .to_vec()
        });
        assert!(by_python == by_tar);
    }
}

#[tokio::test]
async fn mode_and_time_are_kept_and_owners_are_nobody_in_particular() {
    let tree = Tree::empty();
    tree.write(b"a/file", b"x");
    let file = fs::File::options()
        .write(true)
        .open(tree.path(b"a/file"))
        .unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567_890);
    file.set_modified(time).unwrap();
    let server = TestServer::start(&tree.root);
    let archive = NewClient::connect(server.address)
        .await
        .archive(Query::default())
        .await;
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("a.tar.gz");
    fs::write(&file, &archive.bytes).unwrap();
    let listing = run(
        "tar",
        &[
            "--utc".as_ref(),
            "--full-time".as_ref(),
            "-tvzf".as_ref(),
            file.as_ref(),
        ],
    );
    let listing = String::from_utf8(listing).unwrap();
    let words: Vec<&str> = listing.split_whitespace().collect();
    assert_eq!(
        words,
        ["-rw-r-----", "0/0", "1", "2009-02-13", "23:31:30", "file"]
    );
}
