//! Every command of the old wire, compared with what `find`, `stat` and `tar` say of the same tree.

use std::path::Path;

use chrono::{Days, NaiveDate};

use crate::old_client::OldClient;
use crate::server::TestServer;
use crate::tools::{assert_holds, stat, untar};
use crate::tree::{Tree, visible_files};

#[tokio::test]
async fn the_port_question_is_answered_with_the_public_port() {
    let tree = Tree::empty();
    let server = TestServer::with(&tree.root, |config| config.advertise_port = 18_081);
    let mut client = OldClient::connect_silently(server.address).await;
    tokio::io::AsyncWriteExt::write_all(&mut client.stream, b"0")
        .await
        .unwrap();
    assert_eq!(client.receive().await, b"18081");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn dirlist_names_the_directories_below_the_root() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = OldClient::connect(server.address).await;
    client.send(b"dirlist -a").await;
    let by_name =
        b"Zulu\nalpha\nbeta dir\nbytes\xff\nd\nlong\n\xc3\xbcn\xc3\xafc\xc3\xb6d\xc3\xa9\n";
    assert_eq!(
        client.receive().await.escape_ascii().to_string(),
        by_name.escape_ascii().to_string()
    );

    client.send(b"dirlist -t").await;
    let by_birth = client.receive().await;
    let names: Vec<&[u8]> = by_birth
        .split(|byte| *byte == b'\n')
        .filter(|name| !name.is_empty())
        .collect();
    let births: Vec<String> = names
        .iter()
        .map(|name| stat("%W %w", &tree.path(name)))
        .collect();
    assert_eq!(names.len(), 7);
    assert!(births.is_sorted(), "{births:?}");
    // They were made in this order.
    assert_eq!(
        (names[0], names[1], names[2]),
        (&b"alpha"[..], &b"beta dir"[..], &b"Zulu"[..])
    );
}

#[tokio::test]
async fn an_empty_tree_has_no_directories_and_no_files() {
    let tree = Tree::empty();
    let server = TestServer::start(&tree.root);
    let mut client = OldClient::connect(server.address).await;
    assert_eq!(client.ask("dirlist -a").await, "");
    assert_eq!(client.ask("w24fn a").await, "File not found");
    assert_eq!(client.archive("w24fz 0 1000").await, None);
}

/// What the original printed, from `stat`.
fn described(path: &Path) -> String {
    format!(
        "FilePath: {}\nFile Size(Bytes): {}\nBirth Time: {}\nAccess Rights: {}\n",
        path.display(),
        stat("%s", path),
        stat("%w", path),
        stat("%A", path)
    )
}

#[tokio::test]
async fn w24fn_describes_the_first_file_of_that_name() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = OldClient::connect(server.address).await;
    let root = tree.root.canonicalize().unwrap();
    for (name, path) in [
        ("report.pdf", "Zulu/report.pdf"),
        ("report (1).pdf", "beta dir/report (1).pdf"),
        ("new\nline.txt", "alpha/new\nline.txt"),
        ("quote's \"x\" `y` $z.txt", "alpha/quote's \"x\" `y` $z.txt"),
        ("naïve ☃.txt", "ünïcödé/naïve ☃.txt"),
        ("-rf", "alpha/-rf"),
        ("sparse.bin", "beta dir/sparse.bin"),
        (
            "deepest.txt",
            &format!("{}deepest.txt", "d/".repeat(crate::tree::DEPTH)),
        ),
    ] {
        assert_eq!(
            client.ask(&format!("w24fn {name}")).await,
            described(&root.join(path))
        );
    }
    client.send(b"w24fn not\xfeutf8.txt").await;
    let answer = client.receive().await;
    let prefix = [
        b"FilePath: ",
        root.as_os_str().as_encoded_bytes(),
        b"/bytes\xff/not\xfeutf8.txt\n",
    ]
    .concat();
    assert!(answer.starts_with(&prefix));
    for name in [
        "REPORT.PDF",
        "secret.txt",
        ".dotfile.txt",
        "inner.txt",
        "link.txt",
        "outside.txt",
        "inner-link.pdf",
        "fifo.txt",
        "socket.txt",
        "alpha",
        "x; rm -rf ~",
        "*",
        "report",
    ] {
        assert_eq!(
            client.ask(&format!("w24fn {name}")).await,
            "File not found",
            "{name}"
        );
    }
}

#[tokio::test]
async fn archives_hold_what_find_finds() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = OldClient::connect(server.address).await;
    for (command, conditions) in [
        ("w24fz 0 99999999", &[][..]),
        ("w24fz 10 16", &["-size", "+9c", "-size", "-17c"]),
        ("w24fz 0 0", &["-empty"]),
        ("w24ft pdf", &["-name", "*.pdf"]),
        (
            "w24ft bin .txt",
            &["(", "-name", "*.bin", "-o", "-name", "*.txt", ")"],
        ),
        ("w24fda 2000-01-01", &[]),
        ("w24fdb 2999-12-31", &[]),
    ] {
        let files = visible_files(&tree.root, conditions);
        assert!(!files.is_empty());
        let archive = client
            .archive(command)
            .await
            .unwrap_or_else(|| panic!("{command}"));
        assert_holds(&untar(&archive), &tree.root, &files);
    }
    for command in [
        "w24fz 5000000 6000000",
        "w24ft PDF",
        "w24fdb 2000-01-01",
        "w24fda 2999-12-31",
    ] {
        assert_eq!(client.archive(command).await, None, "{command}");
    }
}

#[tokio::test]
async fn a_birth_day_begins_at_midnight_here() {
    let tree = Tree::empty();
    tree.write(b"file", b"x");
    let server = TestServer::start(&tree.root);
    let mut client = OldClient::connect(server.address).await;
    let day: NaiveDate = stat("%w", &tree.path(b"file"))[..10].parse().unwrap();
    let after = day + Days::new(1);
    assert!(client.archive(&format!("w24fda {day}")).await.is_some());
    assert!(client.archive(&format!("w24fdb {day}")).await.is_none());
    assert!(client.archive(&format!("w24fda {after}")).await.is_none());
    assert!(client.archive(&format!("w24fdb {after}")).await.is_some());
}

#[tokio::test]
async fn wrong_commands_are_answered_and_the_session_goes_on() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = OldClient::connect(server.address).await;
    for (command, said) in [
        (
            "dirlist",
            "dirlist takes -a (by name) or -t (oldest first). Usage: dirlist -a | -t",
        ),
        ("w24fn", "w24fn takes one file name. Usage: w24fn NAME"),
        (
            "w24fn ../outside.txt",
            "NAME is the name of a file, without directories. Usage: w24fn NAME",
        ),
        ("quitc now", "quitc takes no arguments. Usage: quitc"),
        (
            "; ls",
            "Unknown command ';'; there are dirlist, w24fn, w24fz, w24ft, w24fdb, w24fda, quitc",
        ),
        (
            "w24f",
            "Unknown command 'w24f'; there are dirlist, w24fn, w24fz, w24ft, w24fdb, w24fda, quitc",
        ),
        ("w24fz 2 1", "no"),
        ("w24fz -1 5", "no"),
        ("w24ft a b c d", "no"),
        (" w24fdb  tomorrow", "no"),
        ("w24fda", "no"),
    ] {
        assert_eq!(client.ask(command).await, said, "{command}");
    }
    client.send(b"dirlist -a").await;
    assert!(client.receive().await.starts_with(b"Zulu\n"));
}

#[tokio::test]
async fn commands_sent_ahead_are_answered_in_order_until_quitc() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = OldClient::connect(server.address).await;
    let commands = [
        "w24fn -rf",
        "w24ft pdf",
        "w24fz 5 4",
        "w24fn none",
        "quitc",
        "w24fn after",
    ];
    for command in commands {
        client.send(command.as_bytes()).await;
    }
    assert!(client.receive().await.starts_with(b"FilePath: "));
    assert_eq!(client.receive().await, b"yes");
    let archive = client.receive().await;
    assert_eq!(untar(&archive).len(), 4);
    assert_eq!(client.receive().await, b"no");
    assert_eq!(client.receive().await, b"File not found");
    assert!(client.is_closed().await);
}
