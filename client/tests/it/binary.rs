//! The real program, one command at a time: exit codes, outputs, signals.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use netsocket_client::transfer::partial_file::kept;
use rustix::process::{Signal, kill_process};

use crate::client::files_in;
use crate::peer::{BLOCKS, Fake, Peer, archive_bytes, block_frame, plan};
use crate::process::{Home, end, eventually, pid_of, run};
use crate::tree::contents_of;

/// Sends the beginning of an archive and nothing more.
async fn stop_in_the_middle(mut peer: Peer) {
    peer.greet().await;
    peer.request().await;
    peer.send(&plan()).await;
    peer.block(0, BLOCKS[0]).await;
    peer.block(1, BLOCKS[1]).await;
    peer.until_gone().await;
}

#[tokio::test]
async fn each_exit_code() {
    let server = Fake::good().await;
    let closing = Fake::start(|_, _| async {}).await;
    let stuck = Fake::start(|_, peer| stop_in_the_middle(peer)).await;
    for (address, words, code) in [
        (server.address, &["dirlist", "-a"][..], 0),
        (server.address, &["dirlist", "-t"], 0),
        (server.address, &["w24ft", "pdf"], 0),
        (server.address, &["quitc"], 0),
        (server.address, &["help"], 0),
        (server.address, &["w24fn", "nothing"], 1),
        (server.address, &["w24ft", "none"], 1),
        (server.address, &["dirlist"], 2),
        (server.address, &["w24fz", "2", "1"], 2),
        (server.address, &["--no-such-flag"], 2),
        (server.address, &["-o", "x", "dirlist", "-a"], 2),
        (server.address, &["ls", "music"], 0),
        (server.address, &["find", "--larger", "1M"], 0),
        (server.address, &["stat", "notes.txt"], 0),
        (server.address, &["status"], 0),
        (server.address, &["help", "get"], 0),
        (server.address, &["get", "notes.txt", "-o", "-"], 0),
        (server.address, &["-o", "x", "archive", "--ext", "pdf"], 0),
        (server.address, &["ls", "nowhere"], 1),
        (server.address, &["find", "nothing"], 1),
        (server.address, &["get", "none"], 1),
        (server.address, &["find", "--larger", "much"], 2),
        (server.address, &["!ls"], 2),
        (server.address, &["-o", "x", "ls"], 2),
        (closing.address, &["ls"], 3),
        (closing.address, &["get", "notes.txt"], 3),
        (server.address, &["get", "notes.txt", "-o", "/dev/full"], 4),
        (server.address, &["w24ft", "pdf", "-o", ""], 2),
        (closing.address, &["dirlist", "-a"], 3),
        (server.address, &["-o", "/dev/full", "w24ft", "pdf"], 4),
        (server.address, &["-o", ".", "w24ft", "pdf"], 4),
    ] {
        let home = Home::new();
        let ended = run(home.against(address, words)).await;
        assert_eq!(ended.code, Some(code), "{words:?}: {ended:?}");
    }
    let home = Home::new();
    let mut stalled = home.against(stuck.address, &["w24ft", "pdf"]);
    stalled
        .env("NETSOCKET_STALL_TIMEOUT", "100ms")
        .env("NETSOCKET_RETRY_DEADLINE", "0");
    let ended = run(stalled).await;
    assert_eq!(ended.code, Some(4));
    let kept = format!(
        "netsocket: kept 27 B of {}; repeat the command to resume\n",
        home.target().display()
    );
    assert_eq!(
        ended.err,
        format!("netsocket: the server stopped sending: no data for 100ms\n{kept}")
    );
}

#[tokio::test]
async fn a_usage_error_is_one_line_on_standard_error() {
    let ended = run(Home::new().netsocket(&["dirlist", "-x"])).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.out.is_empty());
    assert_eq!(
        ended.err,
        "netsocket: dirlist takes -a (by name) or -t (oldest first). Usage: dirlist -a | -t\n"
    );
}

#[tokio::test]
async fn standard_output_gets_the_archive_and_nothing_else() {
    let server = Fake::good().await;
    for words in [
        &["-o", "-", "w24ft", "pdf"][..],
        &["w24ft", "pdf", "-o", "-"],
        &["--json", "-o", "-", "w24ft", "pdf"],
    ] {
        let home = Home::new();
        let ended = run(home.against(server.address, words)).await;
        assert_eq!(ended.code, Some(0), "{words:?}");
        assert_eq!(ended.out, archive_bytes(), "{words:?}");
        assert!(
            ended.err.contains("saved -: 12 files, 38 B") || ended.err.contains("\"saved\":\"-\""),
            "{words:?}: {}",
            ended.err
        );
        assert!(files_in(&home.path()).is_empty(), "{words:?}");
    }
    let ended = run(Home::new().against(server.address, &["-o", "-", "w24ft", "none"])).await;
    assert_eq!(
        (ended.code, ended.out.len(), ended.err.as_str()),
        (Some(1), 0, "No file found\n")
    );
}

#[tokio::test]
async fn names_need_not_be_utf8() {
    let server = Fake::good().await;
    let home = Home::new();
    let mut command = home.against(server.address, &["w24fn"]);
    command.arg(OsStr::from_bytes(b"z\xff"));
    let ended = run(command).await;
    assert_eq!(
        (ended.code, &ended.out[..]),
        (Some(1), &b"File not found\n"[..])
    );
}

/// One line, with no advice that is wrong here.
#[tokio::test]
async fn a_flag_of_another_program_is_answered_with_what_to_use() {
    for (words, said) in [
        (
            &["-b", "batch.txt"][..],
            "there is no flag -b: netsocket < FILE runs the commands of a file",
        ),
        (
            &["-output", "x", "ls"],
            "there is no flag -output; did you mean --output?",
        ),
        (
            &["127.0.0.1:8081", "ls"],
            "unknown command '127.0.0.1:8081': for a server, use --server 127.0.0.1:8081",
        ),
        (&["reget", "x"], "no command 'reget': get resumes by itself"),
    ] {
        let ended = run(Home::new().netsocket(words)).await;
        assert_eq!(ended.code, Some(2), "{words:?}");
        assert_eq!(ended.err, format!("netsocket: {said}\n"), "{words:?}");
    }
    let ended = run(Home::new().netsocket(&["--server"])).await;
    assert_eq!(ended.code, Some(2));
    for line in ended.err.lines() {
        assert!(line.starts_with("netsocket: "), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_ends_quietly() {
    let server = Fake::good().await;
    for (words, code) in [
        (&["dirlist", "-a"][..], 0),
        (&["-o", "-", "w24ft", "pdf"], 4),
    ] {
        let home = Home::new();
        let mut command = home.against(server.address, words);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(Stdio::from(writer));
        let ended = run(command).await;
        assert_eq!(
            (ended.code, ended.err.as_str()),
            (Some(code), ""),
            "{words:?}"
        );
    }
}

#[tokio::test]
async fn a_signal_in_a_transfer_leaves_what_the_same_command_goes_on_with() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let stuck = Fake::start(|_, peer| stop_in_the_middle(peer)).await;
        let home = Home::new();
        let child = home
            .against(stuck.address, &["w24ft", "pdf"])
            .spawn()
            .unwrap();
        let come = || kept(&home.target()).is_some_and(|kept| kept.bytes == 27);
        eventually("two blocks", come).await;
        kill_process(pid_of(&child), signal).unwrap();
        let ended = end(child).await;
        if signal != Signal::KILL {
            assert_eq!(ended.code, Some(130), "{signal:?}: {ended:?}");
            let kept = format!("kept 27 B of {}; ", home.target().display());
            let said = format!("netsocket: interrupted\nnetsocket: {kept}");
            assert!(ended.err.starts_with(&said), "{}", ended.err);
        }
        let server = Fake::good().await;
        let ended = run(home.against(server.address, &["w24ft", "pdf"])).await;
        assert_eq!(ended.code, Some(0), "{signal:?}: {ended:?}");
        let on = format!("netsocket: resuming {}: ", home.target().display());
        assert!(ended.err.starts_with(&on), "{}", ended.err);
        assert_eq!(std::fs::read(home.target()).unwrap(), archive_bytes());
        assert_eq!(files_in(home.target().parent().unwrap()), ["temp.tar.gz"]);
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_one_line_and_leaves_nothing() {
    let server = Fake::good().await;
    let home = Home::new();
    let target = home.path().join("x\ny");
    // No file may grow: what a full disk is to a program.
    let mut full = std::process::Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_netsocket"))
        .args([
            "--server",
            &server.address.to_string(),
            "w24ft",
            "pdf",
            "-o",
        ])
        .arg(&target)
        .env("HOME", home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = run(full).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let said = format!("{}/x\\ny: file too large\n", home.path().display());
    assert_eq!(ended.err, format!("netsocket: cannot write {said}"));
    assert!(files_in(&home.path()).is_empty());

    let ended = run(home.against(server.address, &["w24ft", "pdf", "-o", "/proc/x"])).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert_eq!(
        ended.err,
        "netsocket: cannot write /proc/x: no such file or directory\n"
    );
}

#[tokio::test]
async fn standard_output_gets_each_byte_once_however_many_servers_it_takes() {
    let server = Fake::start(|number, mut peer| async move {
        peer.greet().await;
        let request = peer.request().await.unwrap();
        if number > 0 {
            return peer.answer(&request).await;
        }
        peer.send(&plan()).await;
        peer.block(0, BLOCKS[0]).await;
        peer.raw(&block_frame(1, BLOCKS[1])[..20]).await;
    })
    .await;
    let home = Home::new();
    let ended = run(home.against(server.address, &["-o", "-", "w24ft", "pdf"])).await;
    assert_eq!(
        (ended.code, &ended.out),
        (Some(0), &archive_bytes()),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("; resumed at block 2 of 3\n"),
        "{}",
        ended.err
    );
    assert!(files_in(&home.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_full_pipe_does_not_keep_a_signal_waiting() {
    // More than any pipe holds, to a reader that stops reading.
    static BLOCK: [u8; 1 << 20] = [7; 1 << 20];
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        peer.request().await;
        peer.send(&plan()).await;
        for index in 0..3 {
            peer.block(index, &BLOCK).await;
        }
        peer.until_gone().await;
    })
    .await;
    let mut child = Home::new()
        .against(server.address, &["-o", "-", "w24ft", "pdf"])
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 1];
    stdout.read_exact(&mut first).unwrap();
    kill_process(pid_of(&child), Signal::INT).unwrap();
    assert_eq!(end(child).await.code, Some(130));
    drop(stdout);
}

#[tokio::test]
async fn settings_come_from_flags_environment_and_file() {
    let home = Home::new();
    let ended = run(home.netsocket(&["--check-config"])).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.out, b"OK: server 127.0.0.1:8081\n");

    let file = home.path().join(".config/netsocket/client.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "server = 'file:1'\n").unwrap();
    let ended = run(home.netsocket(&["--check-config"])).await;
    assert_eq!(ended.out, b"OK: server file:1\n");
    let mut command = home.netsocket(&["--check-config"]);
    command.env("NETSOCKET_SERVER", "env:2");
    assert_eq!(run(command).await.out, b"OK: server env:2\n");

    std::fs::write(&file, "sever = 'file:1'\n").unwrap();
    let ended = run(home.netsocket(&["dirlist", "-a"])).await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .err
            .contains("client.toml:1:1: sever: unknown key; did you mean server?"),
        "{}",
        ended.err
    );
    assert_eq!(ended.err.lines().count(), 1);
    std::fs::write(&file, "log_format = 'xml'\nstall_timeout = '0'\n").unwrap();
    let ended = run(home.netsocket(&["--check-config"])).await;
    let lines: Vec<&str> = ended.err.lines().collect();
    assert_eq!((ended.code, lines.len()), (Some(2), 2), "{}", ended.err);
    for line in lines {
        assert!(line.starts_with("netsocket: "), "{line}");
    }
    let ended = run(home.netsocket(&["--config", "/nonexistent", "status"])).await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .err
            .starts_with("netsocket: /nonexistent: cannot be read")
    );
}

#[tokio::test]
async fn help_and_version_are_there() {
    let ended = run(Home::new().netsocket(&["--help"])).await;
    let help = String::from_utf8(ended.out).unwrap();
    assert_eq!(ended.code, Some(0));
    for part in [
        "  w24fdb DATE  ",
        "  stat PATH...  ",
        "--server",
        "Exit codes: 0 found",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
    let ended = run(Home::new().netsocket(&["--version"])).await;
    assert_eq!(
        ended.out,
        format!("netsocket {}\n", env!("CARGO_PKG_VERSION")).as_bytes()
    );
}

#[tokio::test]
async fn an_ignored_signal_stays_ignored() {
    // As `nohup` and shells do for what they start in the background.
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        peer.request().await;
        peer.send(&plan()).await;
        peer.block(0, BLOCKS[0]).await;
        peer.until_gone().await;
    })
    .await;
    let home = Home::new();
    let mut command = std::process::Command::new("env");
    command
        .args(["--default-signal=INT", "--ignore-signal=HUP"])
        .arg(env!("CARGO_BIN_EXE_netsocket"))
        .args(["--server", &server.address.to_string(), "w24ft", "pdf"])
        .env_clear()
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let directory = home.path().join("w24project");
    eventually("a temporary file", || !files_in(&directory).is_empty()).await;
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", pid_of(&child).as_raw_nonzero()))
            .unwrap();
    let mask = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
    };
    assert_eq!((mask("SigIgn:") & 1, mask("SigCgt:") & 1), (1, 0), "SIGHUP");
    assert_eq!(mask("SigCgt:") & 0b10, 0b10, "SIGINT");
    kill_process(pid_of(&child), Signal::INT).unwrap();
    assert_eq!(end(child).await.code, Some(130));
}

#[tokio::test]
async fn a_pipe_gets_names_one_a_line_without_colours() {
    let server = Fake::good().await;
    let home = Home::new();
    let mut command = home.against(server.address, &["ls"]);
    command.env("LS_COLORS", "di=01;35");
    let ended = run(command).await;
    assert_eq!(
        ended.out,
        b"evil\x1b[2J\nmusic/\nnotes.txt\nwith space.txt\n"
    );
    assert_eq!(ended.err, "");
    // The flags of the program may stand behind today's commands.
    let ended = run(Home::new().against(server.address, &["find", "nothing", "-q"])).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""));
    let ended = run(Home::new().against(server.address, &["find", "nothing"])).await;
    assert_eq!(ended.err, "netsocket: no file named nothing\n");
}

#[tokio::test]
async fn files_are_printed_one_after_the_other() {
    let server = Fake::good().await;
    let words = ["cat", "with space.txt", "notes.txt"];
    let ended = run(Home::new().against(server.address, &words)).await;
    let both = [contents_of("with space.txt"), contents_of("notes.txt")].concat();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out == both);
    assert_eq!(ended.err, "");
}

/// As at the prompt of sftp.
#[tokio::test]
async fn the_local_directory_is_listed_and_gets_directories() {
    let server = Fake::good().await;
    let home = Home::new();
    for (words, code, out, err) in [
        (&["lmkdir", "new"][..], 0, "", ""),
        (&["lls"], 0, "new\n", ""),
        (&["lls", "-ld", "--", "new"], 0, "drwx", ""),
        (&["lls", "--help"], 0, "Usage: lls", ""),
        (&["lls", "none"], 4, "", "none"),
        (&["lmkdir", "new"], 4, "", "new: file exists"),
        (
            &["put", "a"],
            2,
            "",
            "no command 'put': this service is read-only",
        ),
    ] {
        let mut command = home.against(server.address, words);
        command.current_dir(home.path());
        let ended = run(command).await;
        assert_eq!(ended.code, Some(code), "{words:?}: {}", ended.err);
        let shown = String::from_utf8(ended.out).unwrap();
        assert!(shown.starts_with(out), "{words:?}: {shown}");
        assert_eq!(shown.is_empty(), out.is_empty(), "{words:?}: {shown}");
        let said = ended.err.to_lowercase();
        assert!(
            said.contains(&err.to_lowercase()),
            "{words:?}: {}",
            ended.err
        );
    }
}

#[tokio::test]
async fn standard_output_gets_a_file_and_nothing_else() {
    let server = Fake::good().await;
    for words in [
        &["get", "music/song.mp3", "-o", "-"][..],
        &["-o", "-", "get", "music/song.mp3", "--json"],
    ] {
        let home = Home::new();
        let ended = run(home.against(server.address, words)).await;
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.err);
        assert!(ended.out == contents_of("music/song.mp3"), "{words:?}");
        assert!(
            ended.err.contains("saved -: 2.9 MiB") || ended.err.contains("\"saved\":\"-\""),
            "{words:?}: {}",
            ended.err
        );
    }
}
