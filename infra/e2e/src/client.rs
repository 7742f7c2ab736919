//! The real `netsocket`, each run in a home of its own.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::PATIENCE;
use crate::lan::Machine;
use crate::process::{Ran, clean_command};
use crate::program::Program;
use crate::scratch::Scratch;

/// A person's machine: a home directory, and a server to ask.
#[derive(Debug)]
pub struct Client {
    server: SocketAddr,
    home: Scratch,
}

impl Client {
    /// A person whose client asks `server`.
    #[must_use]
    pub fn of(server: SocketAddr) -> Self {
        Self {
            server,
            home: Scratch::new("home"),
        }
    }

    /// Its home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where archives go that name no other place.
    #[must_use]
    pub fn default_archive(&self) -> PathBuf {
        self.home().join("w24project/temp.tar.gz")
    }

    /// The client with its server, before any word of a command.
    #[must_use]
    pub fn command(&self) -> Command {
        // It would ignore what this process was started to ignore, as in the background of a script.
        let mut command = clean_command("env");
        command
            .arg("--default-signal=HUP,INT")
            .arg(Program::Client.path())
            .env("HOME", self.home())
            .args(["--server", &self.server.to_string()]);
        command
    }

    /// Runs one command to its end.
    #[must_use]
    pub fn run<W: AsRef<OsStr>>(&self, words: &[W]) -> Ran {
        self.run_within(words, PATIENCE)
    }

    /// Runs one command that may take `limit`.
    #[must_use]
    pub fn run_within<W: AsRef<OsStr>>(&self, words: &[W], limit: Duration) -> Ran {
        let mut command = self.command();
        command.args(words);
        Ran::of(command, limit)
    }

    /// Runs one command on another machine.
    #[must_use]
    pub fn run_on<W: AsRef<OsStr>>(&self, machine: &Machine, words: &[W]) -> Ran {
        let mut command = machine.command(Program::Client.path());
        command
            .env("HOME", self.home())
            .args(["--server", &self.server.to_string()])
            .args(words);
        Ran::of(command, PATIENCE)
    }

    /// Runs one command with `--json` and reads the one line that it prints.
    ///
    /// # Panics
    /// Where it prints anything but one JSON object.
    #[must_use]
    pub fn json<W: AsRef<OsStr>>(&self, words: &[W]) -> (Option<i32>, Value) {
        let mut command = self.command();
        command.arg("--json").args(words);
        let ran = Ran::of(command, PATIENCE);
        let text = String::from_utf8(ran.stdout).expect("JSON is UTF-8");
        assert_eq!(text.lines().count(), 1, "one line: {text}{}", ran.stderr);
        (ran.code, serde_json::from_str(&text).expect("JSON"))
    }

    /// Files of unfinished transfers: whatever lies beside the default archive.
    #[must_use]
    pub fn left_over(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.home().join("w24project")) else {
            return Vec::new();
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths
            .filter(|path| *path != self.default_archive())
            .collect()
    }
}
