//! Commands from standard input.

use std::io::Write as _;
use std::process::{Command, Stdio};

use rustix::process::{Signal, kill_process};

use crate::peer::Fake;
use crate::process::{Ended, Home, end, eventually, pid_of};

pub(crate) async fn batch(mut command: Command, lines: &[u8]) -> Ended {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A batch that has ended early reads no more.
    let _ = stdin.write_all(lines);
    drop(stdin);
    end(child).await
}

#[tokio::test]
async fn lines_are_carried_out_in_order_over_one_connection() {
    let server = Fake::good().await;
    let home = Home::new();
    let lines = b"# a note\n\ndirlist -a\n  w24fn 'nothing here'\n";
    let ended = batch(home.against(server.address, &[]), lines).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.out, b"a b\nesc\x1b[2J\nz\xff\nFile not found\n");
    assert_eq!(
        ended.err, "netsocket: in line 4: w24fn 'nothing here'\n",
        "no prompt, and no words but where it ended"
    );
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn the_first_failure_ends_it() {
    let server = Fake::good().await;
    let lines = b"w24fn nothing\ndirlist -a\n";
    let ended = batch(Home::new().against(server.address, &[]), lines).await;
    assert_eq!(
        (ended.code, &ended.out[..]),
        (Some(1), &b"File not found\n"[..])
    );
    let lines = b"dirlist\ndirlist -a\n";
    let ended = batch(Home::new().against(server.address, &[]), lines).await;
    assert_eq!((ended.code, ended.out.len()), (Some(2), 0));
    let lines = b"w24fn 'open\n";
    let ended = batch(Home::new().against(server.address, &[]), lines).await;
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (
            Some(2),
            "netsocket: Unclosed quote (')\nnetsocket: in line 1: w24fn 'open\n"
        )
    );
}

#[tokio::test]
async fn every_failure_names_its_line() {
    let server = Fake::good().await;
    for flags in [&[][..], &["--quiet"], &["--json"]] {
        for (line, code) in [
            ("cd nowhere", 1),
            ("get none", 1),
            ("ls 'x*'", 1),
            ("find nothing", 1),
            ("w24fn nothing", 1),
            ("cat none notes.txt", 1),
            ("nonsense", 2),
            ("ls | wc", 2),
            ("get notes.txt -o no/where", 4),
        ] {
            let lines = format!("# a note\n\nls\n{line}\nls\n");
            let home = Home::new();
            let ended = batch(home.against(server.address, flags), lines.as_bytes()).await;
            assert_eq!(ended.code, Some(code), "{flags:?} {line}: {ended:?}");
            let last = ended.err.lines().last();
            let said = format!("netsocket: in line 4: {line}");
            assert_eq!(last, Some(said.as_str()), "{flags:?}: {}", ended.err);
        }
    }
}

/// What only a shell does is refused before a server is asked for anything.
#[tokio::test]
async fn a_redirection_names_no_files() {
    let server = Fake::good().await;
    let home = Home::new();
    let ended = batch(
        home.against(server.address, &[]),
        b"get notes.txt > out.txt\n",
    )
    .await;
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.err,
        "netsocket: > does not redirect here: use -o out.txt\n\
         netsocket: in line 1: get notes.txt > out.txt\n"
    );
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn the_local_directory_is_listed_with_the_home_in_it() {
    let server = Fake::good().await;
    let home = Home::new();
    std::fs::write(home.path().join("mine"), "").unwrap();
    let ended = batch(home.against(server.address, &[]), b"lls -1 ~/\n").await;
    assert_eq!((ended.code, &ended.out[..]), (Some(0), &b"mine\n"[..]));
}

#[tokio::test]
async fn a_line_with_a_dash_may_fail() {
    let server = Fake::good().await;
    let lines = b"-w24fn nothing\n-nonsense\n-w24ft none\ndirlist -t\n";
    let ended = batch(Home::new().against(server.address, &[]), lines).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        ended.out,
        b"File not found\nNo file found\nz\xff\nesc\x1b[2J\na b\n"
    );
    assert!(ended.err.contains("unknown command 'nonsense'"));
}

#[tokio::test]
async fn the_shell_gets_its_line_and_not_the_rest_of_the_batch() {
    let server = Fake::good().await;
    let lines =
        b"!cat; echo 'a  b' \"$HOME\" | sed s/a/x/\n-!exit 3\ncd music\npwd\n!false\ndirlist -a\n";
    let home = Home::new();
    let ended = batch(home.against(server.address, &[]), lines).await;
    let shown = format!("x  b {}\n/music\n", home.path().display());
    assert_eq!(String::from_utf8(ended.out).unwrap(), shown);
    assert_eq!(ended.code, Some(4));
    assert_eq!(
        ended.err,
        "netsocket: the command exited with 3\nnetsocket: the command exited with 1\n\
         netsocket: in line 5: !false\n"
    );
}

#[tokio::test]
async fn a_way_out_ends_it_well() {
    let server = Fake::good().await;
    for word in ["quitc", "quit", "exit"] {
        let lines = format!("{word}\nnonsense\n");
        let ended = batch(Home::new().against(server.address, &[]), lines.as_bytes()).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{word}");
    }
}

#[tokio::test]
async fn the_home_directory_is_known_where_no_shell_was() {
    let server = Fake::good().await;
    let home = Home::new();
    let ended = batch(
        home.against(server.address, &["--quiet"]),
        b"w24ft pdf -o ~/'my archive'\n",
    )
    .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(home.path().join("my archive").is_file());
    assert!(!home.target().exists());
}

#[tokio::test]
async fn a_signal_ends_it_while_it_waits_for_a_line() {
    let server = Fake::good().await;
    let home = Home::new();
    let mut command = home.against(server.address, &[]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"w24ft pdf\n").unwrap();
    eventually("the first line is done", || home.target().exists()).await;
    kill_process(pid_of(&child), Signal::TERM).unwrap();
    let ended = end(child).await;
    assert_eq!(ended.code, Some(130));
    drop(stdin);
}
