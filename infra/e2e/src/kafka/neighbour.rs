//! Another program on the topic: Kafka's own producer in Java, with transactions and headers as ours never send them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use super::node::java;
use super::{Kafka, TOPIC};
use crate::reaper;
use crate::scratch::Scratch;

const SOURCE: &str = include_str!("../../kafka/Neighbour.java");

/// A running one. It is killed when the value goes, which leaves its transactions open.
#[derive(Debug)]
pub struct Neighbour {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    _dir: Scratch,
}

impl Neighbour {
    /// Starts one whose transactions may stay open for ten minutes.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(kafka: &Kafka) -> Self {
        Self::with_timeout(kafka, Duration::from_secs(600))
    }

    /// Starts one whose transactions Kafka aborts after a while.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn with_timeout(kafka: &Kafka, timeout: Duration) -> Self {
        let dir = Scratch::new("neighbour");
        let source = dir.write("Neighbour.java", SOURCE);
        let mut command = java(&kafka.jars);
        command
            .arg(source)
            .args([
                kafka.brokers().as_str(),
                TOPIC,
                &timeout.as_millis().to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("java starts");
        reaper::watch(child.id());
        let commands = child.stdin.take().expect("its input");
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        Self {
            child,
            commands,
            answers,
            _dir: dir,
        }
    }

    /// Begins a transaction under a name.
    ///
    /// # Errors
    /// What Kafka said; so for the others.
    pub fn begin(&mut self, name: &str) -> Result<(), String> {
        self.obey(&format!("begin {name}"))
    }

    /// Sends a record within the open transaction of a name, or without one under the name `-`.
    ///
    /// # Errors
    /// What Kafka said.
    pub fn send(&mut self, name: &str, partition: usize, value: &str) -> Result<(), String> {
        self.obey(&format!("send {name} {partition} {value}"))
    }

    /// Sends a record with a header that has no value.
    ///
    /// # Errors
    /// What Kafka said.
    pub fn send_null_header(&mut self, partition: usize, value: &str) -> Result<(), String> {
        self.obey(&format!("null-header - {partition} {value}"))
    }

    /// Commits.
    ///
    /// # Errors
    /// What Kafka said.
    pub fn commit(&mut self, name: &str) -> Result<(), String> {
        self.obey(&format!("commit {name}"))
    }

    /// Aborts.
    ///
    /// # Errors
    /// What Kafka said.
    pub fn abort(&mut self, name: &str) -> Result<(), String> {
        self.obey(&format!("abort {name}"))
    }

    fn obey(&mut self, command: &str) -> Result<(), String> {
        writeln!(self.commands, "{command}").map_err(|error| error.to_string())?;
        let mut failed = Ok(());
        loop {
            let mut answer = String::new();
            let read = self.answers.read_line(&mut answer);
            match answer.trim() {
                "done" => return failed,
                "" if read.is_ok_and(|read| read == 0) => return Err("it has ended".to_owned()),
                // The record was not taken, although the command went through.
                later if later.starts_with("failed later") => failed = Err(later.to_owned()),
                other => return Err(other.to_owned()),
            }
        }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
