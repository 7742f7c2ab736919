//! The life of a file server: bind, confine, serve, stop, drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use netsocket_telemetry::{Identity, Producer, Role, Sinks, heartbeat};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::acceptor::Acceptor;
use crate::admin;
use crate::config::Config;
use crate::confine::{ConfineError, confine};
use crate::figures::figures;
use crate::root::{Root, RootError};
use crate::service::Service;

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
    config: Config,
}

impl Bound {
    /// Opens the root and binds the ports.
    ///
    /// # Errors
    /// [`StartError`] names what cannot be had.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let root = Root::open(&config.root)?;
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
            config,
        })
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
            ..
        } = &self.config;
        Ok(confine(
            *confinement,
            &self.root,
            spool_dir,
            kafka.is_some(),
        )?)
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
        config,
    } = bound;
    let listener = TcpListener::from_std(listener)?;
    tracing::info!(
        %address,
        name = config.name,
        root = %root.path().display(),
        "listening"
    );
    let service = Arc::new(Service::new(root, &config, shutdown.clone())?);
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
    let producer = Producer::start(config.kafka.clone()?, identity.key());
    let service = Arc::clone(service);
    let sinks = Sinks {
        history: None,
        producer: Some(producer.clone()),
    };
    tokio::spawn(heartbeat(identity, move || figures(&service), sinks, end));
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
