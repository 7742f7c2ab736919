//! A server process of the demo: started with its log in a file, found by the address that it logs, ended for certain.
#![allow(
    unsafe_code,
    reason = "the parent-death signal must be set between fork and exec"
)]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::{Failure, Outcome};
use crate::signals::StopSignals;

/// How often a condition is looked at while it is waited for.
const POLL: Duration = Duration::from_millis(10);
/// How long a server may take to log its address.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long a server may take to end after SIGTERM before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How long it is waited without a word.
const SILENT_LIMIT: Duration = Duration::from_millis(500);

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    name: String,
    child: Child,
    log: PathBuf,
    address: Receiver<SocketAddr>,
    /// Whether its end has been told.
    is_over: bool,
}

impl Server {
    /// Starts a program with its standard error in `<folder>/<name>.log`, and with one more variable in its environment.
    ///
    /// It runs in a process group of its own, so that Ctrl-C in the prompt is not for it, and it gets SIGTERM when this
    /// process dies, however it dies.
    pub(crate) fn start(
        name: &str,
        program: &Path,
        arguments: &[&str],
        variable: Option<(&str, &str)>,
        folder: &Path,
    ) -> Outcome<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).map_err(Failure::at(&log))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(variable)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        // SAFETY: the closure only makes two system calls and allocates nothing, so it is sound after a fork.
        unsafe {
            command.pre_exec(|| {
                rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
                Ok(())
            });
        }
        let mut child = command.spawn().map_err(Failure::at(program))?;
        let (sender, address) = channel();
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || {
                copy_log(stderr, file, |found| {
                    // Nobody may be waiting any more; the log goes on.
                    let _ = sender.send(found);
                });
            });
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
            address,
            is_over: false,
        })
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its name and how it ended, once.
    pub(crate) fn end(&mut self) -> Option<(&str, ExitStatus)> {
        if self.is_over {
            return None;
        }
        let status = self.child.try_wait().ok().flatten()?;
        self.is_over = true;
        Some((&self.name, status))
    }

    /// Waits for the address that the server logs once it listens.
    pub(crate) fn wait_for_address(&mut self, stop: &StopSignals) -> Outcome<SocketAddr> {
        let mut waited = Duration::ZERO;
        while waited < START_LIMIT {
            if let Ok(address) = self.address.try_recv() {
                return Ok(address);
            }
            self.check_alive()?;
            if stop.wait(POLL).is_some() {
                return Err(Failure::new("interrupted"));
            }
            waited += POLL;
        }
        Err(Failure::new(format!(
            "{} did not say where it listens; its log: {}",
            self.name,
            self.tail()
        )))
    }

    /// That the server still runs; if not, what it said last.
    pub(crate) fn check_alive(&mut self) -> Outcome {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Failure::new(format!(
                "{} ended ({status}): {}",
                self.name,
                self.tail()
            ))),
            Err(error) => Err(Failure::new(format!("{}: {error}", self.name))),
        }
    }

    /// Asks the server to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until the server has ended; kills it when it takes too long.
    pub(crate) fn wait_for_end(&mut self, stop: &StopSignals) {
        let mut waited = Duration::ZERO;
        while waited < STOP_LIMIT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            // A second Ctrl-C means: now.
            if stop.wait(POLL).is_some() {
                break;
            }
            waited += POLL;
            if waited == SILENT_LIMIT {
                eprintln!(
                    "{} waits for clients that are still connected, {} s at most; Ctrl-C: now",
                    self.name,
                    STOP_LIMIT.as_secs()
                );
            }
        }
        eprintln!("{} has not ended and is killed", self.name);
        self.kill();
    }

    fn kill(&mut self) {
        // Both fail only where the process is gone, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It fails only where the process is gone.
            let _ = kill_process(pid, signal);
        }
    }

    fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().last().unwrap_or("nothing").to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

/// Copies the log to its file, line by line, and hands out the first address that a `listening` line names.
fn copy_log(stderr: ChildStderr, mut file: File, mut found: impl FnMut(SocketAddr)) {
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { return };
        // The log of a demo is a help, not a promise: a full disk must not stop the server behind it.
        let _ = writeln!(file, "{line}");
        if let Some(address) = listening_address(&line) {
            found(address);
        }
    }
}

/// The address in a log line such as `… INFO … listening address=127.0.0.1:9000`.
fn listening_address(line: &str) -> Option<SocketAddr> {
    let (_, fields) = line.split_once("listening")?;
    let (_, value) = fields.split_once("address=")?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_its_line_only() {
        let line = "2026-11-22T11:00:00Z  INFO netsocket_fileserver: listening address=127.0.0.1:41000 root=\"/x\"";
        assert_eq!(
            listening_address(line),
            Some(([127, 0, 0, 1], 41000).into())
        );
        assert_eq!(
            listening_address("INFO session address=127.0.0.1:41000"),
            None
        );
        assert_eq!(listening_address("listening address=nowhere"), None);
    }
}
