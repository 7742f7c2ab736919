//! The same plan gives the same bytes, and every tool reads them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use netsocket_protocol::message::{Compression, EntryNames, Layout, Request};
use netsocket_protocol::query::Query;

use crate::new_client::NewClient;
use crate::old_client::OldClient;
use crate::server::TestServer;
use crate::tools::{is_there, run, stat, unpacked_by, untar};
use crate::tree::{Tree, visible_files};

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
        .stream_archive(Query::default())
        .await;
    for server in [&first, &second] {
        let again = NewClient::connect(server.address)
            .await
            .stream_archive(Query::default())
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
        .stream_archive(Query::default())
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
        .stream_archive(Query::default())
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

async fn archive_as(
    server: &TestServer,
    compression: Compression,
    names: EntryNames,
    layout: Layout,
) -> crate::new_client::Archive {
    let mut client = NewClient::connect(server.address).await;
    client
        .send(&Request::Archive {
            query: Query::default(),
            compression,
            level: None,
            names,
            layout,
            resume: None,
        })
        .await;
    let plan = client.message().await;
    client.rest_of_archive(plan).await
}

#[tokio::test]
async fn every_compression_gives_the_same_tar_to_every_tool() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let work = tempfile::tempdir().unwrap();
    let mut tars = Vec::new();
    for (compression, layout, ending, tool) in [
        (Compression::None, Layout::Blocks, "tar", None),
        (Compression::None, Layout::Stream, "tar", None),
        (Compression::Gzip, Layout::Blocks, "tar.gz", Some("gzip")),
        (Compression::Gzip, Layout::Stream, "tar.gz", Some("gzip")),
        (Compression::Zstd, Layout::Blocks, "tar.zst", Some("zstd")),
        (Compression::Zstd, Layout::Stream, "tar.zst", Some("zstd")),
    ] {
        let archive = archive_as(&server, compression, EntryNames::Base, layout).await;
        let file = work.path().join(format!("a.{ending}"));
        fs::write(&file, &archive.bytes).unwrap();
        match tool {
            None => tars.push(archive.bytes),
            Some(tool) if is_there(tool) => {
                run(tool, &["-t".as_ref(), file.as_ref()]);
                tars.push(run(tool, &["-dc".as_ref(), file.as_ref()]));
            }
            Some(_) => {}
        }
        if is_there("bsdtar") {
            let listed = run("bsdtar", &["-tf".as_ref(), file.as_ref()]);
            let lines = listed.iter().filter(|byte| **byte == b'\n').count();
            assert!(lines as u64 >= archive.plan.files);
        }
    }
    assert!(tars.iter().all(|tar| *tar == tars[0]));
}

#[tokio::test]
async fn paths_on_request_give_the_tree_back() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let archive = archive_as(&server, Compression::Gzip, EntryNames::Path, Layout::Stream).await;
    assert_eq!(archive.trailer.warnings, []);
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("a.tar.gz");
    fs::write(&file, &archive.bytes).unwrap();
    let files = visible_files(&tree.root, &[]);
    assert_eq!(files.len() as u64, archive.plan.files);
    let script = "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])";
    for (tool, before) in [
        ("tar", &["-xzf"][..]),
        ("bsdtar", &["-xf"]),
        ("python3", &["-W", "ignore", "-c", script]),
    ] {
        if tool != "tar" && !is_there(tool) {
            continue;
        }
        let out = work.path().join(tool);
        fs::create_dir(&out).unwrap();
        let mut arguments: Vec<&OsStr> = before.iter().map(OsStr::new).collect();
        arguments.push(file.as_ref());
        if tool != "python3" {
            arguments.push("-C".as_ref());
        }
        arguments.push(out.as_ref());
        run(tool, &arguments);
        run(
            "diff",
            &[
                "-r".as_ref(),
                "--brief".as_ref(),
                out.join("Zulu").as_ref(),
                tree.path(b"Zulu").as_ref(),
            ],
        );
        let back = visible_files(&out, &[]);
        assert!(back == files, "{tool}");
        for path in &files {
            let name = OsStr::from_bytes(path);
            assert!(fs::read(out.join(name)).unwrap() == fs::read(tree.root.join(name)).unwrap());
        }
    }
}

#[tokio::test]
async fn a_file_over_8_gib_is_archived_and_read_by_tools() {
    let tree = Tree::empty();
    let large = fs::File::create(tree.path(b"large")).unwrap();
    large.set_len((8 << 30) + 5).unwrap();
    tree.write(b"small", b"behind it");
    let server = TestServer::start(&tree.root);
    let archive = archive_as(&server, Compression::Zstd, EntryNames::Base, Layout::Stream).await;
    assert!(archive.bytes.len() < 2 << 20, "{}", archive.bytes.len());
    if !is_there("zstd") {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("a.tar.zst");
    fs::write(&file, &archive.bytes).unwrap();
    let listing = run("tar", &["--zstd".as_ref(), "-tvf".as_ref(), file.as_ref()]);
    let listing = String::from_utf8(listing).unwrap();
    let sizes: Vec<&str> = listing
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(sizes, ["8589934597", "9"]);
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

/// Programs that stop at the end of the first member or frame, and say nothing: they must get everything.
#[tokio::test]
async fn readers_that_take_the_first_member_or_frame_get_the_whole_archive() {
    let tree = Tree::hostile();
    tree.write(b"words", &b"some words, again and again. ".repeat(200_000));
    let server = TestServer::start(&tree.root);
    let tar = archive_as(&server, Compression::None, EntryNames::Path, Layout::Blocks).await;
    assert!(tar.plan.blocks > 3);
    let gzip = archive_as(&server, Compression::Gzip, EntryNames::Path, Layout::Stream).await;
    let mut plain = vec![0; tar.bytes.len()];
    let mut reader = libdeflater::Decompressor::new();
    let read = reader.gzip_decompress(&gzip.bytes, &mut plain).unwrap();
    assert!(read == tar.bytes.len() && plain == tar.bytes);
    let zstd = archive_as(&server, Compression::Zstd, EntryNames::Path, Layout::Stream).await;
    let frame = zstd::zstd_safe::find_frame_compressed_size(&zstd.bytes).unwrap();
    assert_eq!(frame, zstd.bytes.len(), "one frame");
    let size = zstd::zstd_safe::get_frame_content_size(&zstd.bytes).unwrap();
    assert_eq!(size, Some(tar.plan.tar_bytes));
    assert!(zstd::bulk::decompress(&zstd.bytes, tar.bytes.len()).unwrap() == tar.bytes);
    if !is_there("python3") {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("a.tar.gz");
    fs::write(&file, &gzip.bytes).unwrap();
    let script = "import sys, tarfile, zlib
data = open(sys.argv[1], 'rb').read()
names = [entry.name for entry in tarfile.open(sys.argv[1], 'r|gz')]
print(len(zlib.decompress(data, 31)), len(names))";
    let said = run("python3", &["-c".as_ref(), script.as_ref(), file.as_ref()]);
    let expected = format!("{} {}\n", tar.bytes.len(), tar.plan.files);
    assert_eq!(String::from_utf8(said).unwrap(), expected);
}
