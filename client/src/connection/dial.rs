//! Connecting to the service: failover between its addresses, time limits, and the connection kept between commands.
//!
//! Owns: opening TCP connections. Does not own: the protocol on a connection.

use std::io;
use std::time::Duration;

use netsocket_protocol::frame::Frame;
use netsocket_protocol::message::{Hello, Request};
use netsocket_settings::reason;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::connection::address::{ServerAddress, Servers};
use crate::connection::framed::{Connection, OnBytes, Timeouts};
use crate::connection::tls::Security;
pub use crate::connection::tls::Stream;
use crate::outcome::error::Error;

/// Maximum number of attempts until a server answers: a request that crashes servers must not crash all of them.
pub(crate) const MAX_INITIAL_ATTEMPTS: u32 = 3;

/// The service to connect to, and the time limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The addresses to try.
    pub servers: Servers,
    /// Time limits for single steps.
    pub timeouts: Timeouts,
    /// How long an interrupted transfer is retried without receiving a block.
    pub retry_deadline: Duration,
    /// TLS and the token.
    pub security: Security,
}

/// Connects to the service: at most one connection at a time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use netsocket_client::connection::framed::Timeouts;
/// use netsocket_client::connection::dial::{Dialer, Service};
/// use netsocket_client::outcome::exit::Exit;
/// use netsocket_client::connection::tls::Security;
/// use netsocket_protocol::message::{Order, Request};
/// use tokio::net::TcpSocket;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A bound address that does not listen.
/// let taken = TcpSocket::new_v4()?;
/// taken.bind("127.0.0.1:0".parse()?)?;
/// let limit = Duration::from_secs(5);
/// let service = Service {
///     servers: taken.local_addr()?.to_string().parse()?,
///     timeouts: Timeouts { connect: limit, answer: limit, stall: limit },
///     retry_deadline: Duration::ZERO,
///     security: Security::default(),
/// };
/// let mut dialer = Dialer::new(service, 0);
/// let request = Request::Directories { order: Order::Name };
/// let error = dialer.ask(&request, &|_| (), 1, |_| ()).await.err().expect("no answer");
/// assert_eq!(error.exit(), Exit::CannotConnect);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Dialer {
    service: Service,
    /// The index of the address that is tried first.
    first: usize,
    kept: Option<Connection<Stream>>,
}

impl Dialer {
    /// A dialer that starts with the address at index `first`, wrapping around.
    #[must_use]
    pub fn new(service: Service, first: usize) -> Self {
        Self {
            service,
            first,
            kept: None,
        }
    }

    /// The service it connects to.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The greeting of the connected server, if any.
    #[must_use]
    pub fn peer(&self) -> Option<&Hello> {
        self.kept.as_ref().and_then(Connection::peer)
    }

    /// Keeps a connection for the next request.
    pub fn keep(&mut self, connection: Connection<Stream>) {
        self.kept = Some(connection);
    }

    /// The index of the address that is tried first.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first
    }

    /// Drops a failed connection and moves on to the next address.
    pub fn try_next_server(&mut self) {
        self.kept = None;
        self.first = (self.first + 1) % self.service.servers.count();
    }

    /// Sends a request on the kept connection, or on a new one, and waits for the first frame of the answer. If the
    /// server answers with an error, the connection is kept for the next request. `notice` gets what a person should
    /// know meanwhile. Where no address can be used, those that accepted a connection without serving it are tried again,
    /// in `rounds` rounds at most: behind such an address may be a balancer, which has other servers.
    ///
    /// # Errors
    /// Those of [`Connection::open`] and [`Connection::ask`]; [`Error::Unreachable`] if there are several addresses.
    pub async fn ask(
        &mut self,
        request: &Request,
        on_bytes: OnBytes<'_>,
        rounds: u32,
        mut notice: impl FnMut(&str),
    ) -> Result<(Connection<Stream>, Frame), Error> {
        if let Some(mut kept) = self.kept.take() {
            if kept.is_usable().await {
                match kept.ask(request, on_bytes).await {
                    // Requests are idempotent, so sending one twice is safe.
                    Err(Error::Lost(_)) if !kept.is_answered() => {}
                    answer => return self.keep_if_refused(kept, answer),
                }
            }
            self.tell_closed(&mut notice);
        }
        let mut fresh = self.connect(rounds, notice).await?;
        let answer = fresh.ask(request, on_bytes).await;
        self.keep_if_refused(fresh, answer)
    }

    /// The kept connection, or a new one, made as by [`Self::ask`].
    ///
    /// # Errors
    /// Those of [`Connection::open`]; [`Error::Unreachable`] if there are several addresses.
    pub(crate) async fn connection(
        &mut self,
        rounds: u32,
        mut notice: impl FnMut(&str),
    ) -> Result<Connection<Stream>, Error> {
        if let Some(mut kept) = self.kept.take() {
            if kept.is_usable().await {
                return Ok(kept);
            }
            self.tell_closed(&mut notice);
        }
        self.connect(rounds, notice).await
    }

    fn tell_closed(&self, notice: &mut impl FnMut(&str)) {
        let servers = &self.service.servers;
        notice(&format!(
            "the connection was closed, reconnecting to {servers}"
        ));
    }

    fn keep_if_refused(
        &mut self,
        connection: Connection<Stream>,
        answer: Result<Frame, Error>,
    ) -> Result<(Connection<Stream>, Frame), Error> {
        match answer {
            Ok(frame) => Ok((connection, frame)),
            Err(error) => {
                if matches!(error, Error::Server(_)) {
                    self.kept = Some(connection);
                }
                Err(error)
            }
        }
    }

    /// Connects to the first address that can be used, and starts with it from now on.
    async fn connect(
        &mut self,
        rounds: u32,
        mut notice: impl FnMut(&str),
    ) -> Result<Connection<Stream>, Error> {
        let rounds = match self.service.retry_deadline {
            Duration::ZERO => 1,
            _ => rounds.max(1),
        };
        let mut is_told = false;
        let mut failed: Vec<Option<Error>> = Vec::new();
        failed.resize_with(self.service.servers.count(), || None);
        for left in (0..rounds).rev() {
            for (number, server) in self.service.servers.round_from(self.first) {
                let failed = &mut failed[number];
                if failed.as_ref().is_some_and(|error| !error.was_accepted()) {
                    continue;
                }
                match connect(server, &self.service).await {
                    Ok(connection) => {
                        self.first = number;
                        return Ok(connection);
                    }
                    Err(error) if error.is_unreachable() => *failed = Some(error),
                    Err(error) => return Err(error),
                }
            }
            if !failed.iter().flatten().any(Error::was_accepted) {
                break;
            }
            // One that was closed at once costs no time that would have to be explained.
            let silent = |error: &&Error| matches!(error, Error::NoGreeting { .. });
            if left > 0
                && !is_told
                && let Some(error) = failed.iter().flatten().find(silent)
            {
                is_told = true;
                notice(&format!("{error}; retrying"));
            }
        }
        let tried = self.service.servers.round_from(self.first);
        let mut errors: Vec<Error> = tried
            .filter_map(|(number, _)| failed[number].take())
            .collect();
        match errors.pop() {
            Some(only) if errors.is_empty() => Err(only),
            last => {
                errors.extend(last);
                Err(Error::Unreachable(errors))
            }
        }
    }
}

async fn connect(server: &ServerAddress, service: &Service) -> Result<Connection<Stream>, Error> {
    let Service {
        timeouts, security, ..
    } = service;
    let failed = |reason: String| Error::Connect {
        server: server.to_string(),
        reason,
    };
    let limit = timeouts.connect;
    let stream = timeout(
        limit,
        TcpStream::connect((server.host.as_str(), server.port)),
    )
    .await
    .map_err(|_| failed(format!("no answer within {limit:?}")))?
    .map_err(|error| match error.kind() {
        // The server accepted and reset the connection before this side noticed.
        io::ErrorKind::ConnectionReset => Error::ClosedAtOnce(server.to_string()),
        _ => failed(reason(&error)),
    })?;
    // Requests are small and wait for an answer; Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let stream = security.secure(stream, server, limit).await?;
    Connection::open(stream, server, *timeouts, security.token()).await
}
