//! What is looked at and not saved: `du`, `tree`, `cat`, `less`.

use netsocket_client::outcome::exit::Exit;

use crate::client::Client;
use crate::peer::Fake;
use crate::process::{Home, end, run};
use crate::screen::Screen;
use crate::tree::contents_of;

#[tokio::test]
async fn what_is_in_directories_is_added_up() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("du").await, Exit::Done);
    assert_eq!(client.out.text(), "   2.9 MiB  music\n   2.9 MiB  .\n");
    assert_eq!(client.run("du -s music notes.txt").await, Exit::Done);
    assert_eq!(
        client.out.text(),
        "   2.9 MiB  music\n      49 B  notes.txt\n"
    );
    assert_eq!(client.run("du -s mus* *.txt").await, Exit::Done);
    assert_eq!(
        client.out.text(),
        "   2.9 MiB  music\n      49 B  notes.txt\n       5 B  with space.txt\n"
    );
    assert_eq!(client.run("du -s none music").await, Exit::NothingFound);
    assert_eq!(client.out.text(), "   2.9 MiB  music\n");
    assert_eq!(
        client.err.text(),
        "the server says: there is no file or directory /none\n"
    );
    client.run("cd music").await;
    assert_eq!(client.run("du --json").await, Exit::Done);
    assert_eq!(
        client.out.text(),
        "{\"command\":\"du\",\"path\":\"music\",\"files\":1,\"bytes\":3000000}\n"
    );
}

#[tokio::test]
async fn a_tree_is_drawn() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("tree").await, Exit::Done);
    assert_eq!(
        client.out.text(),
        ".\n├── evil\x1b[2J\n├── music\n│   └── song.mp3\n├── notes.txt\n└── with space.txt\n\n1 directory, 4 files\n"
    );
    client.program.context.console.out_is_terminal = true;
    assert_eq!(client.run("tree -L 1").await, Exit::Done);
    assert_eq!(
        client.out.text(),
        ".\n├── evil\\u{1b}[2J\n├── music\n├── notes.txt\n└── with space.txt\n\n1 directory, 3 files\n"
    );
    assert_eq!(client.run("tree -d music").await, Exit::Done);
    assert_eq!(client.out.text(), "music\n\n0 directories\n");
    assert_eq!(client.run("tree notes.txt").await, Exit::Usage);
    assert_eq!(client.err.text(), "/notes.txt is not a directory\n");
    assert_eq!(client.run("tree none").await, Exit::NothingFound);
    assert_eq!(client.run("tree mus*").await, Exit::Done);
    assert!(client.out.text().starts_with("music\n"));
    client.err.text();
    for (line, exit, said) in [
        ("tree n*", Exit::NothingFound, "no directory matches n*\n"),
        ("cd */*", Exit::Done, ""),
    ] {
        assert_eq!(client.run(line).await, exit, "{line}");
        assert!(client.err.text().ends_with(said), "{line}");
    }
}

#[tokio::test]
async fn a_tree_as_json_has_the_levels_that_were_asked_for() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for (line, files) in [
        ("tree --json", 4),
        ("tree --json -L 1", 3),
        ("tree -L 2 --json", 4),
    ] {
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(client.out.text().lines().count(), files, "{line}");
    }
    assert_eq!(client.run("tree -d --json").await, Exit::Usage);
    let said = client.err.text();
    assert!(said.contains("du --json lists directories"), "{said}");
}

#[tokio::test]
async fn dots_after_what_is_missing_lead_nowhere() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for line in [
        "ls none/..",
        "ls none/../n*",
        "du none/..",
        "stat none/../notes.txt",
        "find none/..",
        "find --below none/..",
        "tree none/..",
        "cd none/../music",
        "cd ~/none/..",
        "get -r none/..",
        "get -r notes.txt/..",
    ] {
        assert_eq!(client.run(line).await, Exit::NothingFound, "{line}");
        let said = client.err.text();
        assert!(said.contains("there is no directory /no"), "{line}: {said}");
        assert_eq!(client.out.text(), "", "{line}");
    }
    assert_eq!(client.run("ls music/../music").await, Exit::Done);
}

#[tokio::test]
async fn what_may_have_been_meant_can_be_pasted() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for (line, hint) in [
        ("find space", "find '*space*' finds names that contain it"),
        (
            "find SPACE",
            "find -iname '*SPACE*' finds names that contain it in any case",
        ),
        (
            "find 'h space'",
            "find '*h space*' finds names that contain it",
        ),
        (
            "find Notes.txt",
            "case matters: find -iname Notes.txt finds any",
        ),
        (
            "find music Song.mp3",
            "case matters: find music -iname Song.mp3 finds any",
        ),
        (
            "find '*.MP3'",
            "case matters: find -iname '*.MP3' finds any",
        ),
        (
            "find music --ext MP3",
            "case matters to --ext: find music -iname '*.MP3' finds any",
        ),
        (
            "find nothing music",
            "find music -name nothing finds files of that name",
        ),
        (
            "find none nothing",
            "find -name none finds files of that name",
        ),
        // What would find nothing is not suggested.
        ("find report.PDF", "no file named report.PDF"),
        ("find \"it's\"", "no file named it's"),
        ("find 'x*'", "no file matches x*"),
        ("find -iname 'X*'", "no file matches X* in any case"),
        (
            "find -iname X.pdf --larger 1k",
            "no file matches X.pdf in any case and the conditions",
        ),
        ("find --ext PDF", "no file that meets the conditions"),
        (
            "find -name notes.txt --larger 1M",
            "no file named notes.txt that meets the conditions",
        ),
    ] {
        assert_eq!(client.run(line).await, Exit::NothingFound, "{line}");
        client.out.text();
        let said = client.err.text();
        assert!(said.ends_with(&format!("{hint}\n")), "{line}: {said}");
    }
    for (line, hint) in [
        (
            "find 'mus*'",
            "/music is a directory: find /music lists what is in it",
        ),
        (
            "archive music --below .",
            "/music is a directory: archive /music takes what is in it",
        ),
    ] {
        assert_eq!(client.run(line).await, Exit::NothingFound, "{line}");
        let said = client.err.text();
        assert!(said.ends_with(&format!("{hint}\n")), "{line}: {said}");
    }
    assert_eq!(client.run("get music").await, Exit::Usage);
    let said = client.err.text();
    assert!(said.contains("get -r /music downloads all of it"), "{said}");
}

#[tokio::test]
async fn an_error_as_json_says_which_operand_it_is_of() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    client.program.context.at.local = Some(client.home().to_owned());
    client.run("cd music").await;
    for line in [
        "ls none song.mp3",
        "ls none* song.mp3",
        "stat none song.mp3",
        "du none song.mp3",
        "get -r none song.mp3 .",
        "get none* song.mp3 -o .",
    ] {
        client.run(&format!("{line} --json")).await;
        let out = client.out.text();
        let lines = out.lines().map(|line| serde_json::from_str(line).unwrap());
        let lines: Vec<serde_json::Value> = lines.collect();
        let of_error = lines.iter().find(|line| !line["error"].is_null());
        let path = of_error.unwrap()["path"].as_str().unwrap();
        assert!(path.starts_with("music/none"), "{line}: {out}");
    }
}

/// One rule for all commands with several operands.
#[tokio::test]
async fn one_that_is_missing_keeps_no_other() {
    let server = Fake::good().await;
    let text = contents_of("with space.txt");
    for (words, shown) in [
        (&["cat", "none", "with space.txt"][..], &text[..]),
        (&["cat", "none/*", "with space.txt"], &text),
        (&["cat", "x*", "with space.txt"], &text),
        (&["less", "none", "with space.txt"], &text),
        (&["ls", "none", "notes.txt"], b"notes.txt\n"),
        (&["ls", "x*", "notes.txt"], b"notes.txt\n"),
        (&["ls", "none/*", "notes.txt"], b"notes.txt\n"),
        (&["du", "none", "notes.txt"], b"      49 B  notes.txt\n"),
        (&["du", "x*", "notes*"], b"      49 B  notes.txt\n"),
    ] {
        let ended = run(Home::new().against(server.address, words)).await;
        assert_eq!(ended.code, Some(1), "{words:?}: {}", ended.err);
        assert_eq!(ended.out, shown, "{words:?}");
        let said = ended.err.trim_start_matches("netsocket: ");
        assert_eq!(said.lines().count(), 1, "{words:?}: {said}");
        assert!(
            said.contains("/none") || said == "the server says: no file matches x*\n",
            "{words:?}: {said}"
        );
    }
    // Nor does an error get among the bytes of files.
    for pattern in ["none/*", "x*"] {
        let words = ["--json", "cat", pattern, "with space.txt"];
        let ended = run(Home::new().against(server.address, &words)).await;
        assert_eq!((ended.code, &ended.out), (Some(1), &text), "{}", ended.err);
        assert!(
            ended.err.contains("\"kind\":\"not_found\""),
            "{}",
            ended.err
        );
    }
    // The worst exit code counts, whichever came last.
    let words = ["cat", "music", "none", "notes.txt"];
    let ended = run(Home::new().against(server.address, &words)).await;
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert_eq!(ended.out, contents_of("notes.txt"));
    assert_eq!(ended.err.lines().count(), 2, "{}", ended.err);
}

#[tokio::test]
async fn only_text_is_printed_on_a_terminal() {
    let server = Fake::good().await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    // It has a zero byte.
    for line in ["cat notes.txt\r", "get notes.txt -o -\r"] {
        screen.type_keys(line);
        let answer = screen.ready().await;
        assert!(
            answer.contains("not writing a file that is not text to a terminal"),
            "{answer}"
        );
    }
    screen.type_keys("get 'with space.txt' -o -\r");
    let answer = screen.ready().await;
    assert!(
        answer.contains("\x0e-Lk") && !answer.contains("saved"),
        "{answer:?}"
    );
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

/// A prompt with this pager, in a session of its own.
fn with_pager(server: &Fake, pager: &str) -> Screen {
    Screen::open_as_session_with(Home::new(), server.address, &[("PAGER", pager)])
}

#[tokio::test]
async fn a_pager_gets_the_files_and_the_terminal() {
    let server = Fake::good().await;
    let mut screen = with_pager(&server, "wc -c; echo paged");
    screen.ready().await;
    screen.type_keys("less music/song.mp3 notes.txt\r");
    let answer = screen.ready().await;
    assert!(answer.contains("3000049\r\npaged\r\n"), "{answer}");
    // What is there is shown all the same.
    screen.type_keys("less none music notes.txt\r");
    let answer = screen.ready().await;
    assert!(
        answer.contains("there is no file or directory /none")
            && answer.contains("/music is a directory")
            && answer.contains("49\r\npaged\r\n"),
        "{answer}"
    );
    screen.type_keys("less none\r");
    let answer = screen.ready().await;
    assert!(
        answer.contains("there is no file or directory /none") && !answer.contains("paged"),
        "{answer}"
    );
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn a_pager_that_is_left_early_ends_the_download() {
    let server = Fake::good().await;
    let mut screen = with_pager(&server, "head -c 3 | wc -c");
    screen.ready().await;
    screen.type_keys("more music/song.mp3\r");
    let answer = screen.ready().await;
    assert!(answer.contains("\n3\r\n"), "{answer:?}");
    assert!(
        !answer.contains("cannot") && !answer.contains("lost"),
        "{answer:?}"
    );
    screen.type_keys("dirlist -a\r");
    assert!(screen.ready().await.contains("a b\r\n"));
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn a_pager_that_ends_at_once_is_no_failure() {
    let server = Fake::good().await;
    let mut screen = with_pager(&server, "false");
    screen.ready().await;
    for _ in 0..10 {
        screen.type_keys("less music/song.mp3\r");
        let answer = screen.ready().await;
        assert!(!answer.contains("cannot"), "{answer:?}");
    }
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn where_the_pager_is_none_the_files_are_printed() {
    let server = Fake::good().await;
    for pager in ["no-such-pager", "/etc/passwd"] {
        let mut screen = with_pager(&server, pager);
        screen.ready().await;
        screen.type_keys("less 'with space.txt'\r");
        let answer = screen.ready().await;
        let text = contents_of("with space.txt");
        let text = String::from_utf8_lossy(&text).replace('\n', "\r\n");
        assert!(answer.contains(&text), "{answer:?}");
        assert!(answer.contains("no such pager ($PAGER): printing instead"));
        screen.type_keys("\x04");
        assert_eq!(end(screen.child).await.code, Some(0));
    }
}

#[tokio::test]
async fn ctrl_c_is_for_the_pager() {
    let server = Fake::good().await;
    let mut screen = with_pager(
        &server,
        "trap 'echo caught; exit' INT; echo begun; while :; do :; done",
    );
    screen.ready().await;
    screen.type_keys("less music/song.mp3\r");
    screen.shows("begun\r\n").await;
    screen.type_keys("\x03");
    let answer = screen.ready().await;
    assert!(answer.contains("caught"), "{answer:?}");
    assert!(!answer.contains("interrupted"), "{answer:?}");
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn without_a_terminal_the_file_is_printed() {
    let server = Fake::good().await;
    let ended = run(Home::new().against(server.address, &["less", "with space.txt"])).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out, contents_of("with space.txt"));
    assert_eq!(ended.err, "");
}

#[tokio::test]
async fn two_stars_are_any_depth() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for (line, out) in [
        ("ls **/*.mp3", "music/song.mp3\n"),
        ("ls **/*.txt", "notes.txt\nwith space.txt\n"),
        ("ls **/covers/", "music/covers/\n"),
        ("ls music/**", "music/covers/\nmusic/song.mp3\n"),
        ("find **/*.mp3", "music/song.mp3\n"),
        ("du **/*.mp3", "   2.9 MiB  music/song.mp3\n"),
    ] {
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(client.out.text(), out, "{line}");
    }
    for line in ["ls none/**", "ls **/none*"] {
        assert_eq!(client.run(line).await, Exit::NothingFound, "{line}");
    }
}

#[tokio::test]
async fn an_archive_of_several_says_what_to_type() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    for (line, said) in [
        (
            "archive music/*",
            "archive takes one directory, not 1 file and 1 directory: archive music takes all that is there, get -r 'music/*' . saves them\n",
        ),
        (
            "archive ./*.txt",
            "archive takes one directory, not 2 files: archive '*.txt' --below . takes all files of such names there, get -r './*.txt' . saves them\n",
        ),
    ] {
        assert_eq!(client.run(line).await, Exit::Usage, "{line}");
        assert_eq!(client.err.text(), said, "{line}");
    }
}
