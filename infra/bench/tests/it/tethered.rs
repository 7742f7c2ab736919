//! Nothing outlives what started it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bench::process::said_by;

use crate::{PATIENCE, eventually, host, runs};

const SHELL: &str = "/bin/sh";

#[tokio::test]
async fn a_dropped_process_ends_with_all_of_its_group() {
    let host = host();
    let script = "tail -f /dev/null & echo $!; wait";
    let process = host
        .launcher
        .start("parent", Path::new(SHELL), ["-c", script])
        .unwrap();
    let child: u32 = eventually("the id of the child", || {
        process.output().trim().parse().ok()
    })
    .await;
    let parent = process.id();
    assert!(runs(parent) && runs(child));
    drop(process);
    assert!(!runs(parent));
    eventually("the end of the child", || (!runs(child)).then_some(())).await;
}

#[tokio::test]
async fn a_process_ends_when_its_parent_is_killed() {
    let bench = env!("CARGO_BIN_EXE_bench");
    // The shell is the parent; `exec` keeps the id.
    let script = r#""$0" tether $$ tail -f /dev/null >/dev/null & echo $!; wait"#;
    let mut parent = Command::new(SHELL)
        .args(["-c", script, bench])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let child: u32 = line.trim().parse().unwrap();
    let program = || std::fs::read_to_string(format!("/proc/{child}/comm")).ok();
    eventually("the other program", || {
        program().filter(|name| name.trim() == "tail")
    })
    .await;
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the end of the child", || (!runs(child)).then_some(())).await;
}

#[tokio::test]
async fn a_process_whose_parent_is_gone_does_not_begin() {
    // This test is not process 1.
    let said = said_by(
        Path::new(env!("CARGO_BIN_EXE_bench")),
        ["tether", "1", "/bin/echo", "begun"],
    )
    .unwrap();
    assert!(
        !said.success && said.text.contains("process 1 is gone"),
        "{said:?}"
    );
}

#[tokio::test]
async fn the_end_of_a_process_is_seen_with_its_code_and_last_words() {
    let host = host();
    let start = |script: &str| {
        host.launcher
            .start("short", Path::new(SHELL), ["-c", script])
    };
    let mut process = start("echo said; echo complained >&2; exit 3").unwrap();
    assert_eq!(process.end(PATIENCE).await.unwrap().code(), Some(3));
    assert_eq!(process.output(), "said\n");
    let why = process.check_alive().unwrap_err().to_string();
    assert!(
        why.contains("exit status: 3") && why.contains("complained"),
        "{why}"
    );

    let mut endless = start("tail -f /dev/null").unwrap();
    endless.check_alive().unwrap();
    let late = endless.end(Duration::from_millis(20)).await.unwrap_err();
    assert!(late.to_string().contains("did not end"), "{late}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let host = host();
    let mut process = host
        .launcher
        .start("nothing", Path::new("/no/such/program"), [""; 0])
        .unwrap();
    assert_eq!(process.end(PATIENCE).await.unwrap().code(), Some(1));
    assert!(process.last_words().contains("/no/such/program"));
}
