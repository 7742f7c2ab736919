//! The servers of files over HTTP, each set up as its makers say for speed.

use std::net::SocketAddr;
use std::path::Path;

use crate::failure::{Failure, Outcome};
use crate::file_server::Server;
use crate::host::Host;
use crate::hyper_alone;
use crate::tool::{Tool, need};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    /// Ours.
    Netsocket,
    /// nginx.
    Nginx,
    /// hyper without files.
    Hyper,
    /// miniserve, a server in Rust that people start by hand, on actix.
    Miniserve,
    /// dufs, another one, on hyper.
    Dufs,
}

impl Contestant {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 5] = [
        Self::Netsocket,
        Self::Nginx,
        Self::Hyper,
        Self::Miniserve,
        Self::Dufs,
    ];

    /// Its name in the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Netsocket => "netsocket",
            Self::Nginx => "nginx",
            Self::Hyper => "hyper alone",
            Self::Miniserve => "miniserve",
            Self::Dufs => "dufs",
        }
    }

    /// Why it cannot be measured here; `None` where it can. Ours fails where it is not built: without it there is nothing
    /// to compare.
    #[must_use]
    pub fn missing(self, host: &Host) -> Option<String> {
        let (tool, whence) = match self {
            Self::Netsocket | Self::Hyper => return None,
            Self::Nginx => (&host.tools.nginx, "it is not installed"),
            Self::Miniserve => (&host.tools.miniserve, PEER),
            Self::Dufs => (&host.tools.dufs, PEER),
        };
        tool.is_none().then(|| whence.to_owned())
    }

    /// Starts it over a directory.
    ///
    /// # Errors
    /// Where it is missing, or does not listen in time.
    pub async fn start(self, host: &Host, root: &Path) -> Outcome<Server> {
        let listen = host.ports.free()?;
        let tools = &host.tools;
        let of = |tool: Option<&Tool>| need(tool, self.name()).map(Path::to_path_buf);
        let (program, words) = match self {
            Self::Netsocket => return Server::start_at(host, root, listen).await,
            Self::Nginx => return Server::nginx(host, root, listen).await,
            Self::Hyper => {
                let words = vec![hyper_alone::SUBCOMMAND.to_owned(), listen.to_string()];
                (host.launcher.bench().to_path_buf(), words)
            }
            Self::Miniserve => {
                let words = miniserve(listen, host.cores);
                (of(tools.miniserve.as_ref())?, words)
            }
            Self::Dufs => (of(tools.dufs.as_ref())?, dufs(listen)),
        };
        let root = root.to_str();
        let root = root.ok_or_else(|| Failure::new("the directory has no name in UTF-8"))?;
        let words = words.iter().map(String::as_str);
        let root = (self != Self::Hyper).then_some(root);
        let process = host
            .launcher
            .start(self.name(), &program, words.chain(root))?;
        Server::listening(process, listen).await
    }
}

/// Who has the servers that no package of the system has.
const PEER: &str = "infra/bench/install-peers installs it";

/// One worker a core, as nginx has; its own value is 4 (`miniserve --help`). It logs requests only with `--verbose`, and
/// compresses only with `--compress-response`.
fn miniserve(listen: SocketAddr, cores: usize) -> Vec<String> {
    let (address, port) = (listen.ip().to_string(), listen.port().to_string());
    let workers = cores.to_string();
    let words = [
        "--interfaces",
        &address,
        "--port",
        &port,
        "--workers",
        &workers,
    ];
    words.map(str::to_owned).to_vec()
}

/// One thread a core is its own value. An empty format is no access log ("Disable http log" in its README).
fn dufs(listen: SocketAddr) -> Vec<String> {
    let (address, port) = (listen.ip().to_string(), listen.port().to_string());
    let words = ["--bind", &address, "--port", &port, "--log-format", ""];
    words.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_logs_requests_and_all_have_a_worker_a_core() {
        let listen = ([127, 0, 0, 1], 80).into();
        let said = miniserve(listen, 3).join(" ");
        assert_eq!(said, "--interfaces 127.0.0.1 --port 80 --workers 3");
        let said = dufs(listen);
        assert_eq!(said[..4].join(" "), "--bind 127.0.0.1 --port 80");
        assert_eq!(said[4..], ["--log-format", ""]);
    }
}
