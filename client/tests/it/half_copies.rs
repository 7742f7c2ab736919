//! `get -r` that ends early: the same command goes on with its own half copy.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use netsocket_client::outcome::exit::Exit;
use netsocket_protocol::message::{ErrorKind, Reply, Request};
use rustix::process::{Signal, kill_process};

use crate::client::{Client, files_in};
use crate::copies::entry;
use crate::peer::{Fake, Peer};
use crate::process::{Home, end, eventually, pid_of, run};
use crate::unpack::{blocks_of, send};

/// So many blocks have all of `b` and not all of `a`.
const HALF: usize = 3;
const MARK: &str = ".netsocket-copy";

/// What a server of the directory `d` does once it has sent half of its files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Ends,
    IsSilent,
}

/// The first `halves` connections that ask for the files of `d` get half of them.
async fn server(halves: usize, then: Then) -> Fake {
    let blocks = Arc::new(blocks_of(&["d/b", "d/a"]));
    let left = Arc::new(std::sync::atomic::AtomicUsize::new(halves));
    Fake::start(move |_, mut peer| {
        let (blocks, left) = (Arc::clone(&blocks), Arc::clone(&left));
        async move {
            peer.greet().await;
            while let Some(request) = peer.request().await {
                let Request::Archive { .. } = &request else {
                    list(&mut peer, &request).await;
                    continue;
                };
                let ordering = std::sync::atomic::Ordering::SeqCst;
                let less = |left: usize| left.checked_sub(1);
                if left.fetch_update(ordering, ordering, less).is_err() {
                    send(&mut peer, &blocks, &request, blocks.len()).await;
                    continue;
                }
                send(&mut peer, &blocks, &request, HALF).await;
                if then == Then::IsSilent {
                    peer.until_gone().await;
                }
                return;
            }
        }
    })
    .await
}

async fn list(peer: &mut Peer, request: &Request) {
    match request {
        Request::List { path, itself, .. } if path.as_bytes() == b"d" => {
            let entries = if *itself { vec![entry("d")] } else { vec![] };
            peer.send(&Reply::files(entries, false)).await;
        }
        _ => peer.error(ErrorKind::NotFound, "nothing there").await,
    }
}

fn check_copy(copy: &Path) {
    assert_eq!(files_in(copy), ["a", "b"], "{}", copy.display());
    assert_eq!(fs::read(copy.join("a")).unwrap(), vec![b'a'; 3000]);
    assert_eq!(fs::read(copy.join("b")).unwrap(), b"b");
}

#[tokio::test]
async fn a_copy_that_lost_all_servers_is_completed_by_the_same_command() {
    for command in ["get -r d new", "get -r d -o new", "get -r d/. new"] {
        let server = server(2, Then::Ends).await;
        let mut client = Client::new(server.address);
        let home = client.home().to_owned();
        client.program.context.at.local = Some(home.clone());
        let new = home.join("new");
        for _ in 0..2 {
            assert_eq!(client.run(command).await, Exit::TransferFailed, "{command}");
            let said = client.err.text();
            let kept = format!(
                "kept the complete files in {}; repeat the command to go on\n",
                new.display()
            );
            assert!(said.ends_with(&kept), "{command}: {said}");
            assert_eq!(files_in(&new), [MARK, "b"], "{command}");
        }
        assert_eq!(client.run(command).await, Exit::Done, "{command}");
        assert_eq!(client.out.text().lines().count(), 1);
        check_copy(&new);
    }
}

#[tokio::test]
async fn what_was_unpacked_is_said_where_the_same_command_goes_on() {
    for (command, is_said) in [
        ("archive d --extract new", true),
        ("archive d -x new --force", false),
        ("get -r d .", true),
    ] {
        let server = server(2, Then::Ends).await;
        let mut client = Client::new(server.address);
        let home = client.home().to_owned();
        client.program.context.at.local = Some(home.clone());
        for _ in 0..2 {
            assert_eq!(client.run(command).await, Exit::TransferFailed, "{command}");
            let said = client.err.text();
            assert_eq!(said.contains("; repeat the command to go on\n"), is_said);
            // It is not said again of a command that has left nothing.
            assert_eq!(client.run("lcd nowhere").await, Exit::Usage);
            assert!(!client.err.text().contains("repeat"), "{command}");
        }
        assert_eq!(client.run(command).await, Exit::Done, "{command}");
        assert_eq!(client.run("lcd nowhere").await, Exit::Usage);
        assert!(!client.err.text().contains("repeat"), "{command}");
        // What is in the way of one is in the way of the same once more.
        if is_said {
            let copy = match command.starts_with("get") {
                true => home.join("d"),
                false => home.join("new/d"),
            };
            fs::write(copy.join("b"), "mine").unwrap();
            assert_eq!(client.run(command).await, Exit::TransferFailed);
            assert!(!client.err.text().contains("repeat"), "{command}");
        }
    }
}

#[tokio::test]
async fn a_complete_copy_is_a_directory_to_copy_into() {
    let server = server(1, Then::Ends).await;
    let mut client = Client::new(server.address);
    let home = client.home().to_owned();
    client.program.context.at.local = Some(home.clone());
    assert_eq!(client.run("get -r d new").await, Exit::TransferFailed);
    assert_eq!(client.run("get -r d new").await, Exit::Done);
    assert_eq!(client.run("get -r d new").await, Exit::Done);
    check_copy(&home.join("new/d"));
}

#[tokio::test]
async fn a_file_that_was_changed_in_a_half_copy_keeps_it_one() {
    let server = server(1, Then::Ends).await;
    let mut client = Client::new(server.address);
    let home = client.home().to_owned();
    client.program.context.at.local = Some(home.clone());
    assert_eq!(client.run("get -r d new").await, Exit::TransferFailed);
    fs::write(home.join("new/b"), "mine").unwrap();
    for _ in 0..2 {
        assert_eq!(client.run("get -r d new").await, Exit::TransferFailed);
        let said = client.err.text();
        assert!(
            said.ends_with("new with different content (use --force): b\n"),
            "{said}"
        );
        assert_eq!(files_in(&home.join("new")), [MARK, "a", "b"]);
    }
    assert_eq!(client.run("get -r d new --force").await, Exit::Done);
    check_copy(&home.join("new"));
}

#[tokio::test]
async fn a_copy_that_never_began_leaves_nothing() {
    let gone = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        // The files are asked for after what is there.
        while let Some(request) = peer.request().await {
            if matches!(request, Request::Archive { .. }) {
                return;
            }
            list(&mut peer, &request).await;
        }
    })
    .await;
    let mut client = Client::new(gone.address);
    let home = client.home().to_owned();
    client.program.context.at.local = Some(home.clone());
    assert_eq!(client.run("get -r d new").await, Exit::TransferFailed);
    assert!(files_in(&home).is_empty());
    let said = client.err.text();
    assert!(!said.contains("repeat the command"), "{said}");
    assert_eq!(client.run("get -r d -o no/new").await, Exit::TransferFailed);
    let said = client.err.text();
    assert!(said.contains("no/new: there is no directory "), "{said}");
}

#[tokio::test]
async fn who_stops_unpacking_is_told_what_was_kept() {
    let server = server(1, Then::IsSilent).await;
    let home = Home::new();
    let words = ["archive", "d", "--extract", "ex"];
    let mut command = home.against(server.address, &words);
    command.current_dir(home.path());
    let child = command.spawn().unwrap();
    let first = home.path().join("ex/d/b");
    eventually("the first file", || first.exists()).await;
    kill_process(pid_of(&child), Signal::INT).unwrap();
    let ended = end(child).await;
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    let kept = "kept the complete files in ex; repeat the command to go on\n";
    assert!(ended.err.ends_with(kept), "{}", ended.err);
    let mut command = home.against(server.address, &words);
    command.current_dir(home.path());
    let ended = run(command).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    check_copy(&home.path().join("ex/d"));
}

#[tokio::test]
async fn a_copy_that_a_signal_ended_is_completed_by_the_same_command() {
    for (signal, code) in [
        (Signal::INT, Some(130)),
        (Signal::TERM, Some(130)),
        (Signal::KILL, None),
    ] {
        let server = server(1, Then::IsSilent).await;
        let home = Home::new();
        let words = ["get", "-r", "d", "new"];
        let new = home.path().join("new");
        let child = home.against(server.address, &words).spawn().unwrap();
        eventually("the first file", || new.join("b").exists()).await;
        kill_process(pid_of(&child), signal).unwrap();
        let ended = end(child).await;
        assert_eq!(ended.code, code, "{}", ended.err);
        let ended = run(home.against(server.address, &words)).await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        // After kill -9 the incomplete file is left, under a name of its own.
        for name in files_in(&new) {
            if name.starts_with(".netsocket-unpack.") {
                assert_eq!(signal, Signal::KILL, "{name}");
                fs::remove_file(new.join(name)).unwrap();
            }
        }
        check_copy(&new);
    }
}
