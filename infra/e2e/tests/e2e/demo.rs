//! `cargo xtask demo`, as a person starts it. Its ports are fixed, so each run gets a network of its own.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::client::Client;
use e2e::process::{Process, Ran};
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, http, netns, release};
use rustix::process::Signal;

use crate::world::World;

crate::tests![
    #[needs(Root)]
    stays_up_until_interrupted,
    #[needs(Root)]
    builds_for_release_and_starts_what_it_built,
    #[needs(Root)]
    a_server_that_was_killed_is_started_again_by_the_line_that_is_printed,
    #[needs(Root)]
    a_server_that_hangs_is_found,
    #[needs(Root)]
    opens_a_prompt,
    #[needs(Root)]
    a_second_demo_says_that_the_ports_are_taken,
    #[needs(Root)]
    nothing_outlives_a_killed_demo,
];

const BALANCER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8404);
/// How long a demo may take to start.
pub(crate) const START: Duration = Duration::from_secs(5 * 60);
/// Marks the processes of one demo.
const MARKER: &str = "E2E_DEMO";

/// A demo that is not started yet: its temporary directory, and what marks its processes.
pub(crate) struct Demo {
    pub(crate) temporary: Scratch,
    pub(crate) command: Command,
}

impl Demo {
    fn over(root: PathBuf, flags: &[&str]) -> Self {
        let mut demo = Self::new(&[root.to_str().unwrap()]);
        demo.command.args(flags);
        demo
    }

    /// Over the sample tree, by somebody whose home is there.
    pub(crate) fn at_home(home: &Scratch, words: &[&str]) -> Self {
        let mut demo = Self::new(words);
        // Cargo's own homes stay where they are.
        for (name, usual) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let known = std::env::var_os(name).map(PathBuf::from);
            let usual = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(usual));
            demo.command
                .envs(known.or(usual).map(|place| (name, place)));
        }
        demo.command.env("HOME", home.path());
        demo
    }

    /// With the programs that are tested: to build others, for release, would take as long as all tests.
    fn new(words: &[&str]) -> Self {
        let programs = release::static_programs().unwrap();
        let mut demo = Self::of(&release::xtask(), words);
        demo.command.arg("--programs").arg(programs);
        demo
    }

    fn of(xtask: &Path, words: &[&str]) -> Self {
        let temporary = Scratch::new("demo");
        let mut command = Command::new("unshare");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("NETSOCKET_") {
                command.env_remove(name);
            }
        }
        command
            .env("TMPDIR", temporary.path())
            .env(MARKER, temporary.path());
        let mut command = netns::isolated(command);
        command.arg(xtask).arg("demo").args(words);
        Self { temporary, command }
    }

    pub(crate) fn start(self) -> (Process, Scratch) {
        let mut process = Process::start("demo", self.command, Scratch::new("demo-log"));
        eventually(START, "the demo", || {
            assert!(!process.has_ended(), "the demo ended: {}", process.log());
            process.log().contains("ready").then_some(())
        });
        (process, self.temporary)
    }
}

/// Processes with the marker of that demo.
fn left_running(temporary: &Scratch) -> Vec<OsString> {
    let marker = format!("{MARKER}={}", temporary.path().display());
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|process| {
            let process = process.ok()?;
            let environment = fs::read(process.path().join("environ")).ok()?;
            let marked = environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == marker.as_bytes());
            marked.then(|| process.file_name())
        })
        .collect()
}

fn assert_nothing_left(temporary: &Scratch) {
    assert_eq!(left_running(temporary), Vec::<OsString>::new());
    let files: Vec<PathBuf> = fs::read_dir(temporary.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.is_empty(), "left lying about: {files:?}");
}

fn stays_up_until_interrupted(world: &World) {
    let (mut process, temporary) = Demo::over(world.few_files(), &["--no-client"]).start();
    for named in [
        "server",
        "mirror1",
        "mirror2",
        "127.0.0.1:8081",
        "http://127.0.0.1:8404/",
    ] {
        assert!(process.log().contains(named), "{named}: {}", process.log());
    }
    netns::inside(process.id(), || {
        let page = http::get(ADMIN, "/").unwrap();
        assert_eq!(page.status, 200);
        assert!(page.body.contains("mirror2"), "{}", page.body);
        let ran = Client::of(BALANCER).run(&["dirlist", "-a"]);
        assert_eq!(
            (ran.code, ran.stdout.as_slice()),
            (Some(0), &b"apples\npears\n"[..]),
            "{}",
            ran.stderr
        );
    });
    process.signal(Signal::INT);
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
    assert_nothing_left(&temporary);
}

/// Cargo is only asked here: what it would build is put where it would be.
fn builds_for_release_and_starts_what_it_built(world: &World) {
    let target = Scratch::new("target");
    for folder in ["debug", "release"] {
        fs::create_dir(target.path().join(folder)).unwrap();
    }
    let xtask = target.path().join("debug/xtask");
    fs::copy(release::xtask(), &xtask).unwrap();
    let programs = release::static_programs().unwrap();
    let cargo = target.write(
        "cargo",
        format!(
            "#!/bin/sh\nset -e\ncd {}\necho \"$@\" >> asked\ncp {}/bin/* release\n",
            target.path().display(),
            programs.display()
        ),
    );
    fs::set_permissions(&cargo, Permissions::from_mode(0o755)).unwrap();
    let root = world.few_files();
    let mut demo = Demo::of(&xtask, &[root.to_str().unwrap(), "--no-client"]);
    demo.command.env("CARGO", &cargo);
    let (mut process, temporary) = demo.start();
    assert_eq!(
        fs::read_to_string(target.path().join("asked")).unwrap(),
        "build --release --package netsocket-balancer --package netsocket-fileserver --package netsocket-client\n"
    );
    let started: Vec<PathBuf> = left_running(&temporary)
        .into_iter()
        .filter_map(|id| fs::read_link(Path::new("/proc").join(id).join("exe")).ok())
        .filter(|program| program.starts_with(target.path().join("release")))
        .collect();
    assert_eq!(
        started.len(),
        4,
        "three file servers and a balancer: {started:?}"
    );
    process.signal(Signal::INT);
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
    assert_nothing_left(&temporary);
}

fn a_server_that_was_killed_is_started_again_by_the_line_that_is_printed(world: &World) {
    let (mut process, temporary) = Demo::over(world.few_files(), &["--no-client"]).start();
    signal(&process, "mirror1", Signal::KILL);
    wait_until_up(&process, "mirror1", false);
    let start = eventually(PATIENCE, "a line of the demo", || {
        let log = process.log();
        let (_, after) = log.split_once(
            "mirror1 ended (signal: 9 (SIGKILL)); this starts it again, until Ctrl-C:\n",
        )?;
        after.lines().next().map(str::to_owned)
    });
    let mut shell = Command::new("nsenter");
    shell.args([
        "--target",
        &process.id().to_string(),
        "--net",
        "--",
        "sh",
        "-c",
    ]);
    shell.arg(format!("exec {start}"));
    let again = Process::start("mirror1", shell, Scratch::new("demo-log"));
    wait_until_up(&process, "mirror1", true);
    drop(again);
    process.signal(Signal::INT);
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
    assert_nothing_left(&temporary);
}

fn a_server_that_hangs_is_found(world: &World) {
    let (mut process, temporary) = Demo::over(world.few_files(), &["--no-client"]).start();
    signal(&process, "server", Signal::STOP);
    wait_until_up(&process, "server", false);
    signal(&process, "server", Signal::CONT);
    wait_until_up(&process, "server", true);
    process.signal(Signal::INT);
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
    assert_nothing_left(&temporary);
}

/// Sends a signal to one of the demo's file servers.
fn signal(demo: &Process, name: &str, signal: Signal) {
    let log = demo.log();
    let begins = format!("{name} ");
    let mut lines = log.lines();
    let line = lines.find(|line| line.starts_with(&begins)).unwrap();
    let id = line.rsplit_once("PID ").unwrap().1;
    let id = rustix::process::Pid::from_raw(id.parse().unwrap()).unwrap();
    rustix::process::kill_process(id, signal).unwrap();
}

fn wait_until_up(demo: &Process, name: &str, is_up: bool) {
    let name = format!("\"{name}\"");
    let ends = format!(" {}", u8::from(is_up));
    netns::inside(demo.id(), || {
        eventually(PATIENCE, &format!("{name} up: {is_up}"), || {
            let metrics = http::get(ADMIN, "/metrics").unwrap().body;
            let is_it =
                |line: &&str| line.starts_with("netsocket_backend_up{") && line.contains(&name);
            let line = metrics.lines().find(is_it)?;
            line.ends_with(&ends).then_some(())
        });
    });
}

fn opens_a_prompt(world: &World) {
    let demo = Demo::over(world.few_files(), &[]);
    let ran = Ran::with_input(demo.command, b"dirlist -a\nw24fn one.txt\nquitc\n", START);
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.code, Some(0), "{said}{}", ran.stderr);
    assert!(
        said.contains("apples\npears\nFilePath: apples/one.txt\n"),
        "{said}"
    );
    assert_nothing_left(&demo.temporary);
}

/// The first demo answers at the addresses of the second, which must not take that for its own success.
fn a_second_demo_says_that_the_ports_are_taken(world: &World) {
    let (mut first, temporary) = Demo::over(world.few_files(), &["--no-client"]).start();
    let second = Scratch::new("demo");
    let ran = netns::inside(first.id(), || {
        let programs = release::static_programs().unwrap();
        let mut command = Command::new(release::xtask());
        command.args(["demo", "--programs"]).arg(programs);
        command.env("TMPDIR", second.path());
        Ran::with_input(command, b"", START)
    });
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let taken = "listen 127.0.0.1:8081: address already in use";
    assert!(ran.stderr.contains(taken), "{}", ran.stderr);
    assert!(fs::read_dir(second.path()).unwrap().next().is_none());
    first.signal(Signal::INT);
    assert_eq!(first.wait(PATIENCE).code(), Some(0));
    assert_nothing_left(&temporary);
}

/// A killed demo cannot remove its files, but its servers end.
fn nothing_outlives_a_killed_demo(world: &World) {
    let (mut process, temporary) = Demo::over(world.few_files(), &["--no-client"]).start();
    assert!(
        left_running(&temporary).len() > 4,
        "the demo and its servers"
    );
    process.kill();
    eventually(PATIENCE, "the end of the servers", || {
        left_running(&temporary).is_empty().then_some(())
    });
}
