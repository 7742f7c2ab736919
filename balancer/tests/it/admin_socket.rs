//! The admin HTTP on a unix socket.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use rustix::process::{Signal, getuid};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::spawn_blocking;

use crate::peers::Echo;
use crate::process::{Program, program, send};
use crate::restart::Family;
use crate::running::{eventually, soon};

const RESTARTS: usize = 5;

fn at(path: &Path) -> String {
    format!("unix:{}", path.display())
}

fn command(path: &Path) -> Command {
    let mut command = program();
    command.args(["--admin", &at(path)]);
    command
}

/// Runs the program with these words to its end.
async fn run(path: &Path, words: &str) -> Output {
    let mut command = command(path);
    command.args(words.split(' '));
    let run = spawn_blocking(move || command.output().unwrap());
    soon(run).await.unwrap()
}

/// What is printed where all went well.
async fn done(path: &Path, words: &str) -> String {
    let output = run(path, words).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), error.as_str()),
        (Some(0), ""),
        "{words}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn listens(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

#[tokio::test]
async fn whoever_may_open_it_may_read_and_change_and_it_goes_with_its_process() {
    let (echo, dir) = (Echo::start("echo").await, TempDir::new().unwrap());
    let path = dir.path().join("admin.sock");
    let token = dir.path().join("token");
    fs::write(&token, "s3cret\n").unwrap();
    let mut command = command(&path);
    // For others; here nobody needs it.
    command.env("NETSOCKET_ADMIN_TOKEN_FILE", &token);
    let mut program = Program::start_whole(command, echo.address);
    assert_eq!(program.admin.path(), Some(path.as_path()));
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
    program.ready().await;
    assert!(program.get("/").await.contains("<!doctype html>"));
    let me = format!("uid {}", getuid().as_raw());
    let whoami = program.get("/api/v1/whoami").await;
    assert!(
        whoami.contains(&format!("{{\"peer\":\"{me}\",\"changes\":true")),
        "{whoami}"
    );

    let drained = program.ask("POST", "/api/v1/backends/echo/drain").await;
    assert!(drained.starts_with("HTTP/1.1 200"), "{drained}");
    assert!(
        drained.contains(&format!("set to drain by {me}")),
        "{drained}"
    );
    program
        .said(&["WARN", "no backend takes sessions", "1 draining"])
        .await;
    program.said(&["INFO", "change", &me]).await;
    assert_eq!(
        done(&path, "ctl ready echo").await,
        format!("echo: up, weight 1; set to ready by {me}\n")
    );
    program
        .said(&["INFO", "backends take sessions again"])
        .await;
    let weight = done(&path, "ctl weight echo 3").await;
    assert_eq!(weight, "echo: up, weight 3\n");
    program
        .said(&["INFO", "change", "value", "weight", "3"])
        .await;
    assert!(done(&path, "ctl backends").await.contains("\necho "));
    assert!(
        done(&path, "ctl top --count 1")
            .await
            .contains("The backend is up")
    );
    assert_eq!(done(&path, "health").await, "ok\n");
    assert_eq!(done(&path, "health --ready").await, "ready\n");
    let config = dir.path().join("balancer.toml");
    fs::write(&config, format!("admin = '{}'\n", at(&path))).unwrap();
    let mut command = crate::process::program();
    command.arg("--config").arg(&config).args(["ctl", "status"]);
    let output = spawn_blocking(move || command.output().unwrap());
    assert_eq!(soon(output).await.unwrap().status.code(), Some(0));

    program.signal();
    assert_eq!(program.exit_code().await, Some(0));
    assert!(!path.exists());
    let output = run(&path, "ctl status").await;
    let error = String::from_utf8(output.stderr).unwrap();
    let expected = format!("netsocket-balancer: cannot connect to {}: ", at(&path));
    assert_eq!(output.status.code(), Some(3));
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!(run(&path, "health").await.status.code(), Some(3));
}

#[tokio::test]
async fn the_socket_file_of_a_killed_process_is_replaced_that_of_a_running_one_is_not() {
    let (echo, dir) = (Echo::start("echo").await, TempDir::new().unwrap());
    let path = dir.path().join("admin.sock");
    let mut first = Program::start_whole(command(&path), echo.address);
    let words = "--listen 127.0.0.1:0 --backend a=127.0.0.1:9";
    let output = run(&path, words).await;
    let error = String::from_utf8(output.stderr).unwrap();
    let expected = format!(
        "netsocket-balancer: admin {}: address already in use\n",
        at(&path)
    );
    assert_eq!((output.status.code(), error), (Some(2), expected));
    assert!(first.get("/healthz").await.ends_with("ok\n"));

    first.send(Signal::KILL);
    first.exit_code().await;
    assert!(path.exists() && !listens(&path));
    let second = Program::start_whole(command(&path), echo.address);
    assert!(second.get("/healthz").await.ends_with("ok\n"));

    let file = dir.path().join("file");
    fs::write(&file, "precious").unwrap();
    let output = run(&file, words).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.ends_with("a file that is not a socket is in the way\n"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

/// Asks for ever on connections of their own. Neither refused nor cut: each has its answer.
async fn ask(path: &Path, over: &AtomicBool, answered: &AtomicU64) {
    while !over.load(SeqCst) {
        let mut stream = soon(tokio::net::UnixStream::connect(path)).await.unwrap();
        let request = "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        answered.fetch_add(1, SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_hand_it_on_without_a_gap() {
    let echo = Echo::start("echo").await;
    let family = Family::start_whole(|dir| command(&dir.path().join("s")), echo.address);
    family.first.ready().await;
    let path = family.dir.path().join("s");
    let inode = || fs::metadata(&path).unwrap().ino();
    let before = inode();
    let (over, answered) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let asking = tokio::spawn({
        let (path, over, answered) = (path.clone(), Arc::clone(&over), Arc::clone(&answered));
        async move { ask(&path, &over, &answered).await }
    });
    for _ in 0..RESTARTS {
        let count = answered.load(SeqCst);
        family.restart().await;
        eventually("answers", || answered.load(SeqCst) >= count + 20).await;
    }
    over.store(true, SeqCst);
    asking.await.unwrap();
    assert_eq!(inode(), before, "it is the same socket");
    // The old ones are gone, and none of them has taken it along.
    let stopped = || family.first.lines_with(&["INFO", "stopped sessions="]);
    eventually("the old ones are gone", || stopped() >= RESTARTS).await;
    assert!(family.first.get("/healthz").await.ends_with("ok\n"));
    send(family.serving().unwrap(), Signal::TERM);
    eventually("it is gone with the last one", || !path.exists()).await;
}

#[tokio::test]
async fn a_reload_leaves_it_and_a_restart_moves_it() {
    let echo = Echo::start("echo").await;
    let set = |dir: &Path, name: &str| {
        let text = format!("admin = '{}'\n", at(&dir.join(name)));
        fs::write(dir.join("balancer.toml"), text).unwrap();
    };
    let mut family = Family::start_whole(
        |dir| {
            set(dir.path(), "old");
            let mut command = program();
            command
                .arg("--config")
                .arg(dir.path().join("balancer.toml"));
            command
        },
        echo.address,
    );
    family.first.ready().await;
    let dir = family.dir.path().to_owned();
    let (old, new) = (dir.join("old"), dir.join("new"));
    set(&dir, "new");
    let reloaded = family.first.ask("POST", "/api/v1/reload").await;
    assert!(
        reloaded.contains("\"needs_restart\":[\"admin\"]"),
        "{reloaded}"
    );
    assert!(listens(&old) && !new.exists());
    family.restart().await;
    assert!(listens(&new));
    assert_eq!(family.first.exit_code().await, Some(0));
    assert!(!old.exists(), "it went with the old process");
    assert!(listens(&new));
}
