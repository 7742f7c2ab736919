//! Every command against a server that behaves.

use std::future::{pending, ready};

use netsocket_client::outcome::exit::Exit;
use netsocket_client::program::signals::Interrupt;
use netsocket_client::transfer::partial_file::kept;
use netsocket_protocol::message::Request;
use netsocket_protocol::query::Query;
use tokio::sync::mpsc;

use crate::client::{Client, files_in};
use crate::peer::{Fake, archive_bytes};

#[tokio::test]
async fn lists_are_printed_byte_for_byte_and_escaped_for_terminals() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(client.out.take(), b"a b\nesc\x1b[2J\nz\xff\n");
    assert_eq!(client.run("dirlist -t").await, Exit::Done);
    assert_eq!(client.out.take(), b"z\xff\nesc\x1b[2J\na b\n");
    client.program.context.console.out_is_terminal = true;
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(client.out.text(), "a b\nesc\\u{1b}[2J\nz\\xff\n");
    assert_eq!(client.err.text(), "");
    assert_eq!(server.accepted(), 1, "the connection is kept");
}

#[tokio::test]
async fn a_file_is_four_lines() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("w24fn 'it'\\''s \n here'").await, Exit::Done);
    assert_eq!(
        client.out.text(),
        "FilePath: d/it's \n here\nFile Size(Bytes): 17\nBirth Time: 2026-11-22 11:13:29.123456789 +0000\nAccess Rights: -rw-r--r--\n"
    );
    assert_eq!(client.run("w24fn nothing").await, Exit::NothingFound);
    assert_eq!(client.out.text(), "File not found\n");
    assert_eq!(client.err.text(), "");
}

#[tokio::test]
async fn each_archive_command_saves_what_was_sent() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for line in [
        "w24fz 0 100",
        "w24ft pdf txt",
        "w24fdb 2024-01-01",
        "w24fda 2024-01-01",
    ] {
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(
            std::fs::read(client.target()).unwrap(),
            archive_bytes(),
            "{line}"
        );
        assert_eq!(client.files(), ["temp.tar.gz"], "{line}");
        let saved = format!("saved {}: 12 files, 38 B\n", client.target().display());
        assert_eq!(client.out.text(), saved, "{line}");
        assert_eq!(
            client.err.text(),
            "warning: a/b.txt disappeared while the archive was made; its entry is filled with zeros\n"
        );
        std::fs::remove_file(client.target()).unwrap();
    }
    assert_eq!(server.accepted(), 1, "the connection is kept");
}

#[tokio::test]
async fn nothing_to_archive_writes_nothing() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("w24ft none").await, Exit::NothingFound);
    assert_eq!(client.out.text(), "No file found\n");
    assert!(files_in(client.home()).is_empty());
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(server.accepted(), 1, "the connection is kept");
}

#[tokio::test]
async fn the_output_behind_a_command_beats_the_one_before_it() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    let (before, behind) = (client.home().join("before"), client.home().join("be hind"));
    client.program.context.output = Some(before.clone());
    assert_eq!(client.run("w24ft pdf").await, Exit::Done);
    assert_eq!(std::fs::read(&before).unwrap(), archive_bytes());
    std::fs::remove_file(&before).unwrap();

    let line = format!("w24ft pdf -o '{}'", behind.display());
    assert_eq!(client.run(&line).await, Exit::Done);
    assert_eq!(std::fs::read(&behind).unwrap(), archive_bytes());
    assert_eq!(files_in(client.home()), ["be hind"]);
}

#[tokio::test]
async fn quiet_leaves_results_and_warnings() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    client.program.context.console.quiet = true;
    assert_eq!(client.run("w24ft pdf").await, Exit::Done);
    assert_eq!(client.out.text(), "");
    assert!(client.err.text().starts_with("warning: "));
    assert_eq!(client.run("w24ft none").await, Exit::NothingFound);
    assert_eq!(client.out.text(), "No file found\n");
}

#[tokio::test]
async fn json_is_one_object_a_line() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address).json();
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(
        client.out.text(),
        "{\"command\":\"dirlist\",\"names\":[\"a b\",\"esc\\u001b[2J\",{\"hex\":\"7aff\"}]}\n"
    );
    assert_eq!(client.run("w24fn nothing").await, Exit::NothingFound);
    assert_eq!(client.out.text(), "{\"command\":\"w24fn\",\"file\":null}\n");
    assert_eq!(client.run("w24ft pdf").await, Exit::Done);
    let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
    assert_eq!(object["saved"], client.target().to_str().unwrap());
    assert_eq!(
        (&object["files"], &object["bytes"]),
        (&12.into(), &38.into())
    );
    assert_eq!(
        object["digest"],
        blake3::hash(&archive_bytes()).to_hex().as_str()
    );
    assert_eq!(object["warnings"][0]["problem"], "vanished");
    assert_eq!(client.err.text(), "");

    assert_eq!(client.run("dirlist").await, Exit::Usage);
    let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
    assert_eq!(object["error"]["kind"], "usage");
    assert!(client.err.text().starts_with("dirlist takes -a"));
}

#[tokio::test]
async fn wrong_commands_never_reach_the_server() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for (line, said) in [
        ("", "no command given"),
        ("lss", "unknown command 'lss'; did you mean ls?"),
        ("dirlist", "Usage: dirlist -a | -t"),
        ("dirlist -a -t", "Usage: dirlist -a | -t"),
        ("w24fn", "Usage: w24fn NAME"),
        ("w24fn a/b", "without directories"),
        ("w24fz 10", "Usage: w24fz SIZE1 SIZE2"),
        ("w24fz 10 1", "is larger than"),
        ("w24fz 1 1k", "'1k' is not a size"),
        ("w24ft", "Usage: w24ft EXT1 [EXT2 [EXT3]]"),
        ("w24ft a b c d", "one to 3 extensions"),
        ("w24fdb 2024-02-30", "'2024-02-30' is not a date"),
        ("w24fda yesterday", "'yesterday' is not a date"),
        ("quitc now", "Usage: quitc"),
        ("w24ft pdf -o", "-o needs a file name"),
    ] {
        assert_eq!(client.run(line).await, Exit::Usage, "{line}");
        let err = client.err.text();
        assert!(err.contains(said) && err.lines().count() == 1, "{err}");
    }
    assert_eq!(client.out.text(), "");
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn help_and_the_ends_need_no_server() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("help").await, Exit::Done);
    assert!(client.out.text().contains("  dirlist -a | -t"));
    for line in ["quitc", "quit", "exit"] {
        let outcome = client.run_until(line, pending()).await;
        assert!(outcome.exit == Exit::Done && outcome.is_end, "{line}");
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn what_the_server_is_asked_is_what_was_typed() {
    let (server, mut requests) = Fake::recording().await;
    let mut client = Client::new(server.address);
    client.run("w24fn 'a b'").await;
    let Some(Request::Find {
        query, limit: 1, ..
    }) = requests.recv().await
    else {
        panic!("another request");
    };
    let by_name = Query {
        name: Some("a b".into()),
        ..Query::default()
    };
    assert_eq!(query, by_name);
    client.run("w24fz 5 10").await;
    let Some(Request::Archive { query, .. }) = requests.recv().await else {
        panic!("another request");
    };
    assert_eq!((query.size_min, query.size_max), (Some(5), Some(10)));
}

#[tokio::test]
async fn a_target_that_cannot_be_is_said_before_anything_is_sent() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    let directory = client.home().display().to_string();
    let line = format!("w24ft pdf -o '{directory}'");
    assert_eq!(client.run(&line).await, Exit::TransferFailed);
    assert_eq!(
        client.err.text(),
        format!("cannot write {directory}: it is a directory\n")
    );
    let line = format!("w24ft pdf -o '{directory}/no/x'");
    assert_eq!(client.run(&line).await, Exit::TransferFailed);
    assert!(client.err.text().contains("x: there is no directory "));
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_full_disk_is_one_sentence_and_the_next_command_works() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(
        client.run("w24ft pdf -o /dev/full").await,
        Exit::TransferFailed
    );
    assert_eq!(
        client.err.text(),
        "cannot write /dev/full: no space left on device\n"
    );
    assert_eq!(client.run("w24ft pdf").await, Exit::Done);
}

#[tokio::test]
async fn an_interrupt_ends_the_command_and_not_the_session() {
    // The first archive stops in the middle and never goes on.
    let (sent, mut in_the_middle) = mpsc::channel(1);
    let server = Fake::start(move |number, mut peer| {
        let sent = sent.clone();
        async move {
            peer.greet().await;
            if number > 0 {
                return peer.serve().await;
            }
            peer.request().await;
            peer.send(&crate::peer::plan()).await;
            peer.block(0, crate::peer::BLOCKS[0]).await;
            peer.block(1, crate::peer::BLOCKS[1]).await;
            sent.send(()).await.unwrap();
            peer.until_gone().await;
        }
    })
    .await;
    let mut client = Client::new(server.address);
    client.keep_old_archive();
    let target = client.target();
    let stop = async move {
        in_the_middle.recv().await;
        // The second block is written when the first one counts.
        while kept(&target).is_none_or(|kept| kept.bytes < 27) {
            tokio::task::yield_now().await;
        }
        Interrupt::Command
    };
    let outcome = client.run_until("w24ft pdf", stop).await;
    assert!(outcome.exit == Exit::Interrupted && !outcome.is_end);
    let kept = format!(
        "kept 27 B of {}; repeat the command to resume",
        client.target().display()
    );
    assert_eq!(client.err.text(), format!("interrupted\n{kept}\n"));
    assert_eq!(client.files().len(), 3);
    assert_eq!(std::fs::read(client.target()).unwrap(), b"old");

    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(client.err.text(), "");
    let outcome = client
        .run_until("dirlist -a", ready(Interrupt::Program))
        .await;
    assert!(outcome.exit == Exit::Interrupted && outcome.is_end);
}
