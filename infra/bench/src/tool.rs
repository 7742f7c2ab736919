//! The programs that a run needs, where they are, and which versions.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};
use crate::process::said_by;

/// The environment variable that names the directory of the project's programs.
pub const BIN_DIR: &str = "NETSOCKET_BIN_DIR";
/// The environment variable that names the directory of an earlier build, to be measured beside this one.
pub const BEFORE_DIR: &str = "NETSOCKET_BEFORE_DIR";
/// The environment variable that names the directory of peers that no package of the system has.
pub const PEERS_DIR: &str = "NETSOCKET_PEERS_DIR";
/// Where `infra/bench/install-peers` puts them, in the user's cache.
const PEERS_CACHE: &str = "netsocket-peers";
/// The balancer's program.
const BALANCER: &str = "netsocket-balancer";
/// Servers often stand where the search path of a user does not lead.
const SERVER_DIRS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A program of this machine.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its file.
    pub path: PathBuf,
    /// The line in which it tells its version.
    pub version: String,
}

/// What was found. A tool that is missing is `None`; what needs it says so.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The program under test.
    pub balancer: Option<Tool>,
    /// An earlier build of it.
    pub balancer_before: Option<Tool>,
    /// HAProxy.
    pub haproxy: Option<Tool>,
    /// HAProxy 3.
    pub haproxy3: Option<Tool>,
    /// sozu.
    pub sozu: Option<Tool>,
    /// The relay in Go.
    pub go_relay: Option<Tool>,
    /// miniserve.
    pub miniserve: Option<Tool>,
    /// dufs.
    pub dufs: Option<Tool>,
    /// nginx.
    pub nginx: Option<Tool>,
    /// How nginx comes to its module `stream`.
    pub nginx_stream: StreamModule,
    /// The load of the bulk cases.
    pub iperf3: Option<Tool>,
    /// The load of the request cases.
    pub wrk: Option<Tool>,
    /// What copies a tree in the group `files`.
    pub rsync: Option<Tool>,
}

/// Where nginx has its module `stream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamModule {
    /// It is a part of the program.
    BuiltIn,
    /// It is loaded from this file.
    File(PathBuf),
    /// Nowhere.
    Missing,
}

impl Tools {
    /// Looks for all of them. The balancer is in the directory of [`BIN_DIR`], else in that of `bench`.
    #[must_use]
    pub fn find(bench: &Path) -> Self {
        let named = |variable| env::var_os(variable).map(PathBuf::from);
        let balancer_in = |dir: Option<PathBuf>| {
            dir.map(|dir| dir.join(BALANCER))
                .filter(|path| path.is_file())
                .map(|path| Tool::at(path, "--version"))
        };
        let beside = || bench.parent().map(Path::to_path_buf);
        let nginx = in_path("nginx");
        let nginx_stream = nginx
            .as_deref()
            .map_or(StreamModule::Missing, find_stream_module);
        Self {
            balancer: balancer_in(named(BIN_DIR).or_else(beside)),
            balancer_before: balancer_in(named(BEFORE_DIR)),
            haproxy: in_path("haproxy").map(|path| Tool::at(path, "-v")),
            haproxy3: peer("haproxy3").map(|path| Tool::at(path, "-v")),
            sozu: peer("sozu").map(|path| Tool::at(path, "--version")),
            go_relay: peer("go-relay").map(|path| Tool::at(path, "-version")),
            miniserve: peer("miniserve").map(|path| Tool::at(path, "--version")),
            dufs: peer("dufs").map(|path| Tool::at(path, "--version")),
            nginx: nginx.map(|path| Tool::at(path, "-v")),
            nginx_stream,
            iperf3: in_path("iperf3").map(|path| Tool::at(path, "--version")),
            wrk: in_path("wrk").map(|path| Tool::at(path, "-v")),
            rsync: in_path("rsync").map(|path| Tool::at(path, "--version")),
        }
    }

    /// The version lines of all that were found.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        [
            &self.balancer,
            &self.haproxy,
            &self.haproxy3,
            &self.sozu,
            &self.go_relay,
            &self.nginx,
            &self.iperf3,
            &self.wrk,
        ]
        .into_iter()
        .flatten()
        .map(|tool| tool.version.as_str())
    }
}

impl Tool {
    fn at(path: PathBuf, version_flag: &str) -> Self {
        let said = said_by(&path, [version_flag]).map(|said| said.text);
        let line = said
            .ok()
            .and_then(|text| text.lines().next().map(str::trim).map(str::to_owned));
        let version = line.unwrap_or_else(|| format!("{} (version unknown)", path.display()));
        Self { path, version }
    }
}

/// The tool, or a failure that names it.
///
/// # Errors
/// Where it is missing.
pub fn need<'a>(tool: Option<&'a Tool>, name: &str) -> Outcome<&'a Path> {
    tool.map(|tool| tool.path.as_path())
        .ok_or_else(|| Failure::new(format!("{name} is not installed")))
}

/// A peer that `infra/bench/install-peers` has installed.
fn peer(name: &str) -> Option<PathBuf> {
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(home);
    let dir = env::var_os(PEERS_DIR).map(PathBuf::from);
    let file = dir.or_else(|| Some(cache?.join(PEERS_CACHE)))?.join(name);
    file.is_file().then_some(file)
}

pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SERVER_DIRS.map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

fn find_stream_module(nginx: &Path) -> StreamModule {
    let Ok(said) = said_by(nginx, ["-V"]) else {
        return StreamModule::Missing;
    };
    match stream_module(&said.text) {
        StreamModule::File(path) if !path.is_file() => StreamModule::Missing,
        found => found,
    }
}

/// Reads the arguments that nginx was built with (`nginx -V`).
fn stream_module(build: &str) -> StreamModule {
    let mut arguments = build.split_whitespace();
    if arguments.clone().any(|a| a == "--with-stream") {
        return StreamModule::BuiltIn;
    }
    let dynamic = arguments.clone().any(|a| a == "--with-stream=dynamic");
    let dir = arguments.find_map(|a| a.strip_prefix("--modules-path="));
    match dir.filter(|_| dynamic) {
        Some(dir) => StreamModule::File(Path::new(dir).join("ngx_stream_module.so")),
        None => StreamModule::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_module_is_found_as_it_was_built() {
        let file =
            "configure arguments: --prefix=/x --modules-path=/x/modules --with-stream=dynamic";
        assert_eq!(
            stream_module(file),
            StreamModule::File("/x/modules/ngx_stream_module.so".into())
        );
        assert_eq!(
            stream_module("--with-stream --modules-path=/x"),
            StreamModule::BuiltIn
        );
        let without = "--modules-path=/x --with-stream_ssl_module";
        assert_eq!(stream_module(without), StreamModule::Missing);
    }

    #[test]
    fn a_missing_tool_is_named() {
        assert_eq!(
            need(None, "wrk").unwrap_err().to_string(),
            "wrk is not installed"
        );
        assert_eq!(in_path("no-such-program-anywhere"), None);
    }
}
