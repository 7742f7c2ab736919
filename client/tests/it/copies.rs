//! `get -r`: directories without files, and where a copy goes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use netsocket_client::outcome::exit::Exit;
use netsocket_protocol::message::{ErrorKind, FileEntry, Reply, Request};

use crate::client::Client;
use crate::peer::{Fake, Peer};

const PATIENCE: Duration = Duration::from_secs(60);

/// Directories without a file.
const TREE: [&str; 6] = ["", "a", "a/b", "a/b/c", "a/d", "e"];

pub(crate) fn entry(path: &str) -> FileEntry {
    FileEntry {
        path: path.into(),
        size: 0,
        born: "2026-11-22T11:13:29.123456789+00:00".to_owned(),
        birth_known: true,
        modified: "2026-11-22T11:14:02.000000000+00:00".to_owned(),
        mode: 0o040_755,
    }
}

/// What `TREE` answers to a request.
async fn answer(peer: &mut Peer, request: &Request) {
    match request {
        Request::List { path, itself, .. } => {
            let path = std::str::from_utf8(path.as_bytes()).unwrap();
            if !TREE.contains(&path) {
                return peer.error(ErrorKind::NotFound, "nothing there").await;
            }
            let parent = |of: &str| {
                of.rsplit_once('/')
                    .map_or("", |(parent, _)| parent)
                    .to_owned()
            };
            let inside = TREE
                .into_iter()
                .filter(|each| !each.is_empty() && parent(each) == path);
            let files = match itself {
                true => vec![entry(path)],
                false => inside.map(entry).collect(),
            };
            peer.send(&Reply::files(files, false)).await;
        }
        _ => peer.error(ErrorKind::NotFound, "No file found").await,
    }
}

/// A server of `TREE`, whose first connections end after so many requests each.
async fn server(ends: &'static [usize]) -> Fake {
    Fake::start(move |number, mut peer| async move {
        peer.greet().await;
        let mut left = ends.get(number).copied().unwrap_or(usize::MAX);
        while let Some(request) = peer.request().await {
            if left == 0 {
                return;
            }
            left -= 1;
            answer(&mut peer, &request).await;
        }
    })
    .await
}

/// Every directory below one, and nothing else.
fn below(top: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            assert!(path.is_dir(), "{}", path.display());
            let name = path.strip_prefix(top).unwrap().to_str().unwrap();
            found.push(name.to_owned());
            open.push(path);
        }
    }
    found.sort();
    found
}

fn at_home(mut client: Client) -> Client {
    client.program.context.at.local = Some(client.home().to_owned());
    client
}

#[tokio::test]
async fn a_copy_has_the_directories_without_a_file() {
    let server = server(&[]).await;
    for (line, made, said) in [
        (
            "get -r a",
            &["a", "a/b", "a/b/c", "a/d"][..],
            "unpacked into a: 0 files, 0 B\n",
        ),
        (
            "get -r a new",
            &["new", "new/b", "new/b/c", "new/d"],
            "unpacked into new: 0 files, 0 B\n",
        ),
        (
            "get -r a/b -o new",
            &["new", "new/c"],
            "unpacked into new: 0 files, 0 B\n",
        ),
        (
            "get -r a/. new",
            &["new", "new/b", "new/b/c", "new/d"],
            "unpacked into new: 0 files, 0 B\n",
        ),
        ("get -r a/b/.", &["c"], "unpacked into .: 0 files, 0 B\n"),
        ("get -r e", &["e"], "unpacked into e: 0 files, 0 B\n"),
        (
            "get -r a/b e .",
            &["b", "b/c", "e"],
            "unpacked into b: 0 files, 0 B\nunpacked into e: 0 files, 0 B\n",
        ),
        (
            "get -r / new",
            &["new", "new/a", "new/a/b", "new/a/b/c", "new/a/d", "new/e"],
            "unpacked into new: 0 files, 0 B\n",
        ),
    ] {
        let mut client = at_home(Client::new(server.address));
        let exit = client.run(line).await;
        assert_eq!(exit, Exit::Done, "{line}: {}", client.err.text());
        assert_eq!(below(client.home()), made, "{line}");
        let home = client.home().display().to_string();
        let out = client.out.text().replace(&format!("{home}/"), "");
        assert_eq!(out.replace(&home, "."), said, "{line}");
    }
    let mut client = at_home(Client::new(server.address));
    assert_eq!(client.run("get -r a/b --json").await, Exit::Done);
    let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
    assert_eq!(object["path"], "a/b");
    // What is there already is in nobody's way.
    let mut client = at_home(Client::new(server.address));
    std::fs::create_dir_all(client.home().join("there/a/mine")).unwrap();
    assert_eq!(client.run("get -r a there").await, Exit::Done);
    assert_eq!(
        below(client.home()),
        [
            "there",
            "there/a",
            "there/a/b",
            "there/a/b/c",
            "there/a/d",
            "there/a/mine"
        ]
    );
}

#[tokio::test]
async fn nothing_is_made_where_several_have_no_directory() {
    let server = server(&[]).await;
    for line in [
        "get -r a e new",
        "get -r a e -o new",
        "get -r a e ./new",
        "get -r a e new/",
        "get -r a none -o new",
        "get -r '{a,e}' new",
    ] {
        let mut client = at_home(Client::new(server.address));
        assert_eq!(client.run(line).await, Exit::Usage, "{line}");
        let err = client.err.text();
        assert!(
            err.contains("new") && err.lines().count() == 1,
            "{line}: {err}"
        );
        assert_eq!(below(client.home()), [""; 0], "{line}");
    }
    let mut client = at_home(Client::new(server.address));
    assert_eq!(client.run("get -r a x/new").await, Exit::TransferFailed);
    let err = client.err.text();
    assert!(err.contains("x/new: there is no directory x"), "{err}");
}

#[tokio::test]
async fn a_server_that_dies_meanwhile_loses_nothing() {
    // A question for the entry, one for the archive, then lists.
    for ends in [&[2_usize, 0][..], &[3], &[4, 1, 2], &[5], &[6]] {
        let server = server(ends).await;
        let servers = server.address.to_string();
        let mut client = at_home(Client::surviving(&servers, PATIENCE, PATIENCE));
        let exit = client.run("get -r a").await;
        assert_eq!(exit, Exit::Done, "{ends:?}: {}", client.err.text());
        assert_eq!(
            below(client.home()),
            ["a", "a/b", "a/b/c", "a/d"],
            "{ends:?}"
        );
    }
}

#[tokio::test]
async fn a_list_that_leads_elsewhere_makes_nothing() {
    for path in ["../x", "x", "a/../x", "a/b/c", "/x"] {
        let hostile = Arc::new(path.to_owned());
        let server = Fake::start(move |_, mut peer| {
            let hostile = Arc::clone(&hostile);
            async move {
                peer.greet().await;
                while let Some(request) = peer.request().await {
                    match &request {
                        Request::List { itself: false, .. } => {
                            let files = vec![entry(&hostile)];
                            peer.send(&Reply::files(files, false)).await;
                        }
                        _ => answer(&mut peer, &request).await,
                    }
                }
            }
        })
        .await;
        let mut client = at_home(Client::new(server.address));
        assert_eq!(client.run("get -r a").await, Exit::TransferFailed);
        let err = client.err.text();
        assert!(err.contains("violates the protocol"), "{err}");
        assert_eq!(below(client.home()), [""; 0], "{path}");
    }
}

#[tokio::test]
async fn a_file_in_the_way_is_named() {
    let server = server(&[]).await;
    for (local, line) in [
        ("a", "get -r a"),
        ("a", "get -r a ."),
        ("a", "get -r a -o ."),
        ("new", "get -r a new"),
        ("a/b", "get -r a"),
    ] {
        let mut client = at_home(Client::new(server.address));
        let path = client.home().join(local);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "mine").unwrap();
        assert_eq!(client.run(line).await, Exit::TransferFailed, "{line}");
        let err = client.err.text();
        let expected = match local {
            "new" => "/new: it is not a directory\n".to_owned(),
            local => format!("/{local}: it is a file, where a directory has to go\n"),
        };
        assert!(err.ends_with(&expected), "{line}: {err}");
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }
}

#[tokio::test]
async fn files_keep_time_and_permissions_where_that_is_asked_for() {
    use std::os::unix::fs::MetadataExt as _;

    let server = Fake::good().await;
    let then = chrono::DateTime::parse_from_rfc3339("2026-11-22T11:14:02Z");
    let then = then.unwrap().timestamp();
    for (line, is_kept) in [
        ("get notes.txt music/song.mp3", false),
        ("get -p notes.txt", true),
        ("get -p notes.txt music/song.mp3 -P 2", true),
        ("get -r notes.txt music/song.mp3", true),
        ("get -rp notes.txt", true),
        ("get -p notes.txt new", true),
    ] {
        let mut client = at_home(Client::new(server.address));
        let exit = client.run(line).await;
        assert_eq!(exit, Exit::Done, "{line}: {}", client.err.text());
        for file in std::fs::read_dir(client.home()).unwrap() {
            let there = file.unwrap().metadata().unwrap();
            assert_eq!(there.mtime() == then, is_kept, "{line}");
            if line.starts_with("get -p") {
                assert_eq!(there.mode() & 0o777, 0o644, "{line}");
            }
        }
    }
    let mut client = at_home(Client::new(server.address));
    assert_eq!(client.run("get -p notes.txt -o -").await, Exit::Usage);
}

#[tokio::test]
async fn what_is_here_and_there_is_said_to_be_taken_from_there() {
    let server = Fake::good().await;
    let mut client = at_home(Client::new(server.address));
    std::fs::create_dir(client.home().join("notes.txt")).unwrap();
    client.run("get -r music/song.mp3 notes.txt").await;
    let said = client.err.text();
    assert!(
        said.starts_with("notes.txt is taken for the one on the server: ./notes.txt would be the directory here\n"),
        "{said}"
    );
}
