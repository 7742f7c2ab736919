//! One child process: tied to this one, its output in files, ended with its value.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process_group,
    set_child_subreaper, waitid, waitpgid,
};
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::failure::{Explain as _, Failure, Outcome};
use crate::tether;

/// Makes this process the parent of what its children leave behind, such as the workers of a server that was killed, so
/// that it can wait for them, too.
///
/// # Errors
/// Where the kernel refuses.
pub fn adopt_orphans() -> Outcome {
    // The value is a flag for the kernel; any id sets it.
    set_child_subreaper(Some(getpid())).explain("the care for orphans")
}

/// Starts processes that end with this one.
#[derive(Debug)]
pub struct Launcher {
    /// This program, which ties each child to itself before it becomes the program asked for.
    bench: PathBuf,
    /// Output of all of them.
    dir: PathBuf,
}

impl Launcher {
    /// `bench` is the file of the program `bench`; the output of each process goes to a file in `dir`.
    #[must_use]
    pub fn new(bench: PathBuf, dir: &Path) -> Self {
        Self {
            bench,
            dir: dir.to_path_buf(),
        }
    }

    /// The file of the program `bench`, which is also two of the relays.
    #[must_use]
    pub fn bench(&self) -> &Path {
        &self.bench
    }

    /// Where files for and of the processes go.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts `program` in a process group of its own, with nothing to read.
    ///
    /// Call it on the main thread: the kernel ends the child when the *thread* that started it ends.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start<A: AsRef<OsStr>>(
        &self,
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Outcome<Process> {
        let (output, out) = self.file(name, "out")?;
        self.start_into(name, program, arguments, output, out.into())
    }

    /// The same, and gives its standard output back as it comes.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start_piped<A: AsRef<OsStr>>(
        &self,
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Outcome<(Process, Receiver)> {
        let (from, into) = std::io::pipe().explain("a pipe")?;
        let output = self.dir.join(format!("{name}.out"));
        let process = self.start_into(name, program, arguments, output, into.into())?;
        let from = Receiver::from_owned_fd(from.into()).explain("a pipe")?;
        Ok((process, from))
    }

    fn file(&self, name: &str, ending: &str) -> Outcome<(PathBuf, File)> {
        let path = self.dir.join(format!("{name}.{ending}"));
        let file = File::create(&path).explain(&path.display().to_string())?;
        Ok((path, file))
    }

    fn start_into<A: AsRef<OsStr>>(
        &self,
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        output: PathBuf,
        out: Stdio,
    ) -> Outcome<Process> {
        let (errors, err) = self.file(name, "err")?;
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .map(|a| a.as_ref().to_os_string())
            .collect();
        let child = tether::command(&self.bench, program, &arguments)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .explain(&program.display().to_string())?;
        Ok(Process {
            name: name.to_owned(),
            child,
            output,
            errors,
            ended: None,
        })
    }
}

/// A running process. Dropping it kills it and everything in its process group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
    errors: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// What it was started as.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Its standard error so far.
    #[must_use]
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.errors).unwrap_or_default()).into_owned()
    }

    /// The last line that it wrote, for a message.
    #[must_use]
    pub fn last_words(&self) -> String {
        let last = |path: &Path| {
            let text = fs::read_to_string(path).ok()?;
            let line = text.lines().rfind(|line| !line.trim().is_empty())?;
            Some(line.trim().to_owned())
        };
        last(&self.errors)
            .or_else(|| last(&self.output))
            .unwrap_or_else(|| "it said nothing".to_owned())
    }

    /// That it still runs.
    ///
    /// # Errors
    /// Where it has ended, with its last line.
    pub fn check_alive(&mut self) -> Outcome {
        if self.ended.is_none() && self.has_exited()? {
            self.kill();
        }
        match self.ended {
            None => Ok(()),
            Some(status) => Err(Failure::new(format!(
                "{} ended ({status}): {}",
                self.name,
                self.last_words()
            ))),
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Where it goes on longer than `limit`.
    pub async fn end(&mut self, limit: Duration) -> Outcome<ExitStatus> {
        let mut changes = signal(SignalKind::child()).explain("SIGCHLD")?;
        let exit = async {
            while self.ended.is_none() && !self.has_exited()? {
                changes.recv().await;
            }
            Ok(())
        };
        timeout(limit, exit).await.map_err(|_| {
            let limit = limit.as_secs();
            Failure::new(format!("{} did not end within {limit} s", self.name))
        })??;
        self.kill();
        self.ended
            .ok_or_else(|| Failure::new(format!("{} has no exit status", self.name)))
    }

    /// Whether it has exited, without taking note of it: until then its id stays its own.
    fn has_exited(&self) -> Outcome<bool> {
        let Some(pid) = pid_of(&self.child) else {
            return Ok(true);
        };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::Pid(pid), look).explain(&self.name)?;
        Ok(status.is_some())
    }

    /// Ends what is left of its process group, and the process itself.
    fn kill(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // Until it has been waited for, its id, and so that of its group, cannot be another's. Errors say that nothing
        // is left to kill.
        if let Some(pid) = pid_of(&self.child) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.child.kill();
        self.ended = self.child.wait().ok();
        // Its own children are ours now (see `adopt_orphans`).
        if let Some(pid) = pid_of(&self.child) {
            while let Ok(Some(_)) = waitpgid(pid, WaitOptions::empty()) {}
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Runs a short command that prints something, and gives back both outputs together.
///
/// # Errors
/// Where it cannot be started. Its exit code does not matter: some programs print their version and fail.
pub fn said_by<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Outcome<Said> {
    let mut command = Command::new(program);
    tether::forget_settings(&mut command);
    let output = command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .explain(&program.display().to_string())?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(Said {
        text,
        success: output.status.success(),
    })
}

/// What a short command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Standard output, then standard error.
    pub text: String,
    /// Whether its exit code was 0.
    pub success: bool,
}
