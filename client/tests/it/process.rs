//! The real program as a child, in a home directory of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.path().join("w24project/temp.tar.gz")
    }

    /// The program with these words, and nothing of this process's environment.
    pub(crate) fn netsocket(&self, words: &[&str]) -> Command {
        // It would ignore what this process was started to ignore, as in the background of a script.
        let mut command = Command::new("env");
        command
            .arg("--default-signal=HUP,INT")
            .arg(env!("CARGO_BIN_EXE_netsocket"))
            .args(words)
            .env_clear()
            .env("HOME", self.path())
            .env("TERM", "xterm")
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn against(&self, server: SocketAddr, words: &[&str]) -> Command {
        let mut command = self.netsocket(&[]);
        command.arg("--server").arg(server.to_string()).args(words);
        command
    }
}

/// What is left of a program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: output.stdout,
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs to the end, or fails after a while.
pub(crate) async fn run(mut command: Command) -> Ended {
    end(command.spawn().unwrap()).await
}

/// Waits for the end, or kills the child after a while and fails.
pub(crate) async fn end(child: Child) -> Ended {
    let pid = pid_of(&child);
    let waiting = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(output) => output.unwrap().into(),
        Err(_) => {
            let _ = kill_process(pid, Signal::KILL);
            panic!("the program does not end");
        }
    }
}

pub(crate) fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Waits until the condition holds, or fails after a while.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    assert!(comes_true(condition).await, "never: {what}");
}

/// Whether the condition holds before patience is at its end.
pub(crate) async fn comes_true(condition: impl Fn() -> bool) -> bool {
    let polling = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.is_ok()
}
