//! One directory: what is in it, what is not shown, and what cannot be listed.

use netsocket_protocol::message::{ErrorKind, FileEntry, Request};
use netsocket_protocol::name::Name;

use crate::new_client::NewClient;
use crate::server::TestServer;
use crate::tree::Tree;

fn list(path: &[u8]) -> Request {
    narrow(path, None, None)
}

fn narrow(path: &[u8], glob: Option<&str>, limit: Option<u64>) -> Request {
    Request::List {
        path: Name::from(path),
        glob: glob.map(str::to_owned),
        itself: false,
        hidden: false,
        limit,
    }
}

fn itself(path: &[u8]) -> Request {
    Request::List {
        path: Name::from(path),
        glob: None,
        itself: true,
        hidden: false,
        limit: None,
    }
}

fn hidden(path: &[u8]) -> Request {
    Request::List {
        path: Name::from(path),
        glob: None,
        itself: false,
        hidden: true,
        limit: None,
    }
}

fn paths(entries: &[FileEntry]) -> Vec<&[u8]> {
    entries.iter().map(|entry| entry.path.as_bytes()).collect()
}

fn is_directory(entry: &FileEntry) -> bool {
    entry.mode & 0o170_000 == 0o040_000
}

#[tokio::test]
async fn a_directory_shows_its_directories_and_files_by_name() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let root = client.entries(&list(b"")).await;
    let expected: [&[u8]; 7] = [
        b"Zulu",
        b"alpha",
        b"beta dir",
        b"bytes\xff",
        b"d",
        b"long",
        "ünïcödé".as_bytes(),
    ];
    assert_eq!(paths(&root), expected, "no link, no socket, no FIFO");
    assert!(
        root.iter()
            .all(|entry| is_directory(entry) && entry.size == 0)
    );
    let alpha = client.entries(&list(b"alpha")).await;
    let expected: [&[u8]; 6] = [
        b"alpha/-rf",
        b"alpha/empty.txt",
        b"alpha/new\nline.txt",
        b"alpha/quote's \"x\" `y` $z.txt",
        b"alpha/report.pdf",
        b"alpha/with space.txt",
    ];
    assert_eq!(paths(&alpha), expected);
    assert_eq!(alpha[4].size, 16);
    assert!(!is_directory(&alpha[4]) && !alpha[4].modified.is_empty());
}

#[tokio::test]
async fn a_list_can_be_narrowed_and_one_entry_asked_about() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let some = client
        .entries(&narrow(b"alpha", Some("*.txt"), Some(2)))
        .await;
    assert_eq!(
        paths(&some),
        [&b"alpha/empty.txt"[..], b"alpha/new\nline.txt"]
    );
    let directories = client.entries(&narrow(b"", Some("b*"), None)).await;
    assert_eq!(paths(&directories), [&b"beta dir"[..], b"bytes\xff"]);
    assert_eq!(
        client.entries(&narrow(b"", Some("none*"), None)).await,
        vec![]
    );
    let file = client.entries(&list(b"alpha/report.pdf")).await;
    assert_eq!(paths(&file), [&b"alpha/report.pdf"[..]]);
    assert_eq!(client.entries(&itself(b"alpha/report.pdf")).await, file);
    let directory = client.entries(&itself(b"beta dir")).await;
    assert!(paths(&directory) == [b"beta dir"] && is_directory(&directory[0]));
    let root = client.entries(&itself(b"")).await;
    assert!(paths(&root) == [b""] && is_directory(&root[0]));
}

#[tokio::test]
async fn nothing_but_what_is_shared_can_be_listed() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    for path in [
        &b"missing"[..],
        b"alpha/missing",
        b"alpha/report.pdf/x",
        b"..",
        b"../outside",
        b"alpha/../alpha",
        b"/",
        b"/etc",
        b"alpha/",
        b".hidden",
        b"alpha/.dotfile.txt",
        b"link.txt",
        b"linked-directory",
        b"alpha/inner-link.pdf",
        b"fifo.txt",
        b"socket.txt",
        b"a\0b",
    ] {
        for request in [list(path), itself(path)] {
            client.send(&request).await;
            let error = client.error().await;
            assert_eq!(
                error.kind,
                ErrorKind::NotFound,
                "{}: {error}",
                path.escape_ascii()
            );
        }
    }
    for (request, kind) in [
        (hidden(b""), ErrorKind::Denied),
        (narrow(b"", Some("[a"), None), ErrorKind::BadRequest),
        (list(&[b'x'; 5_000]), ErrorKind::BadRequest),
    ] {
        client.send(&request).await;
        assert_eq!(client.error().await.kind, kind, "{request:?}");
    }
    assert_eq!(client.entries(&list(b"")).await.len(), 7, "it goes on");
}

#[tokio::test]
async fn hidden_names_are_listed_where_the_server_allows_it() {
    let tree = Tree::hostile();
    let server = TestServer::with(&tree.root, |config| config.allow_hidden = true);
    let mut client = NewClient::connect(server.address).await;
    let root = client.entries(&hidden(b"")).await;
    assert_eq!(root[0].path, Name::from(".hidden"));
    let inside = client.entries(&hidden(b".hidden")).await;
    assert_eq!(paths(&inside), [b".hidden/secret.txt"]);
    assert_eq!(client.entries(&list(b"")).await.len(), 7);
    client.send(&hidden(b"alpha/..")).await;
    assert_eq!(client.error().await.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_long_directory_comes_in_parts_and_is_whole() {
    let tree = Tree::empty();
    for n in 0..2_300 {
        tree.write(format!("many/{n:05}").as_bytes(), b"");
    }
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let entries = client.entries(&list(b"many")).await;
    assert_eq!(entries.len(), 2_300);
    assert_eq!(entries[2_299].path, Name::from("many/02299"));
}
