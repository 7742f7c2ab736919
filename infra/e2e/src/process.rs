//! One process: started with its own directory and log, ended with its value.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::scratch::Scratch;
use crate::{PATIENCE, access_log, eventually, reaper};

/// Lines of the log that a failed test shows.
const TAIL: usize = 60;

/// What a panic leaves in a log.
const PANIC: &str = "panicked at";

/// A running process. It is killed when the value goes; a panic in its log fails the test.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    _dir: Scratch,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with standard output and standard error in one log file. `dir` is what the process may keep
    /// for itself, and is removed with it.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(name: &str, command: Command, dir: Scratch) -> Self {
        Self::launch(name, command, dir, Stdio::null(), None)
    }

    /// Starts `command` with standard error elsewhere and standard output nowhere: its log is the test's own matter.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start_with_log(name: &str, mut command: Command, dir: Scratch, log: Stdio) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        Self::spawn(name, command, dir)
    }

    /// The same with standard output elsewhere.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start_with_output(name: &str, command: Command, output: Stdio) -> Self {
        Self::launch(
            name,
            command,
            Scratch::new(name),
            Stdio::null(),
            Some(output),
        )
    }

    /// The same with standard input from elsewhere, and all output in the log.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start_with_input(name: &str, command: Command, input: Stdio) -> Self {
        Self::launch(name, command, Scratch::new(name), input, None)
    }

    /// The same with both elsewhere, as on a terminal.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start_on(name: &str, command: Command, input: Stdio, output: Stdio) -> Self {
        Self::launch(name, command, Scratch::new(name), input, Some(output))
    }

    fn launch(
        name: &str,
        mut command: Command,
        dir: Scratch,
        input: Stdio,
        output: Option<Stdio>,
    ) -> Self {
        let file = File::create(log_file(&dir)).expect("a log file");
        let copy = file.try_clone().expect("a second handle of the log");
        command
            .stdin(input)
            .stdout(output.unwrap_or_else(|| copy.into()))
            .stderr(file);
        Self::spawn(name, command, dir)
    }

    fn spawn(name: &str, mut command: Command, dir: Scratch) -> Self {
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        reaper::watch(child.id());
        Self {
            name: name.to_owned(),
            child,
            log: log_file(&dir),
            _dir: dir,
            ended: None,
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How many descriptors it has open.
    ///
    /// # Panics
    /// Where it has ended.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.id()));
        entries.expect("the descriptors of a process").count()
    }

    /// The most memory that it has had resident, in bytes.
    ///
    /// # Panics
    /// Where it has ended.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("the state of a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kibibytes.expect("a number of kibibytes") << 10
    }

    /// All that it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until its log holds `text`.
    ///
    /// # Panics
    /// Where it does not within [`PATIENCE`], or the process ends before.
    pub fn logs(&mut self, text: &str) {
        let what = format!("{:?} in the log of {}", text, self.name);
        eventually(PATIENCE, &what, || {
            let ended = self.has_ended();
            let found = self.log().contains(text);
            assert!(
                found || !ended,
                "{} ended before it said {text:?}",
                self.name
            );
            found.then_some(())
        });
    }

    /// The address in `field` of the log line that says `listening`.
    ///
    /// # Panics
    /// Where no such line comes.
    pub fn listening(&mut self, field: &str) -> SocketAddr {
        let what = format!("the listening address of {}", self.name);
        eventually(PATIENCE, &what, || {
            let ended = self.has_ended();
            let address = access_log::events(&self.log(), "listening")
                .iter()
                .find_map(|event| event[field].as_str()?.parse().ok());
            assert!(
                address.is_some() || !ended,
                "{} ended before it listened",
                self.name
            );
            address
        })
    }

    /// Sends a signal to this process and to no other.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("a signal to our own child");
    }

    /// Kills it at once, as `kill -9` does, and waits for its end.
    pub fn kill(&mut self) {
        if self.ended.is_none() {
            // An error says that it has ended by itself.
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
            reaper::forget(self.child.id());
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("the state of our own child");
            if self.ended.is_some() {
                reaper::forget(self.child.id());
            }
        }
        self.ended.is_some()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it goes on longer than `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        eventually(limit, &what, || {
            self.has_ended().then_some(self.ended).flatten()
        })
    }

    /// Asks it to end, as a service manager does, and gives back its exit code.
    ///
    /// # Panics
    /// Where it goes on longer than [`PATIENCE`].
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.wait(PATIENCE).code()
    }
}

fn log_file(dir: &Scratch) -> PathBuf {
    dir.path().join("log")
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let log = self.log();
        if thread::panicking() {
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL)..];
            eprintln!(
                "--- log of {} (its end)\n{}\n---",
                self.name,
                tail.join("\n")
            );
        } else {
            assert!(!log.contains(PANIC), "{} panicked:\n{log}", self.name);
        }
    }
}

/// What a program that ends by itself has written, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output, byte for byte.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// Where it does not start, takes longer than `limit`, or panics.
    #[must_use]
    pub fn of(command: Command, limit: Duration) -> Self {
        Self::with_input(command, b"", limit)
    }

    /// The same with `input` on standard input.
    ///
    /// # Panics
    /// As [`Ran::of`].
    #[must_use]
    pub fn with_input(mut command: Command, input: &[u8], limit: Duration) -> Self {
        let dir = Scratch::new("run");
        // Files instead of pipes: nothing has to be read while the program runs.
        let file = |name: &str| File::create(dir.path().join(name)).expect("a file for output");
        command
            .stdin(File::open(dir.write("in", input)).expect("a file for input"))
            .stdout(file("out"))
            .stderr(file("err"));
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let id = child.id();
        reaper::watch(id);
        let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(limit, &format!("the end of {command:?}"), || {
                child.try_wait().expect("the state of our own child")
            })
        }));
        let read = |name: &str| fs::read(dir.path().join(name)).expect("its output");
        let stderr = String::from_utf8_lossy(&read("err")).into_owned();
        let status = status.unwrap_or_else(|timeout| {
            let _ = child.kill();
            let _ = child.wait();
            reaper::forget(id);
            eprintln!("--- standard error of {command:?}\n{stderr}\n---");
            std::panic::resume_unwind(timeout)
        });
        reaper::forget(id);
        assert!(!stderr.contains(PANIC), "{command:?} panicked:\n{stderr}");
        Self {
            code: status.code(),
            stdout: read("out"),
            stderr,
        }
    }
}

/// A command with nothing of this run's environment but what every program needs, so that settings of the person who
/// runs the tests do not reach the programs under test.
#[must_use]
pub fn clean_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir("/").env("TZ", "UTC0");
    for name in ["PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}
