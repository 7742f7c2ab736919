//! The listener of a file server, and the life of its sessions: accept, serve, stop, drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use netsocket_telemetry::{Figures, Identity, Producer, ProducerConfig, Role, Sinks, heartbeat};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::addresses::Addresses;
use crate::admin;
use crate::config::Config;
use crate::confine::{ConfineError, confine};
use crate::root::{Root, RootError};
use crate::service::Service;
use crate::session::{self, Full};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Refusals in words at a time; more are refused by a close.
const REFUSALS: usize = 32;

/// The pause after an accept that failed for want of descriptors or memory: doubled each time, up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Warnings about refused connections, and about failed accepts, come at most this often.
const WARN_EVERY: Duration = Duration::from_secs(1);

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
            !kafka.is_empty(),
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

    let acceptor = Acceptor::new(&service, &sessions);
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
    if config.kafka.is_empty() {
        return None;
    }
    let identity = Identity::new(Role::Fileserver, config.name.as_str());
    let producer = Producer::start(ProducerConfig::new(config.kafka.clone()), identity.key());
    let service = Arc::clone(service);
    let figures = move || Figures {
        client_count: service.sessions.since_start(),
        active_clients: service.sessions.open(),
        ..Figures::default()
    };
    let sinks = Sinks {
        history: None,
        producer: Some(producer.clone()),
    };
    tokio::spawn(heartbeat(identity, figures, sinks, end));
    Some(producer)
}

/// Accepts connections and makes each a session or a refusal.
struct Acceptor<'a> {
    service: &'a Arc<Service>,
    sessions: &'a TaskTracker,
    room: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    refusals: Arc<Semaphore>,
}

impl<'a> Acceptor<'a> {
    fn new(service: &'a Arc<Service>, sessions: &'a TaskTracker) -> Self {
        Self {
            service,
            sessions,
            room: Arc::new(Semaphore::new(service.max_sessions)),
            addresses: Arc::new(Addresses::new(service.max_sessions_per_address)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
        }
    }

    async fn run(&self, listener: TcpListener) {
        let (first_pause, longest_pause) = PAUSES;
        let mut pause = first_pause;
        let mut refused = Seldom::default();
        let mut failed = Seldom::default();
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    pause = first_pause;
                    if let Err(full) = self.admit(stream, peer)
                        && let Some(count) = refused.count(Instant::now())
                    {
                        tracing::warn!(%peer, count, reason = %full, "refused");
                    }
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if let Some(count) = failed.count(Instant::now()) {
                        tracing::warn!(%error, count, "cannot accept");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(longest_pause);
                }
            }
        }
    }

    /// Makes a connection a session where there is room. If not, it is refused, in words if few others are.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) -> Result<(), Full> {
        let service = Arc::clone(self.service);
        match self.permit(peer) {
            Ok(permit) => {
                self.sessions.spawn(async move {
                    session::serve(stream, peer, &service).await;
                    drop(permit);
                });
                Ok(())
            }
            Err(full) => {
                if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
                    self.sessions.spawn(async move {
                        session::refuse(stream, &service, full).await;
                        drop(permit);
                    });
                }
                Err(full)
            }
        }
    }

    /// The right to a session, for as long as what is returned is held.
    fn permit(&self, peer: SocketAddr) -> Result<impl Send + use<>, Full> {
        let of_all = Arc::clone(&self.room).try_acquire_owned();
        let of_all = of_all.map_err(|_| Full::All(self.service.max_sessions))?;
        let of_address = Addresses::take(&self.addresses, peer.ip());
        let of_address = of_address.ok_or(Full::Address(self.service.max_sessions_per_address))?;
        Ok((of_all, of_address))
    }
}

/// Errors that `accept(2)` passes on from the connection that it would have returned.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Events that get a log line for the first of them and then one in a while, with their number.
#[derive(Debug, Default)]
struct Seldom {
    last: Option<Instant>,
    count: u64,
}

impl Seldom {
    /// Counts an event. If a line is due, how many there were since the last line.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.last.is_some_and(|last| now - last < WARN_EVERY) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_is_one_line_a_second() {
        let mut seldom = Seldom::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(seldom.count(at(0)), Some(1));
        assert_eq!(seldom.count(at(1)), None);
        assert_eq!(seldom.count(at(999)), None);
        assert_eq!(seldom.count(at(1_000)), Some(3));
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
