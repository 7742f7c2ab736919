//! What goes wrong before a command runs, and commands that need no settings.

use std::fs;

use serde_json::Value;

use crate::batch::batch;
use crate::client::files_in;
use crate::peer::{Fake, archive_bytes};
use crate::process::{Ended, Home, run};

const FILE: &str = ".config/netsocket/client.toml";

/// A home with these settings.
fn with_settings(text: &str) -> Home {
    let home = Home::new();
    let file = home.path().join(FILE);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
    home
}

fn check_refusal(ended: &Ended, what: &str) {
    assert_eq!(ended.code, Some(2), "{what}: {}", ended.err);
    let line: Value = serde_json::from_slice(&ended.out).unwrap_or_else(|error| {
        panic!(
            "{what}: {error} in {:?}",
            String::from_utf8_lossy(&ended.out)
        )
    });
    assert_eq!(line["error"]["kind"], "usage", "{what}");
    let message = line["error"]["message"].as_str().unwrap();
    assert!(ended.err.contains(message), "{what}: {}", ended.err);
}

#[tokio::test]
async fn what_is_refused_before_the_command_runs_is_json_if_that_is_asked_for() {
    let home = Home::new();
    for words in [
        &["--json", "--config", "/nonexist", "ls"][..],
        &["--server", "bad", "--json", "ls"],
        &["--server", "bad", "ls", "--json"],
        &["--json", "--nope", "ls"],
        &["--nope", "ls", "--json"],
        &["--json", "--tls", "on", "ls"],
        &["--json", "nope"],
        &["nope", "--json"],
        &["ls", "--json", "--nope"],
        &["cd", "--json", "x"],
    ] {
        check_refusal(&run(home.netsocket(words)).await, &words.join(" "));
    }
    let mut command = home.netsocket(&["--json", "ls"]);
    command.env("NETSOCKET_TLS", "yes");
    check_refusal(&run(command).await, "a variable");
    let home = with_settings("nope = 1\n");
    check_refusal(&run(home.netsocket(&["ls", "--json"])).await, "a key");
    let ended = batch(home.netsocket(&["--json"]), b"ls\n").await;
    check_refusal(&ended, "a batch");
    // An operand.
    let ended = run(Home::new().netsocket(&["w24fn", "a", "--json"])).await;
    assert_eq!((ended.code, ended.out.len()), (Some(2), 0));
}

#[tokio::test]
async fn what_needs_no_settings_works_with_wrong_ones() {
    let home = with_settings("nope = 1\n");
    for words in [
        &["man"][..],
        &["completions", "bash"],
        &["help"],
        &["ls", "--help"],
        &["lls"],
        &["lpwd"],
        &["lmkdir", "new"],
    ] {
        let ended = run(home.netsocket(words)).await;
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.err);
        assert!(ended.err.starts_with("netsocket: warning: "), "{words:?}");
    }
    let ended = run(home.netsocket(&["version"])).await;
    assert!(ended.err.contains("--version"), "{}", ended.err);
    let ended = run(home.netsocket(&["status"])).await;
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(!ended.err.contains("warning"), "{}", ended.err);
}

#[tokio::test]
async fn a_settings_file_that_leads_nowhere_is_said() {
    let home = with_settings("");
    let file = home.path().join(FILE);
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    let ended = run(home.netsocket(&["ls"])).await;
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("client.toml"), "{}", ended.err);
}

#[tokio::test]
async fn a_flag_of_the_program_behind_the_command_is_told_where_it_stands() {
    for (words, said) in [
        (
            &["ls", "--server", "x:1"][..],
            "put it before the command: netsocket --server … ls",
        ),
        (
            &["get", "x", "--config=y"],
            "put it before the command: netsocket --config … get",
        ),
    ] {
        let ended = run(Home::new().netsocket(words)).await;
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.contains(said), "{words:?}: {}", ended.err);
    }
}

#[tokio::test]
async fn a_file_with_commands_is_told_how_it_is_run() {
    let home = Home::new();
    fs::write(home.path().join("b c.txt"), "# all\nls\n").unwrap();
    fs::write(home.path().join("letter"), "Dear all\n").unwrap();
    for (word, said) in [
        (
            "b c.txt",
            "unknown command 'b c.txt': netsocket --quiet < 'b c.txt' runs the commands in that file\n",
        ),
        (
            "letter",
            "unknown command 'letter'; help lists all commands\n",
        ),
    ] {
        let mut command = home.netsocket(&["--quiet", word]);
        command.current_dir(home.path());
        let ended = run(command).await;
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.contains(said), "{}", ended.err);
    }
}

#[tokio::test]
async fn options_before_the_command_of_a_line_are_as_on_a_command_line() {
    let server = Fake::good().await;
    let home = Home::new();
    for (lines, saved) in [
        (&b"-o x.tgz w24ft pdf\n"[..], "x.tgz"),
        (b"  --output=y.tgz w24ft pdf\n", "y.tgz"),
        (b"- -o z.tgz w24ft pdf\n", "z.tgz"),
    ] {
        let ended = batch(home.against(server.address, &[]), lines).await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(fs::read(home.path().join(saved)).unwrap(), archive_bytes());
    }
    let ended = batch(home.against(server.address, &[]), b"--json pwd\npwd\n").await;
    let text = String::from_utf8(ended.out).unwrap();
    assert_eq!(text, "{\"command\":\"pwd\",\"directory\":\"/\"}\n/\n");
    for (lines, said) in [
        (&b"-q\tnope\n"[..], "unknown command 'nope'"),
        (b"-o x pwd\n", "-o (--output) works only with"),
        (b"--nope pwd\n", "--nope"),
        (b"--json\n", "no command behind the options"),
        (b"-ox.tgz\n", "no command behind the options"),
    ] {
        let ended = batch(home.against(server.address, &[]), lines).await;
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains(said), "{}", ended.err);
    }
    assert_eq!(files_in(&home.path()), ["x.tgz", "y.tgz", "z.tgz"]);
}

#[tokio::test]
async fn a_directory_that_is_made_here_is_told_as_json() {
    let home = Home::new();
    let ended = run(home.netsocket(&["lmkdir", "new", "--json"])).await;
    let line: Value = serde_json::from_slice(&ended.out).unwrap();
    assert_eq!(line["command"], "lmkdir");
    let made = home.path().join("new");
    assert_eq!(line["directory"], made.to_str().unwrap());
    assert!(made.is_dir());
}
