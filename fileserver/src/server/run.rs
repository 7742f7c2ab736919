//! The life of a file server: bind, confine, serve, stop, drain.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use netsocket_telemetry::{Identity, Producer, Role, Sinks, Supervisor, heartbeat};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::observe::admin;
use crate::observe::telemetry::figures;
use crate::security::credential_store::Keyring;
use crate::security::credentials::CredentialsError;
use crate::security::sandbox::{ConfineError, Places, confine};
use crate::server::acceptor::Acceptor;
use crate::service::file_service::Service;
use crate::tree::root::{Root, RootError};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long the last records may take on their way to Kafka.
const FLUSH: Duration = Duration::from_secs(2);

/// Why a file server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory to share cannot be opened.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The address cannot be listened on.
    #[error("{what} {address}: {source}")]
    Listen {
        /// The setting that it is from.
        what: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A certificate, key or token is not what it should be.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The process is not confined as it must be.
    #[error(transparent)]
    Confine(#[from] ConfineError),
}

/// A file server that holds its port and its root, and does not serve yet.
#[derive(Debug)]
pub struct Bound {
    listener: std::net::TcpListener,
    address: SocketAddr,
    admin: Option<(std::net::TcpListener, SocketAddr)>,
    root: Root,
    keyring: Keyring,
    config: Config,
}

impl Bound {
    /// Opens the root, reads certificates and tokens, and binds the ports.
    ///
    /// # Errors
    /// [`StartError`] names what cannot be had.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let root = Root::open(&config.root)?;
        let keyring = Keyring::open(config.credentials.clone())?;
        let failed = |what, address| {
            move |source| StartError::Listen {
                what,
                address,
                source,
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
            keyring,
            config,
        })
    }

    /// What reads certificates and tokens anew.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        self.keyring.clone()
    }

    /// Gives up what this process does not need to serve, as far as the settings say. It binds the calling thread and
    /// those that it starts afterwards, so it must come before the runtime.
    ///
    /// # Errors
    /// [`StartError::Confine`] where confinement is required and cannot be had.
    pub fn confine(&self) -> Result<(), StartError> {
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
        Ok(confine(*confinement, &self.root, &places)?)
    }

    /// Where it listens, with the port that the system chose for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics and health are served, if they are.
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
    // A restart must not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until `shutdown`; then stops accepting, ends idle sessions at once, and gives running answers until the drain
/// timeout.
///
/// # Errors
/// Where the listener cannot be given to the runtime, or the system gives no thread.
pub async fn run(bound: Bound, shutdown: CancellationToken) -> io::Result<()> {
    let Bound {
        listener,
        address,
        admin,
        root,
        keyring,
        config,
    } = bound;
    let listener = TcpListener::from_std(listener)?;
    tracing::info!(
        %address,
        name = config.name,
        root = %root.path().display(),
        "listening"
    );
    tell_who_may_read(address, &keyring);
    let service = Arc::new(Service::new(root, &config, keyring, shutdown.clone())?);
    let mut admin_task = JoinSet::new();
    if let Some((listener, address)) = admin {
        let listener = TcpListener::from_std(listener)?;
        tracing::info!(%address, "admin");
        // It ends with this function, so that it can tell of the drain.
        admin_task.spawn(admin::serve(listener, Arc::clone(&service)));
    }
    let beat_end = CancellationToken::new();
    let producer = start_heartbeat(&config, &service, beat_end.clone());
    let sessions = TaskTracker::new();

    let acceptor = Acceptor::new(&service, &sessions, config.proxy_protocol);
    // Ends only with the token, as an accept that fails is tried again.
    let _: Option<()> = shutdown.run_until_cancelled(acceptor.run(listener)).await;

    drain(&service, &sessions, config.drain_timeout).await;
    beat_end.cancel();
    if let Some(producer) = producer {
        producer.shutdown(FLUSH).await;
    }
    Ok(())
}

/// One line about TLS and tokens, where there are any, and a warning where they do not protect what others can reach.
fn tell_who_may_read(address: SocketAddr, keyring: &Keyring) {
    let credentials = keyring.current();
    let (tls, tokens) = (credentials.tls.is_some(), credentials.tokens.is_some());
    if tls || tokens {
        keyring.tell("credentials");
    }
    if let Some(exposed) = exposed(address.ip(), tls, tokens) {
        tracing::warn!(%address, "{exposed}");
    }
}

/// What others than this machine can read without being asked who they are; nothing where that is as it should be.
fn exposed(address: IpAddr, tls: bool, tokens: bool) -> Option<&'static str> {
    match (address.to_canonical().is_loopback(), tls, tokens) {
        (true, ..) | (_, true, _) => None,
        (false, false, true) => Some(
            "tokens and files cross the network in the clear: set tls_certificate, or listen on loopback",
        ),
        (false, false, false) => Some(
            "whoever reaches this address can read all files, and they cross the network in the clear: set \
             tls_certificate and tls_client_ca or token_file, or listen on loopback",
        ),
    }
}

/// Waits for sessions to end, and ends those that do not.
async fn drain(service: &Service, sessions: &TaskTracker, deadline: Duration) {
    sessions.close();
    tracing::info!(sessions = sessions.len(), "stopping");
    if timeout(deadline, sessions.wait()).await.is_err() {
        tracing::warn!(sessions = sessions.len(), "drain timeout: sessions are cut");
        service.abort.cancel();
        sessions.wait().await;
    }
    tracing::info!(
        sessions_since_start = service.sessions.since_start(),
        "stopped"
    );
}

/// Begins to tell Kafka about this server, if it is to.
fn start_heartbeat(
    config: &Config,
    service: &Arc<Service>,
    end: CancellationToken,
) -> Option<Producer> {
    let identity = Identity::new(Role::Fileserver, config.name.as_str());
    let supervisor = Supervisor::default();
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
    fn only_what_others_can_reach_is_exposed() {
        let said = |address: &str, tls, tokens| exposed(address.parse().unwrap(), tls, tokens);
        for loopback in ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(said(loopback, false, false), None);
        }
        for reachable in ["0.0.0.0", "192.0.2.1", "::", "2001:db8::1"] {
            assert!(said(reachable, false, false).is_some_and(|said| said.contains("all files")));
            assert!(said(reachable, false, true).is_some_and(|said| said.contains("tokens")));
            assert_eq!(said(reachable, true, false), None);
            assert_eq!(said(reachable, true, true), None);
        }
    }

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
