//! Startup: resolves host names and binds the sockets, so that their addresses are known. Nothing runs yet.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use netsocket_settings::{AdminAddress, Problems, Supervisor};
use tokio::sync::mpsc::Receiver;

use crate::config::{Config, ListenOptions, Secrets};
use crate::control::admin_listener;
use crate::control::binding::{Bound, bind_all};
use crate::control::handover::{Inherited, Predecessor, Program};
use crate::control::lifecycle::{LifecycleHandle, LifecycleRequest};
use crate::control::pid_file::PidFile;
use crate::control::reload::Source;
use crate::control::resolve::{BindError, resolve, secrets};
use crate::control::systemd::Manager;
use crate::core::pool::{Pool, PoolIdentity};
use crate::core::session_record::SessionRecord;
use crate::data_path::listen_socket::ListenSocket;
use crate::data_path::shared::RecordHook;
use crate::data_path::unix_listener::SocketFile;

/// A balancer that is ready to run: names are resolved and sockets are bound, so that any problem on this machine has been
/// found.
pub struct Startup {
    pub(crate) config: Arc<Config>,
    /// One at least.
    pub(crate) listeners: Vec<Bound>,
    pub(crate) admin: Arc<ListenSocket>,
    /// Of `admin`, behind which it goes.
    pub(crate) socket_file: Option<SocketFile>,
    /// In the order of the settings; one at least.
    pub(crate) pools: Vec<Arc<Pool>>,
    pub(crate) on_record: Option<RecordHook>,
    pub(crate) secrets: Secrets,
    pub(crate) pid_file: Option<PidFile>,
    pub(crate) origin: Origin,
    pub(crate) requests: (LifecycleHandle, Receiver<LifecycleRequest>),
    /// Where the settings come from, for a reload.
    pub(crate) source: Option<Source>,
    /// The file among that, for messages.
    pub(crate) settings_file: Option<PathBuf>,
    /// What to start for a restart.
    pub(crate) program: Option<Program>,
    pub(crate) manager: Arc<Manager>,
    pub(crate) tasks: Supervisor,
    /// Of the first socket: what stands for the balancer where it has no name.
    pub(crate) first_address: String,
    listen_address: SocketAddr,
    admin_address: AdminAddress,
}

/// Where the sockets come from.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// Whether `admin` came from the service manager.
    pub(crate) admin_is_managed: bool,
    /// Whether clients may have been waiting before the start.
    pub(crate) has_clients: bool,
    /// Restarts before this start.
    pub(crate) restarts: u32,
    pub(crate) predecessor: Option<Predecessor>,
}

impl Startup {
    /// Resolves the backends' hosts and binds both sockets. Blocks while names are resolved.
    ///
    /// # Errors
    /// All hosts without an address, or the first socket that cannot be bound.
    pub fn bind(config: Config) -> Result<Self, BindError> {
        Self::bind_with(config, Inherited::default())
    }

    /// Like [`Self::bind`], with the sockets that this process inherited: one is used if it has the configured address or
    /// came from the service manager.
    ///
    /// # Errors
    /// Like [`Self::bind`]. An old process that waits for this one is notified.
    pub fn bind_with(config: Config, mut inherited: Inherited) -> Result<Self, BindError> {
        let startup = Self::assemble(config, &mut inherited);
        if let Err(error) = &startup {
            inherited.refuse(error);
        }
        startup
    }

    fn assemble(config: Config, inherited: &mut Inherited) -> Result<Self, BindError> {
        let pools = pools(&config)?;
        let secrets = secrets(&config)?;
        let admin_is_managed = inherited.admin_is_managed();
        let has_clients = inherited.has_clients();
        let predecessor = inherited.predecessor.as_ref();
        let restarts = predecessor.map_or(0, |predecessor| predecessor.restarts);
        let pid_file = config.lifecycle.pid_file.as_deref().map(pid_file);
        let pid_file = pid_file.transpose()?;
        let listeners = bind_all(&config, inherited)?;
        // The last thing that can fail: what is bound by then would leave its file behind.
        let admin = bind_admin(&config, inherited)?;
        // The file of a socket of the service manager is the service manager's.
        let path = admin.address().filter(|_| !admin_is_managed);
        let socket_file = path.and_then(|address| SocketFile::of(address.path()?));
        Ok(Self {
            pid_file,
            origin: Origin {
                admin_is_managed,
                has_clients,
                restarts,
                predecessor: inherited.predecessor.take(),
            },
            requests: LifecycleHandle::new(),
            source: None,
            settings_file: None,
            program: None,
            manager: Arc::default(),
            tasks: Supervisor::default(),
            first_address: first_address(&listeners),
            listen_address: first_tcp(&listeners),
            admin_address: admin.address().unwrap_or_else(|| config.admin.clone()),
            config: Arc::new(config),
            listeners,
            admin: Arc::new(admin),
            socket_file,
            pools,
            secrets,
            on_record: None,
        })
    }

    /// The address that clients connect to; the first TCP address of several.
    #[must_use]
    pub fn listen_address(&self) -> SocketAddr {
        self.listen_address
    }

    /// All addresses that clients connect to, each with its service.
    #[must_use]
    pub fn listen_addresses(&self) -> Vec<(String, AdminAddress)> {
        let each = self.listeners.iter();
        each.filter_map(|bound| Some((bound.service.clone(), bound.socket.socket.address()?)))
            .collect()
    }

    /// The address of the admin HTTP.
    #[must_use]
    pub fn admin_address(&self) -> &AdminAddress {
        &self.admin_address
    }

    /// The default pool, which stays accessible while the balancer runs; without one, the first of the settings.
    #[must_use]
    pub fn pool(&self) -> Arc<Pool> {
        let first = self.pools.first().map(Arc::clone);
        first.unwrap_or_else(|| {
            Arc::new(Pool::new(
                Vec::new(),
                self.config.balance,
                self.config.health,
                0,
            ))
        })
    }

    /// All pools, in the order of the settings.
    #[must_use]
    pub fn pools(&self) -> &[Arc<Pool>] {
        &self.pools
    }

    /// The handle to reload and restart the running balancer.
    #[must_use]
    pub fn lifecycle(&self) -> LifecycleHandle {
        self.requests.0.clone()
    }

    /// The supervisor of all long-lived tasks of the process, also of those beside the balancer.
    #[must_use]
    pub fn tasks(&self) -> Supervisor {
        self.tasks.clone()
    }

    /// Sets the function that a reload reads the settings with.
    pub fn reload_from(
        &mut self,
        source: impl Fn() -> Result<Config, Problems> + Send + Sync + 'static,
    ) {
        self.source = Some(Arc::new(source));
    }

    /// Names the file of the settings, for what an operator is told to do.
    pub fn name_settings_file(&mut self, file: PathBuf) {
        self.settings_file = Some(file);
    }

    /// Sets the program that a restart starts.
    pub fn restart_by(&mut self, program: Program) {
        self.program = Some(program);
    }

    /// Reports readiness and status to the service manager.
    pub fn report_to(&mut self, manager: Manager) {
        self.manager = Arc::new(manager);
    }

    /// Calls `hook` with the record of every finished session. It runs on the worker's thread and must not block.
    pub fn on_record(&mut self, hook: impl Fn(&SessionRecord) + Send + Sync + 'static) {
        self.on_record = Some(Arc::new(hook));
    }
}

/// The pools of the settings, with every host resolved; or all hosts without an address.
fn pools(config: &Config) -> Result<Vec<Arc<Pool>>, BindError> {
    let mut pools = Vec::new();
    let mut problems = Vec::new();
    let shortages = PoolIdentity::default().shortages;
    for (number, plan) in config.pool_plans().into_iter().enumerate() {
        match resolve(&plan.settings.backends) {
            Ok(backends) => {
                let identity = PoolIdentity {
                    name: plan.name.into(),
                    number,
                    shortages: Arc::clone(&shortages),
                };
                let (balance, health) = (plan.settings.balance, plan.settings.health);
                let start = random_position();
                let pool = Pool::identified(identity, backends, balance, health, start);
                pools.push(Arc::new(pool));
            }
            Err(BindError::Resolve(more)) => problems.extend(more),
            Err(other) => return Err(other),
        }
    }
    if problems.is_empty() {
        Ok(pools)
    } else {
        Err(BindError::Resolve(problems))
    }
}

fn first_address(listeners: &[Bound]) -> String {
    let first = listeners.first();
    let address = first.and_then(|bound| bound.socket.socket.address());
    address.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
}

fn first_tcp(listeners: &[Bound]) -> SocketAddr {
    let addresses = listeners.iter().map(|bound| bound.socket.socket.address());
    let mut tcp = addresses.flatten().filter_map(|address| address.tcp());
    tcp.next()
        .unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
}

fn bind_admin(config: &Config, inherited: &mut Inherited) -> Result<ListenSocket, BindError> {
    let address = &config.admin;
    let given = inherited.admin.take();
    let given = given.and_then(|listener| listener.for_admin(address));
    let socket = given.map_or_else(
        || admin_listener::bind(address),
        |socket| socket.adopt(ListenOptions::default()),
    );
    socket.map_err(|error| BindError::Listen {
        key: "admin".to_owned(),
        address: address.to_string(),
        error,
    })
}

fn pid_file(path: &Path) -> Result<PidFile, BindError> {
    PidFile::prepare(path).map_err(|error| BindError::PidFile {
        path: path.to_owned(),
        error,
    })
}

/// Where round robin begins. Every hasher of the standard library has keys of its own.
pub(crate) fn random_position() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::config::BackendAddress;

    fn config(backends: &[(&str, &str)]) -> Config {
        let backend = |&(name, host): &(&str, &str)| BackendAddress {
            name: name.into(),
            host: host.into(),
            port: 9,
            attributes: crate::core::backend::Attributes::default(),
        };
        Config {
            listen: ([127, 0, 0, 1], 0).into(),
            admin: ([127, 0, 0, 1], 0).into(),
            backends: backends.iter().map(backend).collect(),
            ..Config::default()
        }
    }

    #[test]
    fn real_addresses_are_known_before_anything_runs() {
        let startup = Startup::bind(config(&[("a", "127.0.0.1"), ("b", "::1")]))
            .unwrap_or_else(|e| panic!("{e}"));
        assert_ne!(startup.listen_address().port(), 0);
        assert!(
            startup
                .admin_address()
                .tcp()
                .is_some_and(|address| address.port() != 0)
        );
        let addresses: Vec<String> = startup
            .pool()
            .backends()
            .iter()
            .map(|b| b.address().to_string())
            .collect();
        assert_eq!(addresses, ["127.0.0.1:9", "[::1]:9"]);
    }

    #[test]
    fn an_address_in_use_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let failed = |config| Startup::bind(config).err().map(|error| error.to_string());
        let base = config(&[("a", "127.0.0.1")]);
        let listen = Config {
            listen: address.into(),
            ..base.clone()
        };
        assert_eq!(
            failed(listen),
            Some(format!("listen {address}: address already in use"))
        );
        let admin = Config {
            admin: address.into(),
            ..base
        };
        assert_eq!(
            failed(admin),
            Some(format!("admin {address}: address already in use"))
        );
    }

    #[test]
    fn all_hosts_without_an_address_are_named() {
        // Labels of more than 63 bytes are refused by the resolver itself, without a question to the network.
        let long = "x".repeat(64);
        let bad = [
            ("a", long.as_str()),
            ("b", "127.0.0.1"),
            ("c", long.as_str()),
        ];
        let said = Startup::bind(config(&bad))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{said}");
        assert!(
            lines[0].starts_with("backend a=") && lines[1].starts_with("backend c="),
            "{said}"
        );
    }
}
