//! Today's commands against a server that behaves.

use netsocket_client::outcome::exit::Exit;
use netsocket_protocol::message::{Reply, Request};

use crate::client::Client;
use crate::copies::entry;
use crate::peer::Fake;
use crate::tree::{answering, contents_of};

#[tokio::test]
async fn ls_shows_a_directory_a_file_or_what_matches() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for (line, shown) in [
        ("ls", "evil\x1b[2J\nmusic/\nnotes.txt\nwith space.txt\n"),
        ("ls /", "evil\x1b[2J\nmusic/\nnotes.txt\nwith space.txt\n"),
        ("ls music", "covers/\nsong.mp3\n"),
        ("ls music/../music/", "covers/\nsong.mp3\n"),
        ("ls -r music", "song.mp3\ncovers/\n"),
        ("ls 'music/s*'", "music/song.mp3\n"),
        ("ls '*/*.mp3'", "music/song.mp3\n"),
        ("ls '*/*'", "music/covers/\nmusic/song.mp3\n"),
        ("ls '*/*/'", "music/covers/\n"),
        ("ls '*/covers'", "music/covers/\n"),
        ("ls 'm*/./../n*'", "notes.txt\n"),
        ("ls notes.txt", "notes.txt\n"),
        ("ls 'with space.txt'", "with space.txt\n"),
        (
            "ls -1 music notes.txt",
            "music:\ncovers/\nsong.mp3\nnotes.txt\n",
        ),
        ("ls -0 music", "covers/\0song.mp3\0"),
        (
            "ls -l music",
            "drwxr-xr-x           -  2026-11-22 11:14  covers/\n-rw-r--r--     2.9 MiB  2026-11-22 11:14  song.mp3\n",
        ),
        ("ls -S music", "song.mp3\ncovers/\n"),
    ] {
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(client.out.text(), shown, "{line}");
        assert_eq!(client.err.text(), "", "{line}");
    }
    assert_eq!(server.accepted(), 1, "the connection is kept");
    client.program.context.console.out_is_terminal = true;
    assert_eq!(client.run("ls").await, Exit::Done);
    assert_eq!(
        client.out.text(),
        "evil\\u{1b}[2J  music/  notes.txt  with space.txt\n"
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_and_is_exit_code_1() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for (line, said) in [
        (
            "ls none",
            "the server says: there is no file or directory /none\n",
        ),
        (
            "stat none",
            "the server says: there is no file or directory /none\n",
        ),
        (
            "cd none",
            "the server says: there is no file or directory /none\n",
        ),
        ("ls 'x*'", "no file matches x*\n"),
        ("ls 'm*/x*'", "no file matches m*/x*\n"),
        ("ls 'notes.txt/*'", "no file matches notes.txt/*\n"),
        (
            "ls 'none/*'",
            "the server says: there is no file or directory /none\n",
        ),
        ("find nothing", "no file named nothing\n"),
        (
            "find ./nothing",
            "the server says: there is no file or directory /nothing\n",
        ),
        (
            "find music --larger 1T",
            "no file that meets the conditions below /music\n",
        ),
        ("find 'x*'", "no file matches x*\n"),
        (
            "get none",
            "the server says: there is no file or directory /none\n",
        ),
        ("get 'x*'", "no file matches x*\n"),
        ("archive none", "no file named none\n"),
    ] {
        assert_eq!(client.run(line).await, Exit::NothingFound, "{line}");
        let (out, err) = (client.out.text(), client.err.text());
        assert_eq!(out + &err, said, "{line}");
    }
    assert_eq!(client.run("ls none music").await, Exit::NothingFound);
    assert!(client.out.text().ends_with("music:\ncovers/\nsong.mp3\n"));
}

#[tokio::test]
async fn a_directory_of_the_server_can_be_gone_to() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for (line, shown) in [
        ("pwd", "/\n"),
        ("cd music", ""),
        ("pwd", "/music\n"),
        ("ls", "covers/\nsong.mp3\n"),
        ("ls song.mp3", "song.mp3\n"),
        ("ls /notes.txt", "/notes.txt\n"),
        ("find --ext mp3", "song.mp3\n"),
        ("find --below / --ext mp3", "song.mp3\n"),
        ("cd covers/..", ""),
        ("pwd", "/music\n"),
        ("cd", ""),
        ("pwd", "/\n"),
        ("cd ../..", ""),
        ("pwd", "/\n"),
    ] {
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(client.out.text(), shown, "{line}");
    }
    assert_eq!(client.run("cd music --json").await, Exit::Done);
    assert_eq!(
        client.out.text(),
        "{\"command\":\"cd\",\"directory\":\"/music\"}\n"
    );
    assert_eq!(client.run("cd notes.txt").await, Exit::NothingFound);
    assert_eq!(client.run("cd /notes.txt").await, Exit::Usage);
    assert_eq!(
        client.err.text(),
        "the server says: there is no file or directory /music/notes.txt\n/notes.txt is not a directory\n"
    );
}

#[tokio::test]
async fn find_asks_for_what_was_typed_and_prints_as_it_comes() {
    let (server, mut requests) = Fake::recording().await;
    let mut client = Client::new(server.address);
    let line =
        "find '*.mp3' --larger 1M --born-after 2024-01-01 --below music --sort size --limit 7";
    assert_eq!(client.run(line).await, Exit::Done);
    assert_eq!(client.out.text(), "music/song.mp3\n");
    let Some(Request::Find {
        query,
        limit,
        sort,
        reverse,
    }) = requests.recv().await
    else {
        panic!("another request");
    };
    assert_eq!(query.glob.as_deref(), Some("*.mp3"));
    assert_eq!(
        (query.size_min, query.below),
        (Some(1 << 20), Some("music".into()))
    );
    assert_eq!((limit, sort.word(), reverse), (7, "size", false));
    assert_eq!(client.run("find").await, Exit::Done);
    let Some(Request::Find { query, limit, .. }) = requests.recv().await else {
        panic!("another request");
    };
    assert_eq!((query.below, limit), (None, u64::MAX), "all there are");
}

#[tokio::test]
async fn names_with_newlines_are_never_silently_two() {
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        while peer.request().await.is_some() {
            peer.send(&answering(&["a\nb", "c"])).await;
        }
    })
    .await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("find").await, Exit::Done);
    assert_eq!(client.out.text(), "a\nb\nc\n");
    assert_eq!(
        client.err.text(),
        "warning: 1 name contains a newline: use -0 or --json to tell names apart\n"
    );
    assert_eq!(client.run("find -0").await, Exit::Done);
    assert_eq!(
        (client.out.text(), client.err.text()),
        ("a\nb\0c\0".to_owned(), String::new())
    );
    client.program.context.console.out_is_terminal = true;
    assert_eq!(client.run("find").await, Exit::Done);
    assert_eq!(
        (client.out.text(), client.err.text()),
        ("a\\nb\nc\n".to_owned(), String::new())
    );
}

#[tokio::test]
async fn a_name_that_a_program_would_take_for_an_option_begins_with_a_dot() {
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        while peer.request().await.is_some() {
            peer.send(&answering(&["-dash.txt", "d/-x"])).await;
        }
    })
    .await;
    let mut client = Client::new(server.address);
    for (line, shown) in [
        ("find", "./-dash.txt\nd/-x\n"),
        ("find -0", "./-dash.txt\0d/-x\0"),
    ] {
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(client.out.text(), shown, "{line}");
    }
    assert_eq!(client.run("find --json").await, Exit::Done);
    let lines = client.out.text();
    assert!(
        lines.contains("\"-dash.txt\"") && !lines.contains("./"),
        "{lines}"
    );
    client.program.context.console.out_is_terminal = true;
    assert_eq!(client.run("find").await, Exit::Done);
    assert_eq!(client.out.text(), "-dash.txt\nd/-x\n");
}

#[tokio::test]
async fn a_directory_that_is_to_be_shown_can_be_listed() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for line in ["cat music", "less music", "get music -o -"] {
        assert_eq!(client.run(line).await, Exit::Usage, "{line}");
        assert_eq!(
            client.err.text(),
            "/music is a directory: ls /music lists it\n",
            "{line}"
        );
    }
}

#[tokio::test]
async fn sums_and_trees_warn_of_names_with_newlines() {
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        while let Some(request) = peer.request().await {
            let reply = match request {
                Request::List { itself: true, .. } => Reply::files(vec![entry("d")], false),
                Request::Directories { .. } => Reply::Directories {
                    names: vec!["a\nb".into()],
                    more: false,
                },
                _ => answering(&["d/a\nb/x\ny", "d/c"]),
            };
            peer.send(&reply).await;
        }
    })
    .await;
    for (line, warning) in [
        ("du d", "1 name contains a newline"),
        ("tree d", "2 names contain a newline"),
        ("stat $'d/a\\nb'", "1 name contains a newline"),
        ("dirlist -a", "1 name contains a newline"),
    ] {
        let mut client = Client::new(server.address);
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(
            client.err.text(),
            format!("warning: {warning}: use --json to tell names apart\n"),
            "{line}"
        );
        client.program.context.console.out_is_terminal = true;
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(client.err.text(), "", "{line}");
        let mut client = Client::new(server.address).json();
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(client.err.text(), "", "{line}");
    }
}

#[tokio::test]
async fn stat_tells_all_that_is_known() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("stat n* none music").await, Exit::NothingFound);
    assert_eq!(
        client.err.text(),
        "the server says: there is no file or directory /none\n"
    );
    assert_eq!(
        client.out.text(),
        "    Path: notes.txt\n    Type: file\n    Size: 49\n  Rights: -rw-r--r-- (0644)\n    \
         Born: 2026-11-22 11:13:29.123456789 +0000\nModified: 2026-11-22 11:14:02.000000000 +0000\n\
         \n    Path: music\n    Type: directory\n  Rights: drwxr-xr-x (0755)\n    \
         Born: 2026-11-22 11:13:29.123456789 +0000\nModified: 2026-11-22 11:14:02.000000000 +0000\n"
    );
}

#[tokio::test]
async fn status_tells_who_answers() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("status").await, Exit::Done);
    let text = client.out.text();
    let address = server.address;
    let begin = format!(
        "   Address: {address}\n      Name: fake\n  Software: fake/1, protocol version 1\nRound trip: "
    );
    assert!(
        text.starts_with(&begin) && text.ends_with(" ms\n"),
        "{text}"
    );
    assert_eq!(client.run("status --json").await, Exit::Done);
    let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
    assert_eq!(object["name"], "fake");
    assert!(object["round_trip_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    // The next command is text again.
    assert_eq!(client.run("pwd").await, Exit::Done);
    assert_eq!(client.out.text(), "/\n");
}

#[tokio::test]
async fn each_entry_is_a_json_line() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address).json();
    assert_eq!(client.run("ls music").await, Exit::Done);
    let text = client.out.text();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["command"], "ls");
    assert_eq!(lines[0]["entry"]["type"], "directory");
    assert_eq!(lines[0]["entry"]["path"], "music/covers");
    assert_eq!(lines[1]["entry"]["size"], 3_000_000);
    assert_eq!(client.run("find nothing").await, Exit::NothingFound);
    assert_eq!(
        (client.out.text(), client.err.text()),
        (String::new(), String::new())
    );
}

#[tokio::test]
async fn get_brings_files_to_where_they_are_wanted() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    let home = client.home().to_owned();
    assert_eq!(
        client.run(&format!("lcd '{}'", home.display())).await,
        Exit::Done
    );
    assert_eq!(client.run("get notes.txt").await, Exit::Done);
    assert_eq!(
        std::fs::read(home.join("notes.txt")).unwrap(),
        contents_of("notes.txt")
    );
    let saved = client.out.text();
    assert!(
        saved.starts_with("saved ") && saved.ends_with("notes.txt: 49 B\n"),
        "{saved}"
    );

    assert_eq!(
        client.run("get music/song.mp3 -o other.mp3").await,
        Exit::Done
    );
    assert_eq!(
        std::fs::read(home.join("other.mp3")).unwrap(),
        contents_of("music/song.mp3")
    );
    std::fs::create_dir(home.join("d")).unwrap();
    assert_eq!(
        client.run("get notes.txt 'music/*.mp3' -o d -P 2").await,
        Exit::Done,
        "{}",
        client.err.text()
    );
    for (name, path) in [("notes.txt", "notes.txt"), ("song.mp3", "music/song.mp3")] {
        assert_eq!(
            std::fs::read(home.join("d").join(name)).unwrap(),
            contents_of(path)
        );
    }
    client.out.take();
    // What is there already is kept, unless somebody says otherwise.
    std::fs::write(home.join("notes.txt"), "mine").unwrap();
    assert_eq!(client.run("get notes.txt").await, Exit::TransferFailed);
    let said = client.err.text();
    assert!(
        said.ends_with("notes.txt: it is there already: --force overwrites it\n"),
        "{said}"
    );
    assert_eq!(std::fs::read(home.join("notes.txt")).unwrap(), b"mine");
    assert_eq!(
        client.run("get notes.txt 'with space.txt'").await,
        Exit::TransferFailed
    );
    assert!(home.join("with space.txt").is_file(), "the others come");
    assert_eq!(std::fs::read(home.join("notes.txt")).unwrap(), b"mine");
    // As in sftp, the second name is a local one where the server has no such file.
    assert_eq!(client.run("get notes.txt mine.txt").await, Exit::Done);
    std::fs::remove_file(home.join("d/notes.txt")).unwrap();
    assert_eq!(client.run("get notes.txt d").await, Exit::Done);
    for name in ["mine.txt", "d/notes.txt"] {
        let got = std::fs::read(home.join(name)).unwrap();
        assert_eq!(got, contents_of("notes.txt"), "{name}");
    }
    client.out.take();
    let mut client = client.json();
    assert_eq!(client.run("get notes.txt --force").await, Exit::Done);
    let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
    assert_eq!(
        (&object["path"], &object["bytes"]),
        (&"notes.txt".into(), &49.into())
    );
    let digest = blake3::hash(&contents_of("notes.txt")).to_hex();
    assert_eq!(object["digest"], digest.as_str());
}

#[tokio::test]
async fn get_says_what_cannot_be_fetched() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    let home = client.home().display().to_string();
    assert_eq!(client.run(&format!("lcd '{home}'")).await, Exit::Done);
    for (line, exit, said) in [
        (
            "get music",
            Exit::Usage,
            "/music is a directory: get -r /music downloads all of it\n",
        ),
        (
            "get /",
            Exit::Usage,
            "/ is a directory: get -r / downloads all of it\n",
        ),
        (
            "get notes.txt music/song.mp3 -o -",
            Exit::Usage,
            "standard output takes one file, not 2: use -o DIR, or archive to combine them\n",
        ),
        (
            "get x/notes.txt music/../notes.txt notes.txt",
            Exit::Usage,
            "/x/notes.txt and /notes.txt would both be saved as notes.txt: download them one by one, or as an archive\n",
        ),
        (
            "lcd nowhere",
            Exit::Usage,
            &format!("cannot change to {home}/nowhere: no such file or directory\n"),
        ),
    ] {
        assert_eq!(client.run(line).await, exit, "{line}");
        assert_eq!(client.err.text(), said, "{line}");
    }
    // Of several the others come.
    assert_eq!(client.run("get none notes.txt").await, Exit::NothingFound);
    assert!(client.home().join("notes.txt").is_file());
    let said = client.err.text();
    assert!(
        said.contains("the server says: there is no file or directory /none\n"),
        "{said}"
    );
}

#[tokio::test]
async fn a_pattern_in_a_hidden_directory_means_what_is_hidden_too() {
    let (server, mut requests) = Fake::recording().await;
    let mut client = Client::new(server.address);
    // What `get` saves stays out of the package's directory.
    client
        .run(&format!("lcd '{}'", client.home().display()))
        .await;
    for (line, expected) in [
        ("get '.dir/*'", true),
        ("ls '.dir/*'", true),
        ("get 'music/*'", false),
        ("ls 'music/*'", false),
        ("ls -a 'music/*'", true),
    ] {
        client.run(line).await;
        let asked = loop {
            match requests.recv().await {
                Some(Request::List {
                    glob: Some(_),
                    hidden,
                    ..
                }) => break hidden,
                Some(_) => {}
                None => panic!("{line}: no list was asked for"),
            }
        };
        assert_eq!(asked, expected, "{line}");
    }
}

#[tokio::test]
async fn archive_takes_its_format_from_the_name() {
    let (server, mut requests) = Fake::recording().await;
    let mut client = Client::new(server.address);
    let home = client.home().display().to_string();
    client.run(&format!("lcd '{home}'")).await;
    for (line, file, asked) in [
        ("archive --ext pdf", "archive.tar.gz", "Gzip"),
        ("archive -o x.tar.zst", "x.tar.zst", "Zstd"),
        ("archive --format tar --flat", "archive.tar", "None"),
    ] {
        assert_eq!(
            client.run(line).await,
            Exit::Done,
            "{line}: {}",
            client.err.text()
        );
        let saved = client.out.text();
        assert!(
            saved.contains(&format!("{file}: 12 files, 38 B")),
            "{saved}"
        );
        let Some(Request::Archive {
            compression, names, ..
        }) = requests.recv().await
        else {
            panic!("another request");
        };
        assert_eq!(format!("{compression:?}"), asked);
        let flat = if line.contains("flat") {
            "Base"
        } else {
            "Path"
        };
        assert_eq!(format!("{names:?}"), flat);
        client.err.take();
    }
    assert_eq!(
        client.run("archive --format gz --level 13").await,
        Exit::Usage
    );
    assert!(
        client
            .err
            .text()
            .starts_with("level 13 is out of range for this format: 1 to 12")
    );
}

#[tokio::test]
async fn help_of_one_command_names_its_options() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("help find").await, Exit::Done);
    let text = client.out.text();
    assert!(
        text.starts_with("Usage: find [DIR|FILE]... [NAME|GLOB] [OPTION]...\n"),
        "{text}"
    );
    assert!(text.contains("  --larger SIZE  "), "{text}");
    assert_eq!(client.run("help w24ft").await, Exit::Done);
    assert!(
        client
            .out
            .text()
            .starts_with("Usage: w24ft EXT1 [EXT2 [EXT3]]\n")
    );
    assert_eq!(client.run("help --json").await, Exit::Done);
    let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
    assert!(
        object["commands"]
            .as_array()
            .is_some_and(|list| list.len() == 28)
    );
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn where_this_machine_is_can_be_changed() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    let home = client.home().canonicalize().unwrap();
    assert_eq!(client.run("lcd").await, Exit::Done);
    assert_eq!(client.run("lpwd").await, Exit::Done);
    assert_eq!(client.out.text(), format!("{}\n", home.display()));
    std::fs::create_dir(home.join("d")).unwrap();
    assert_eq!(client.run("lcd d").await, Exit::Done);
    assert_eq!(client.run("lpwd --json").await, Exit::Done);
    let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
    assert_eq!(object["directory"], home.join("d").to_str().unwrap());
    assert_eq!(client.run("w24ft pdf -o x").await, Exit::Done);
    assert!(home.join("d/x").is_file());
}
