//! The terminal on which a page is followed: on a machine of its own, with the addresses, names and files that the page uses.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::console::{self, Example};
use e2e::lan::{FileSystem, Lan, Machine, program_path};
use e2e::markdown::Document;
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::shell::{Call, Statement, statements};
use e2e::{PATIENCE, eventually, netns};

use super::comparison::{Ignore, alike};

/// The home directory on that machine.
pub(super) const HOME: &str = "/home/ada";

/// The programs that are run. All others are checked by [`crate::documented_commands`].
const RUN: [&str; 22] = [
    "netsocket",
    "netsocket-balancer",
    "netsocket-fileserver",
    "netsocket-collector",
    "bin/kafka-server-start.sh",
    "bin/kafka-storage.sh",
    "bin/kafka-topics.sh",
    "aria2c",
    "cat",
    "cd",
    "chmod",
    "curl",
    "echo",
    "export",
    "head",
    "kill",
    "mkdir",
    "openssl",
    "rclone",
    "tar",
    "wc",
    "wget",
];

/// What servers log when they are ready, unless it is `listening`.
const READY: [(&str, &str); 4] = [
    ("kafka-server-start.sh", "Kafka Server started"),
    ("influxd", "msg=Listening"),
    ("--stdout", "client_count"),
    ("netsocket-collector", "collecting"),
];

/// Whether every program of a statement is run.
pub(super) fn is_run(statement: &Statement) -> bool {
    let mut calls = statement.calls.iter();
    calls.all(|call| RUN.contains(&call.program()))
}

/// Words that make a server's program do something else and end.
const ENDING: [&str; 7] = [
    "--check-config",
    "--help",
    "--version",
    "completions",
    "ctl",
    "health",
    "setup",
];

/// Whether the program runs until it is stopped.
fn serves(call: &Call) -> bool {
    let is_server =
        call.program().starts_with("netsocket-") || call.program().ends_with("-server-start.sh");
    is_server
        && !call
            .arguments()
            .iter()
            .any(|word| ENDING.contains(&word.as_str()))
}

/// A terminal on a machine.
pub(super) struct Terminal {
    /// Dropped before the machine that they run on.
    servers: Vec<Process>,
    /// The `export` and `cd` lines so far, which hold for all that follows.
    exported: String,
    /// Replacements in what the page types.
    pub(super) instead: Vec<(String, String)>,
    /// The output of the last statement.
    pub(super) said: String,
    home: PathBuf,
    place: Place,
    _lan: Option<Lan>,
}

/// The machine of a terminal.
enum Place {
    /// On a machine of its own.
    Machine(Machine),
    /// This one, in the network of a running process.
    Network(u32),
}

impl Terminal {
    /// On a machine with these files.
    pub(super) fn with(files: FileSystem) -> Self {
        let mut lan = Lan::new();
        let machine = lan.machine_with("terminal", files);
        Self::at(Place::Machine(machine), Some(lan), Path::new(HOME))
    }

    /// On a machine with the files of this one.
    pub(super) fn here(home: &Scratch) -> Self {
        let mut lan = Lan::new();
        let machine = lan.machine("terminal");
        Self::at(Place::Machine(machine), Some(lan), home.path())
    }

    /// Beside a process with a network of its own.
    pub(super) fn beside(process: u32, home: &Scratch) -> Self {
        Self::at(Place::Network(process), None, home.path())
    }

    fn at(place: Place, lan: Option<Lan>, home: &Path) -> Self {
        Self {
            servers: Vec::new(),
            exported: String::new(),
            instead: Vec::new(),
            said: String::new(),
            home: home.to_path_buf(),
            place,
            _lan: lan,
        }
    }

    fn command(&self, typed: &str) -> Command {
        let (mut command, programs) = match &self.place {
            Place::Machine(machine) => (machine.command("/bin/bash"), program_path("")),
            Place::Network(process) => {
                let mut command = clean_command("nsenter");
                command.args(["--target", &process.to_string(), "--net", "--", "/bin/bash"]);
                (command, PathBuf::new())
            }
        };
        // Without a file system of its own, it uses the programs of this machine.
        let own = Program::Client.path();
        let own = own.parent().unwrap().display();
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{own}:{path}", programs.display());
        command
            .env("PATH", path)
            .env("HOME", &self.home)
            .env_remove("TMPDIR");
        let script = format!("exec 2>&1; cd; {}{typed}", self.exported);
        command.args(["-c", &script]);
        command
    }

    /// Runs a statement, which must succeed, and returns its output.
    pub(super) fn run(&self, typed: &str) -> String {
        self.answer(typed, "")
    }

    fn answer(&self, typed: &str, input: &str) -> String {
        let ran = Ran::with_input(self.command(typed), input.as_bytes(), PATIENCE);
        let said = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(ran.code, Some(0), "{typed}: {said}{}", ran.stderr);
        said.replace(self.home.to_str().unwrap(), HOME)
    }

    /// Starts a server, and waits until it is ready for others.
    pub(super) fn serve(&mut self, typed: &str) {
        let name = typed
            .split_whitespace()
            .find(|word| !word.contains('='))
            .unwrap_or_default()
            .replace('/', "-");
        // A variable may stand before the program.
        let command = self.command(&format!("exec env {typed}"));
        let mut server = Process::start(&name, command, Scratch::new("terminal-log"));
        let ready = READY.iter().find(|(part, _)| typed.contains(part));
        server.logs(ready.map_or("listening", |(_, ready)| ready));
        self.servers.push(server);
    }

    /// Ends the server that was started last.
    pub(super) fn end_server(&mut self) {
        self.servers.pop().expect("a server");
    }

    /// Waits until the server that was started last says something.
    pub(super) fn server_says(&mut self, text: &str) {
        self.servers.last_mut().expect("a server").logs(text);
    }

    /// File servers over the tree, each with its port.
    pub(super) fn serve_files(&mut self, names: &[(&str, u16)]) {
        for (name, port) in names {
            self.serve(&format!(
                "netsocket-fileserver --root /srv/files --name {name} --listen 127.0.0.1:{port}"
            ));
        }
    }

    /// Until so many backends are up.
    pub(super) fn wait_until_ready(&self, count: usize) {
        eventually(PATIENCE, "every backend up", || {
            let up = self
                .run("netsocket-balancer ctl backends")
                .matches(" up ")
                .count();
            (up == count).then_some(())
        });
    }

    /// Does something in the network of the machine.
    pub(super) fn inside<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        match &self.place {
            Place::Machine(machine) => machine.inside(action),
            Place::Network(process) => netns::inside(*process, action),
        }
    }

    /// Follows a page below a heading, or all of it: runs what can be run, and compares the output with what the page shows. `before`
    /// gets every statement first, and does what the page says in words. Returns the number of statements.
    pub(super) fn follow(
        &mut self,
        page: &str,
        heading: &str,
        mut before: impl FnMut(&mut Self, &str),
    ) -> usize {
        let mut count = 0;
        let page = Document::read(page);
        for block in page.blocks() {
            if !heading.is_empty() && block.heading != heading {
                continue;
            }
            let examples = match block.language {
                "sh" => statements(&block.text)
                    .unwrap()
                    .into_iter()
                    .map(Example::of)
                    .collect(),
                "console" => console::examples(&block.text).unwrap(),
                _ => continue,
            };
            for example in examples.iter().filter(|example| is_run(&example.statement)) {
                before(self, &example.statement.text);
                self.perform(example, block.language == "console");
                count += 1;
            }
        }
        count
    }

    /// Runs a statement, and compares its output.
    fn perform(&mut self, example: &Example, is_compared: bool) {
        let Statement { text, calls } = &example.statement;
        let mut typed = text.clone();
        for (written, here) in &self.instead {
            typed = typed.replace(written, here);
        }
        let program = |name: &'static str| move |call: &Call| call.program() == name;
        if calls.iter().all(program("export")) || calls.iter().any(program("cd")) {
            self.exported += &format!("{typed}\n");
        } else if calls.iter().any(serves) {
            self.serve(&typed);
        } else {
            self.said = self.answer(&typed, &as_input(&example.session));
            if is_compared && !example.shows_nothing() {
                let kind = Ignore::of(example);
                let shown = example.shown.iter().map(String::as_str);
                assert_eq!(
                    alike(self.said.lines(), kind),
                    alike(shown, kind),
                    "{text}\n{}",
                    self.said
                );
            }
        }
    }
}

/// What is typed at a prompt, as input from a pipe. The `-` lets the prompt go on after a line that fails.
pub(super) fn as_input(session: &[String]) -> String {
    session.iter().map(|line| format!("-{line}\n")).collect()
}
