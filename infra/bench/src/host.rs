//! What every measurement of a run shares: tools, ports, a directory, limits.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::failure::{Explain as _, Failure, Outcome};
use crate::port::Ports;
use crate::process::{Launcher, adopt_orphans};
use crate::tool::Tools;

/// The machine as the cases and peers see it.
#[derive(Debug)]
pub struct Host {
    /// The programs that were found.
    pub tools: Tools,
    /// Starts processes, in a directory that goes with this value.
    pub launcher: Launcher,
    /// Addresses for servers.
    pub ports: Ports,
    /// Cores that this process may use.
    pub cores: usize,
    /// Files that a process may have open, here and in the peers.
    pub open_files: u64,
    /// Where a Kafka is, if there is one.
    pub kafka: Option<String>,
    /// Kept for its end.
    _dir: tempfile::TempDir,
}

impl Host {
    /// Looks around. `bench` is the file of the program `bench`.
    ///
    /// # Errors
    /// Where no temporary directory can be made.
    pub fn new(bench: PathBuf) -> Outcome<Self> {
        adopt_orphans()?;
        let dir = tempfile::Builder::new()
            .prefix("netsocket-bench-")
            .tempdir()
            .explain("a temporary directory")?;
        Ok(Self {
            tools: Tools::find(&bench),
            launcher: Launcher::new(bench, dir.path()),
            ports: Ports::new(),
            cores: available_parallelism().map_or(1, NonZero::get),
            open_files: raise_open_files(),
            kafka: None,
            _dir: dir,
        })
    }

    /// Writes a file for a peer or a tool.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&self, name: &str, content: &str) -> Outcome<PathBuf> {
        let path = self.launcher.dir().join(name);
        std::fs::write(&path, content).explain(&path.display().to_string())?;
        Ok(path)
    }

    /// Where such files are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.launcher.dir()
    }

    /// That processes may have so many files open.
    ///
    /// # Errors
    /// Where the limit is lower; the sentence names both numbers.
    pub fn need_open_files(&self, count: u64) -> Outcome {
        if count <= self.open_files || raise_open_files_to(count) {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{count} open files are needed and {} allowed (ulimit -Hn)",
            self.open_files
        )))
    }
}

/// Only root may go beyond the limit of limits.
fn raise_open_files_to(count: u64) -> bool {
    let limit = rustix::process::Rlimit {
        current: Some(count),
        maximum: Some(count),
    };
    setrlimit(Resource::Nofile, limit).is_ok()
}

/// Raises the limit to the highest allowed, for this process and those that it starts, and gives it back.
fn raise_open_files() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = rustix::process::Rlimit {
            current: limit.maximum,
            ..limit
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = raised;
        }
    }
    limit.current.unwrap_or(u64::MAX)
}
