//! Start and stop of a file server: bind, sandbox, serve, drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::{Supervisor, reason};
use netsocket_telemetry::{Identity, Producer, Role, Sinks, heartbeat};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::config::exposure::exposed;
use crate::observe::admin::{self, SharedListener};
use crate::observe::telemetry::figures;
use crate::security::credential_store::CredentialStore;
use crate::security::credentials::CredentialsError;
use crate::security::sandbox::{Places, SandboxError, apply};
use crate::server::acceptor::Acceptor;
use crate::service::file_service::Service;
use crate::tree::root::{Root, RootError};

/// The names of tasks.
const ADMIN_TASK: &str = "admin";
const ACCEPTOR_TASK: &str = "acceptor";

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long the last telemetry records may take to reach Kafka at shutdown.
const FLUSH: Duration = Duration::from_secs(2);

/// Why a file server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory to share cannot be opened.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The address cannot be bound.
    #[error("{what} {address}: {}", reason(error))]
    Listen {
        /// The setting it comes from.
        what: &'static str,
        /// The configured address.
        address: SocketAddr,
        /// The error of the system.
        error: io::Error,
    },
    /// A certificate, key or token file is invalid.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The sandbox is required and cannot be set up.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// A file server that has opened its ports and its root but does not serve yet.
#[derive(Debug)]
pub struct Bound {
    listener: std::net::TcpListener,
    address: SocketAddr,
    admin: Option<(std::net::TcpListener, SocketAddr)>,
    root: Root,
    credential_store: CredentialStore,
    config: Config,
    tasks: Supervisor,
}

impl Bound {
    /// Opens the root, reads certificates and tokens, and binds the ports.
    ///
    /// # Errors
    /// [`StartError`] says which of them failed.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let root = Root::open(&config.root)?;
        let read = config.credentials_read.clone();
        let credential_store = CredentialStore::open(config.credentials.clone(), read)?;
        let failed = |what, address| {
            move |error| StartError::Listen {
                what,
                address,
                error,
            }
        };
        let (listener, address) = listen(config.listen).map_err(failed("listen", config.listen))?;
        let admin = config
            .admin
            .map(|address| listen(address).map_err(failed("admin", address)))
            .transpose()?;
        Ok(Self {
            listener,
            address,
            admin,
            root,
            credential_store,
            config,
            tasks: Supervisor::default(),
        })
    }

    /// The certificates and tokens in use; reloads them.
    #[must_use]
    pub fn credential_store(&self) -> CredentialStore {
        self.credential_store.clone()
    }

    /// The supervisor of all long-lived tasks of the process, also of those beside the server.
    #[must_use]
    pub fn tasks(&self) -> Supervisor {
        self.tasks.clone()
    }

    /// Enters the sandbox that the settings ask for. It applies to the calling thread and to threads started
    /// afterwards, so call it before the runtime starts.
    ///
    /// # Errors
    /// [`StartError::Sandbox`] if the sandbox is required and cannot be set up.
    pub fn sandbox(&self) -> Result<(), StartError> {
        let Config {
            confinement,
            spool_dir,
            kafka,
            credentials,
            ..
        } = &self.config;
        let places = Places {
            spool_dir,
            credentials: &credentials.directories(),
            asks_for_names: kafka.is_some(),
        };
        Ok(apply(*confinement, &self.root, &places)?)
    }

    /// The address it listens on, with the port the system chose for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the admin HTTP server, if it is enabled.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }
}

fn listen(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    // A restart must not fail because old connections are still in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until `shutdown`; then stops accepting, ends idle sessions at once, and lets running answers finish until the
/// drain timeout.
///
/// # Errors
/// If the listener cannot be registered with the runtime, or no thread can be started.
pub async fn run(bound: Bound, shutdown: CancellationToken) -> io::Result<()> {
    let Bound {
        listener,
        address,
        admin,
        root,
        credential_store,
        config,
        tasks,
    } = bound;
    let listener = TcpListener::from_std(listener)?;
    tracing::info!(
        %address,
        name = config.name,
        root = %root.path().display(),
        "listening"
    );
    log_exposure(address, &credential_store);
    let service = Arc::new(Service::new(
        root,
        &config,
        credential_store,
        shutdown.clone(),
        tasks.clone(),
    )?);
    let mut admin_task = JoinSet::new();
    if let Some((listener, address)) = admin {
        let listener = TcpListener::from_std(listener)?;
        tracing::info!(%address, "admin");
        // It runs until this function returns, so that it reports the drain.
        let (service, listener) = (Arc::clone(&service), SharedListener::new(listener));
        let began = Instant::now();
        admin_task.spawn(async move {
            let serve = || admin::serve(listener.clone(), Arc::clone(&service), began);
            service.tasks.run(ADMIN_TASK, serve).await;
        });
    }
    let beat_end = CancellationToken::new();
    let producer = start_heartbeat(&config, &service, beat_end.clone());
    let sessions = TaskTracker::new();

    let acceptor = Acceptor::new(&service, &sessions, config.proxy_protocol);
    // Returns only on cancellation: failed accepts are retried.
    let accept = tasks.run(ACCEPTOR_TASK, || acceptor.run(&listener));
    let _: Option<()> = shutdown.run_until_cancelled(accept).await;
    drop(listener);

    drain(&service, &sessions, config.drain_timeout).await;
    beat_end.cancel();
    if let Some(producer) = producer {
        producer.shutdown(FLUSH).await;
    }
    Ok(())
}

/// Logs TLS and tokens, if enabled, and warns if others can reach the address without them.
fn log_exposure(address: SocketAddr, credential_store: &CredentialStore) {
    let credentials = credential_store.current();
    let (tls, tokens) = (credentials.tls.is_some(), credentials.tokens.is_some());
    if tls || tokens {
        credential_store.log_state("credentials");
    }
    if let Some(exposed) = exposed(address.ip(), tls, tokens) {
        tracing::warn!(%address, "{exposed}");
    }
}

/// Waits for the sessions to end, and closes those still open at the deadline.
async fn drain(service: &Service, sessions: &TaskTracker, deadline: Duration) {
    sessions.close();
    tracing::info!(sessions = sessions.len(), "stopping");
    if timeout(deadline, sessions.wait()).await.is_err() {
        tracing::warn!(
            sessions = sessions.len(),
            "drain timeout: closing the remaining sessions"
        );
        service.abort.cancel();
        sessions.wait().await;
    }
    tracing::info!(
        sessions_since_start = service.sessions.since_start(),
        "stopped"
    );
}

/// Starts sending telemetry to Kafka, if configured.
fn start_heartbeat(
    config: &Config,
    service: &Arc<Service>,
    end: CancellationToken,
) -> Option<Producer> {
    let identity = Identity::new(Role::Fileserver, config.name.as_str());
    let supervisor = service.tasks.clone();
    let producer = Producer::start(config.kafka.clone()?, identity.key(), &supervisor);
    let service = Arc::clone(service);
    let sinks = Sinks {
        history: None,
        producer: Some(producer.clone()),
    };
    let figures = move || figures(&service);
    tokio::spawn(heartbeat(identity, figures, sinks, supervisor, end));
    Some(producer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_named() {
        let root = tempfile::tempdir().unwrap();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            ..Config::new(root.path())
        };
        let first = Bound::bind(config.clone()).unwrap();
        let config = Config {
            listen: first.address(),
            ..config
        };
        let said = Bound::bind(config).unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("listen {}: ", first.address())) && said.contains("in use"),
            "{said}"
        );
    }
}
