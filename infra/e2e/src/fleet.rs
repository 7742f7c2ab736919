//! File servers behind a balancer, as an operator would start them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::admin::Admin;
use crate::process::{Process, clean_command};
use crate::program::Program;
use crate::scratch::Scratch;
use crate::{PATIENCE, access_log, eventually, tool};

/// The names of the original system, which telemetry knows.
pub const NAMES: [&str; 3] = ["server", "mirror1", "mirror2"];

/// On this machine, and the system chooses the port.
const ANY_PORT: &str = "127.0.0.1:0";

/// How to start a fleet. Settings are the text of a TOML file.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The tree that all file servers share.
    pub root: &'a Path,
    /// Settings of every file server.
    pub server_settings: &'a str,
    /// Settings of the balancer.
    pub balancer_settings: &'a str,
    /// The time zone of the file servers, as in `TZ`.
    pub time_zone: &'a str,
    /// A Kafka broker for all of them.
    pub kafka: Option<SocketAddr>,
}

impl<'a> Plan<'a> {
    /// Three file servers over `root` with default settings.
    #[must_use]
    pub fn over(root: &'a Path) -> Self {
        Self {
            root,
            server_settings: "",
            balancer_settings: "",
            time_zone: "UTC0",
            kafka: None,
        }
    }

    /// Starts three file servers and a balancer, and waits until all are up.
    ///
    /// # Panics
    /// Where one does not come up.
    #[must_use]
    pub fn start(&self) -> Fleet {
        let servers = NAMES.map(|name| FileServer::start(self, name));
        let backends = servers.each_ref().map(|s| (s.name, s.address));
        let kafka = self.kafka;
        let balancer = Balancer::start(self.balancer_settings, &backends, kafka);
        let admin = balancer.admin;
        let count = servers.len();
        eventually(PATIENCE, "every backend up", || {
            (admin.up() == count).then_some(())
        });
        Fleet { balancer, servers }
    }
}

/// Three file servers and the balancer in front of them.
#[derive(Debug)]
pub struct Fleet {
    /// Dropped first, so that it does not log the ends of its backends.
    pub balancer: Balancer,
    /// In the order of [`NAMES`].
    pub servers: [FileServer; 3],
}

impl Fleet {
    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.balancer.address
    }

    /// The file server of that name.
    ///
    /// # Panics
    /// Where there is none.
    pub fn server(&mut self, name: &str) -> &mut FileServer {
        let mut servers = self.servers.iter_mut();
        servers
            .find(|server| server.name == name)
            .expect("a server of that name")
    }
}

/// One file server, and what is needed to start it again.
#[derive(Debug)]
pub struct FileServer {
    /// Its name.
    pub name: &'static str,
    /// Where it listens; the same after a restart.
    pub address: SocketAddr,
    /// The process.
    pub process: Process,
    root: PathBuf,
    settings: String,
    time_zone: String,
    kafka: Option<SocketAddr>,
}

impl FileServer {
    fn start(plan: &Plan<'_>, name: &'static str) -> Self {
        Self::start_at(plan, name, (crate::loopback::own_address(), 0).into())
    }

    /// Starts one of a plan at an address.
    ///
    /// # Panics
    /// Where it does not listen.
    #[must_use]
    pub fn start_at(plan: &Plan<'_>, name: &'static str, address: SocketAddr) -> Self {
        let mut server = Self {
            name,
            address,
            process: launch(plan, name, address),
            root: plan.root.to_path_buf(),
            settings: plan.server_settings.to_owned(),
            time_zone: plan.time_zone.to_owned(),
            kafka: plan.kafka,
        };
        server.address = server.process.listening("address");
        server
    }

    /// Starts it again where it was. The process before must have ended.
    pub fn restart(&mut self) {
        let plan = Plan {
            root: &self.root,
            server_settings: &self.settings,
            balancer_settings: "",
            time_zone: &self.time_zone,
            kafka: self.kafka,
        };
        self.process = launch(&plan, self.name, self.address);
        assert_eq!(self.process.listening("address"), self.address);
    }

    /// The requests that it has answered, as its log tells them.
    #[must_use]
    pub fn requests(&self) -> Vec<serde_json::Value> {
        access_log::of_target(&self.process.log(), "netsocket_fileserver::access")
    }
}

fn launch(plan: &Plan<'_>, name: &str, listen: SocketAddr) -> Process {
    let dir = Scratch::new(name);
    let config = dir.write("fileserver.toml", plan.server_settings);
    let mut command = clean_command(Program::Fileserver.path_for_everybody());
    command
        .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
        .env("TZ", plan.time_zone)
        .arg("--config")
        .arg(config)
        .args(["--listen", &listen.to_string(), "--name", name, "--root"])
        .arg(plan.root);
    if let Some(broker) = plan.kafka {
        command.args(["--kafka", &broker.to_string()]);
    }
    tool::as_server_user(&mut command);
    Process::start(name, command, dir)
}

/// One balancer.
#[derive(Debug)]
pub struct Balancer {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Its admin pages.
    pub admin: Admin,
    /// The process.
    pub process: Process,
}

impl Balancer {
    /// Starts a balancer over backends that may or may not be there, on a free port.
    ///
    /// # Panics
    /// Where it does not listen.
    #[must_use]
    pub fn start(
        settings: &str,
        backends: &[(&str, SocketAddr)],
        kafka: Option<SocketAddr>,
    ) -> Self {
        let mut command = balancer_command(backends);
        command.args(["--listen", ANY_PORT]);
        if let Some(broker) = kafka {
            command.args(["--kafka", &broker.to_string()]);
        }
        Self::launch(command, settings)
    }

    /// The same where the settings say.
    ///
    /// # Panics
    /// Where it does not listen.
    #[must_use]
    pub fn start_as_configured(settings: &str, backends: &[(&str, SocketAddr)]) -> Self {
        Self::launch(balancer_command(backends), settings)
    }

    fn launch(mut command: Command, settings: &str) -> Self {
        let dir = Scratch::new("balancer");
        let config = dir.write("balancer.toml", settings);
        command.arg("--config").arg(config);
        let mut process = Process::start("balancer", command, dir);
        let address = process.listening("address");
        let admin = Admin(process.listening("admin"));
        Self {
            address,
            admin,
            process,
        }
    }

    /// The sessions that have ended, as its log tells them.
    #[must_use]
    pub fn sessions(&self) -> Vec<serde_json::Value> {
        access_log::sessions(&self.process.log())
    }

    /// Waits until `count` sessions have ended, and gives them back.
    #[must_use]
    pub fn ended_sessions(&self, count: usize) -> Vec<serde_json::Value> {
        eventually(PATIENCE, "the records of ended sessions", || {
            Some(self.sessions()).filter(|sessions| sessions.len() >= count)
        })
    }
}

fn balancer_command(backends: &[(&str, SocketAddr)]) -> Command {
    let mut command = clean_command(Program::Balancer.path());
    command
        .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
        .env(access_log::JSON_SESSIONS.0, access_log::JSON_SESSIONS.1)
        .args(["--admin", ANY_PORT]);
    for (name, address) in backends {
        command.args(["--backend", &format!("{name}={address}")]);
    }
    command
}
