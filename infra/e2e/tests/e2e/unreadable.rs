//! What the file server may not read is missing from its answers, and they say so.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use e2e::client::Client;
use e2e::fleet::{FileServer, Plan};
use e2e::old_client::OldClient;
use e2e::process::Ran;
use e2e::scratch::Scratch;
use e2e::tree::put;
use e2e::{PATIENCE, eventually, loopback};
use serde_json::{Value, json};

use crate::world::World;

crate::tests![
    an_archive_says_what_it_lacks,
    lists_say_what_they_lack,
    an_empty_answer_says_what_it_lacks,
    what_becomes_readable_is_no_longer_lacking,
    what_may_be_passed_but_not_listed_is_found_below,
];

/// Where answers come from: the index, or a walk of the tree for each.
const SOURCES: [&str; 2] = ["", "index = false\n"];

/// Directories that the file server's user may not use as it should, whoever runs the tests.
struct Locked {
    tree: Scratch,
    paths: Vec<PathBuf>,
}

impl Locked {
    /// A tree with each of these files, and directories with these modes.
    fn new(files: &[&str], modes: &[(&str, u32)]) -> Self {
        let tree = Scratch::new("locked");
        for file in files {
            put(tree.path(), file.as_bytes(), b"content");
        }
        let mut paths = Vec::new();
        for (path, mode) in modes {
            let path = tree.path().join(path);
            fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
            paths.push(path);
        }
        Self { tree, paths }
    }

    fn path(&self) -> &Path {
        self.tree.path()
    }

    fn unlock(&self) {
        for path in &self.paths {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // An ordinary user could not remove it otherwise.
        self.unlock();
    }
}

fn usual() -> Locked {
    Locked::new(
        &["a.txt", "deep/names/c.txt", "locked/b.txt", "open/d.txt"],
        &[("locked", 0o000), ("deep/names", 0o444)],
    )
}

/// A file server over the tree that is ready to answer from its source, and a client that asks it.
fn served(tree: &Path, settings: &str) -> (FileServer, Client) {
    let plan = Plan {
        server_settings: settings,
        ..Plan::over(tree)
    };
    let address = (loopback::own_address(), 0).into();
    let mut server = FileServer::start_at(&plan, "server", address);
    let ready = if settings.is_empty() {
        "index ready"
    } else {
        "no index"
    };
    server.process.logs(ready);
    let client = Client::of(server.address);
    (server, client)
}

fn lines(ran: &Ran) -> Vec<Value> {
    let text = String::from_utf8(ran.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The lines of a command with `--json`, each as the path of its entry or as its warnings.
fn json_of(client: &Client, words: &[&str]) -> (Option<i32>, Vec<Value>) {
    let ran = client.run(&[&["--json"], words].concat());
    let short = |line: Value| match &line {
        Value::Object(object) if object.contains_key("entry") => line["entry"]["path"].clone(),
        _ => line["warnings"].clone(),
    };
    (ran.code, lines(&ran).into_iter().map(short).collect())
}

fn unreadable(paths: &[&str]) -> Value {
    paths
        .iter()
        .map(|path| json!({ "path": path, "problem": "unreadable" }))
        .collect()
}

fn an_archive_says_what_it_lacks(_: &World) {
    let tree = usual();
    for settings in SOURCES {
        let (server, client) = served(tree.path(), settings);
        let archive = client.home().join("all.tar.gz");
        let output = archive.to_str().unwrap();
        let (code, line) = client.json(&["archive", "-o", output]);
        let lacking = unreadable(&["deep/names/", "locked/"]);
        assert_eq!((code, &line["warnings"]), (Some(0), &lacking), "{settings}");
        assert_eq!(line["files"], 2);
        let ran = client.run(&["archive", "-o", output]);
        for said in [
            "warning: the server cannot read deep/names/; what is below it is missing from the archive\n",
            "warning: the server cannot read locked/; what is below it is missing from the archive\n",
        ] {
            assert!(ran.stderr.contains(said), "{}", ran.stderr);
        }
        // It lacks nothing of what was asked for.
        let (_, line) = client.json(&["archive", "--below", "open", "-o", output]);
        assert_eq!(line["warnings"], unreadable(&[]), "{settings}");
        // The old wire has no words for it.
        let mut old = OldClient::open(server.address).unwrap();
        assert!(old.archive("w24ft txt").unwrap().is_some());
        old.quit().unwrap();
    }
}

fn lists_say_what_they_lack(_: &World) {
    let tree = usual();
    for settings in SOURCES {
        let (_server, client) = served(tree.path(), settings);
        let lacking = || unreadable(&["deep/names/", "locked/"]);
        let found = |paths: &[&str], lacking: Value| {
            let paths = paths.iter().map(|path| json!(path));
            paths.chain([lacking]).collect::<Vec<_>>()
        };
        for order in [&[][..], &["--sort", "size"]] {
            let words = [&["find"], order].concat();
            let expected = found(&["a.txt", "open/d.txt"], lacking());
            assert_eq!(json_of(&client, &words), (Some(0), expected), "{settings}");
        }
        // What comes after the first file may be readable or not: the list is complete as far as it goes.
        let first = json_of(&client, &["find", "--limit", "1"]);
        assert_eq!(first, (Some(0), vec![json!("a.txt")]), "{settings}");
        let second = json_of(&client, &["find", "--limit", "2"]);
        assert_eq!(second.1, found(&["a.txt", "open/d.txt"], lacking()));
        let below = json_of(&client, &["find", "--below", "locked"]);
        assert_eq!(
            below,
            (Some(1), vec![unreadable(&["locked/"])]),
            "{settings}"
        );
        let listed = json_of(&client, &["ls"]);
        let expected = found(
            &["a.txt", "deep", "locked", "open"],
            unreadable(&["locked/"]),
        );
        assert_eq!(listed, (Some(0), expected), "{settings}");
        let listed = json_of(&client, &["ls", "deep/names"]);
        assert_eq!(
            listed,
            (Some(0), vec![unreadable(&["deep/names/"])]),
            "{settings}"
        );
        for command in ["ls", "find"] {
            let ran = client.run(&[command]);
            let said = "warning: the server cannot read locked/; what is below it is missing from the list\n";
            assert!(ran.stderr.contains(said), "{command}: {}", ran.stderr);
            assert!(!String::from_utf8(ran.stdout).unwrap().contains("warning"));
        }
    }
}

fn an_empty_answer_says_what_it_lacks(_: &World) {
    let tree = usual();
    for settings in SOURCES {
        let (_server, client) = served(tree.path(), settings);
        let lacking = unreadable(&["deep/names/", "locked/"]);
        let (code, line) = client.json(&["archive", "b.txt"]);
        let expected = (Some(1), &Value::Null, &lacking);
        assert_eq!(
            (code, &line["saved"], &line["warnings"]),
            expected,
            "{settings}"
        );
        let ran = client.run(&["archive", "b.txt"]);
        assert_eq!((ran.code, &ran.stdout[..]), (Some(1), &b""[..]));
        for said in ["no file named b.txt\n", "cannot read locked/"] {
            assert!(ran.stderr.contains(said), "{}", ran.stderr);
        }
        let found = json_of(&client, &["find", "b.txt"]);
        assert_eq!(found, (Some(1), vec![lacking.clone()]), "{settings}");
        let ran = client.run(&["--json", "w24fn", "b.txt"]);
        let lines = lines(&ran);
        assert_eq!((ran.code, lines.len()), (Some(1), 1));
        assert_eq!(lines[0]["file"], Value::Null);
        assert!(ran.stderr.contains("cannot read locked/"), "{}", ran.stderr);
    }
}

fn what_becomes_readable_is_no_longer_lacking(_: &World) {
    let tree = usual();
    let (_server, client) = served(tree.path(), "");
    assert_eq!(json_of(&client, &["find"]).1.len(), 3);
    tree.unlock();
    let all = ["a.txt", "deep/names/c.txt", "locked/b.txt", "open/d.txt"];
    let all: Vec<Value> = all.iter().map(|path| json!(path)).collect();
    eventually(PATIENCE, "every file", || {
        (json_of(&client, &["find"]).1 == all).then_some(())
    });
    fs::set_permissions(tree.path().join("open"), Permissions::from_mode(0o000)).unwrap();
    eventually(PATIENCE, "a warning about the other directory", || {
        let lines = json_of(&client, &["find"]).1;
        (lines.last() == Some(&unreadable(&["open/"]))).then_some(())
    });
    fs::set_permissions(tree.path().join("open"), Permissions::from_mode(0o755)).unwrap();
}

fn what_may_be_passed_but_not_listed_is_found_below(_: &World) {
    let files = ["drop/box/a.txt", "drop/b.txt"];
    let tree = Locked::new(&files, &[("drop", 0o111)]);
    for settings in SOURCES {
        let (_server, client) = served(tree.path(), settings);
        let above = json_of(&client, &["find"]);
        assert_eq!(above, (Some(1), vec![unreadable(&["drop/"])]), "{settings}");
        let below = json_of(&client, &["find", "--below", "drop/box"]);
        assert_eq!(
            below,
            (Some(0), vec![json!("drop/box/a.txt")]),
            "{settings}"
        );
    }
}
