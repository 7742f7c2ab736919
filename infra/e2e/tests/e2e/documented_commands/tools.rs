//! Other tools: their options, and what their arguments name.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use e2e::influx::TOKEN;
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, files, netns, requirement, tool};

use super::machines::help;
use super::{Typed, Verdict};

/// Tools used next to our programs. Walkthroughs show what they do.
pub(super) const SHELL: &[&str] = &[
    "cat", "cd", "cp", "export", "id", "install", "kill", "mkdir", "pgrep", "pidof", "printf",
    "rm", "sleep", "ssh", "stat", "tee", "ulimit", "usermod", "openssl",
];
/// Scripts of the project. What they do takes too long for a test; CI runs them.
pub(super) const SCRIPTS: &[&str] = &[".ci/run", "infra/e2e/install-influxd"];
pub(super) const HTTP: &[&str] = &["curl"];
pub(super) const RULES: &[&str] = &["promtool"];

/// The tool exists, and its help lists the long options.
pub(super) fn shell(typed: &Typed) -> Verdict {
    let name = typed.call.program();
    let mut bash = tool::tool("bash");
    let is_known = bash
        .args(["-c", "type \"$0\" > /dev/null", name])
        .status()
        .is_ok_and(|status| status.success());
    if !is_known {
        let is_skipped = !requirement::stack_is_required();
        return is_skipped
            .then_some(())
            .ok_or("there is no such tool".to_owned());
    }
    let long = |word: &&String| word.starts_with("--") && word.len() > 2;
    let mut options = typed.call.arguments().iter().filter(long).peekable();
    if options.peek().is_none() {
        return Ok(());
    }
    let help = help(name);
    match options.find(|option| !help.contains(option.split('=').next().unwrap_or_default())) {
        Some(option) => Err(format!("there is no option {option}")),
        None => Ok(()),
    }
}

/// The script can be started, and the shell understands it.
pub(super) fn script(typed: &Typed) -> Verdict {
    let script = files::path(typed.call.program());
    let rights = script.metadata().map_err(|error| error.to_string())?;
    if rights.permissions().mode() & 0o111 == 0 {
        return Err("it is not executable".to_owned());
    }
    let mut bash = tool::tool("bash");
    let output = bash.arg("-n").arg(&script).output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Who is asked: a collector at its documented address, in a network of its own, which has nobody to read from and says
/// so; and a balancer whose admin HTTP is a unix socket.
pub(super) struct Asked {
    collector: Process,
    socket: PathBuf,
    _balancer: Process,
}

impl Asked {
    pub(super) fn start() -> Self {
        let mut command = netns::isolated(clean_command("unshare"));
        command
            .env("INFLUXDB_TOKEN", TOKEN)
            .arg(Program::Collector.path());
        let mut process = Process::start("collector", command, Scratch::new("collector"));
        process.logs("collecting");
        let dir = Scratch::new("balancer");
        let socket = dir.path().join("admin.sock");
        let mut command = clean_command(Program::Balancer.path());
        command
            .args([
                "--listen",
                "127.0.0.1:0",
                "--backend",
                "mirror1=127.0.0.1:1",
                "--admin",
            ])
            .arg(format!("unix:{}", socket.display()));
        let mut balancer = Process::start("balancer", command, dir);
        balancer.logs("listening");
        Self {
            collector: process,
            socket,
            _balancer: balancer,
        }
    }

    /// What is typed is run, and finds something there.
    pub(super) fn answers(&self, typed: &Typed) -> Verdict {
        let mut command = clean_command(typed.call.program());
        command.args(["--output", "/dev/null", "--write-out", "%{http_code}"]);
        let mut command = with_arguments(command, typed);
        if typed.call.words.iter().any(|word| word == "--unix-socket") {
            // The last one counts.
            command.arg("--unix-socket").arg(&self.socket);
        }
        let ran = netns::inside(self.collector.id(), || Ran::of(command, PATIENCE));
        match (ran.code, ran.stdout.as_slice()) {
            (Some(0), b"200" | b"503") => Ok(()),
            (_, status) => Err(format!("{}: {}", status.escape_ascii(), ran.stderr)),
        }
    }
}

fn with_arguments(mut command: Command, typed: &Typed) -> Command {
    command.args(typed.call.arguments());
    command
}

/// Beside the files that are shipped.
pub(super) fn rules(typed: &Typed) -> Verdict {
    let mut command = with_arguments(clean_command(typed.call.program()), typed);
    command.current_dir(files::path("infra/prometheus"));
    let ran = Ran::of(command, PATIENCE);
    match ran.code {
        Some(0) => Ok(()),
        _ => Err(ran.stderr),
    }
}
