//! Docker's engine for one test, in a network and with processes of its own: all of it is gone with its value. Needs root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::eventually;
use crate::process::{Process, Ran, clean_command};
use crate::scratch::Scratch;
use crate::tool::in_path;

/// The engine loads its plugins before it answers.
const START: Duration = Duration::from_secs(60);
/// For a build or the start of containers.
pub const STEP: Duration = Duration::from_secs(180);

/// The version from which on the client builds by a plugin only.
const WITHOUT_BUILDER: u32 = 23;

/// A client of Docker that can build with BuildKit.
///
/// # Errors
/// Why there is none, in one line.
pub fn client() -> Result<PathBuf, String> {
    if in_path("dockerd").is_none() {
        return Err("Docker's engine (`dockerd`, package docker.io) is not installed".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut clients = std::env::split_paths(&path).map(|dir| dir.join("docker"));
    clients
        .find(|client| client.is_file() && builds(client))
        .ok_or_else(|| {
            "no `docker` that builds: package docker.io, or its plugin buildx".to_owned()
        })
}

fn builds(client: &PathBuf) -> bool {
    let says = |words: &[&str]| {
        let output = Command::new(client)
            .args(words)
            .stderr(Stdio::null())
            .output();
        output.ok().filter(|output| output.status.success())
    };
    let version = says(&["--version"]).and_then(|output| {
        // Docker version 20.10.24+dfsg1, build 297e128
        let text = String::from_utf8(output.stdout).ok()?;
        text.split_whitespace()
            .nth(2)?
            .split('.')
            .next()?
            .parse::<u32>()
            .ok()
    });
    version.is_some_and(|version| version < WITHOUT_BUILDER)
        || says(&["buildx", "version"]).is_some()
}

/// A running engine.
#[derive(Debug)]
pub struct Docker {
    engine: Process,
    client: PathBuf,
    dir: Scratch,
}

/// The networks of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Networks {
    /// One that all containers share with the engine.
    Shared,
    /// Bridges with Docker's own DNS server, which need rules of iptables.
    Bridges,
}

impl Docker {
    /// Starts an engine without images.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start(networks: Networks) -> Self {
        let dir = Scratch::new("docker");
        let place = |name: &str| dir.path().join(name).display().to_string();
        let mut command = clean_command("unshare");
        // The engine is process 1 of a space of its own, whose end is the end of all that it has started.
        command.args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "--",
        ]);
        command.args([
            "sh",
            "-ec",
            "ip link set lo up; exec \"$@\"",
            "sh",
            "dockerd",
        ]);
        command
            .arg("--host")
            .arg(format!("unix://{}", place("socket")));
        command.args(["--data-root", &place("data"), "--exec-root", &place("exec")]);
        command.args(["--pidfile", &place("pid"), "--storage-driver=vfs"]);
        if networks == Networks::Shared {
            command.args(["--bridge=none", "--iptables=false", "--ip6tables=false"]);
        }
        let engine = Process::start("dockerd", command, Scratch::new("dockerd-log"));
        let client = client().unwrap_or_else(|reason| panic!("{reason}"));
        let mut docker = Self {
            engine,
            client,
            dir,
        };
        eventually(START, "Docker's engine", || {
            assert!(
                !docker.engine.has_ended(),
                "dockerd ended: {}",
                docker.engine.log()
            );
            docker
                .command(&["version"])
                .output()
                .ok()?
                .status
                .success()
                .then_some(())
        });
        docker
    }

    /// A process in the network of the containers.
    #[must_use]
    pub fn engine(&self) -> u32 {
        self.engine.id()
    }

    /// A command of the client.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        self.for_client(&self.client, words)
    }

    /// A command of `docker-compose`.
    #[must_use]
    pub fn compose(&self, words: &[&str]) -> Command {
        self.for_client(Path::new("docker-compose"), words)
    }

    fn for_client(&self, client: &Path, words: &[&str]) -> Command {
        let mut command = clean_command(client);
        let socket = format!("unix://{}", self.dir.path().join("socket").display());
        command
            .env("DOCKER_HOST", socket)
            .env("DOCKER_CONFIG", self.dir.path())
            .env("DOCKER_BUILDKIT", "1")
            .env("HOME", self.dir.path())
            .args(words);
        command
    }

    /// What a command of the client prints.
    ///
    /// # Panics
    /// Where it fails.
    pub fn run(&self, words: &[&str]) -> String {
        let ran = Ran::of(self.command(words), STEP);
        assert_eq!(ran.code, Some(0), "docker {words:?}: {}", ran.stderr);
        String::from_utf8(ran.stdout)
            .expect("docker prints UTF-8")
            .trim()
            .to_owned()
    }

    /// A value of a container or an image, by a template of Go.
    pub fn inspect(&self, what: &str, template: &str) -> String {
        self.run(&["inspect", "--format", template, what])
    }
}
