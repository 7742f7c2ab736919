//! The way to the service: which of its addresses, how long to wait, and the connection that is kept between commands.
//!
//! Owns: the one place where a stream of bytes to a server is made. Does not own: what is said over it.

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

/// Where the service is, and how long this side waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The addresses to try.
    pub servers: Servers,
    /// For single steps.
    pub timeouts: Timeouts,
    /// How long a transfer that was lost is tried again without a block of it coming.
    pub retry_deadline: Duration,
    /// How connections are protected.
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
/// // An address that is taken, but where nobody listens.
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
/// let error = dialer.ask(&request, &|_| (), |_| ()).await.err().expect("no answer");
/// assert_eq!(error.exit(), Exit::CannotConnect);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Dialer {
    service: Service,
    /// The number of the address that is tried first.
    first: usize,
    kept: Option<Connection<Stream>>,
}

impl Dialer {
    /// A dialer that begins with the address number `first`, counted round.
    #[must_use]
    pub fn new(service: Service, first: usize) -> Self {
        Self {
            service,
            first,
            kept: None,
        }
    }

    /// Where it leads to.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The greeting of the server that is connected now, if one is.
    #[must_use]
    pub fn peer(&self) -> Option<&Hello> {
        self.kept.as_ref().and_then(Connection::peer)
    }

    /// Keeps a connection for the next request.
    pub fn keep(&mut self, connection: Connection<Stream>) {
        self.kept = Some(connection);
    }

    /// The number of the address that is tried first.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first
    }

    /// Lets go of the connection, which has failed; the next one begins with the next address.
    pub fn try_next_server(&mut self) {
        self.kept = None;
        self.first = (self.first + 1) % self.service.servers.count();
    }

    /// Sends a request over the kept connection, or over a new one, and waits for the first frame of the answer. A
    /// server that answers with an error has its connection kept: it goes on with the next request. `closed` is told
    /// where the kept one turns out to be closed.
    ///
    /// # Errors
    /// Any of [`Connection::open`] and [`Connection::ask`]; [`Error::Unreachable`] where there are several addresses.
    pub async fn ask(
        &mut self,
        request: &Request,
        on_bytes: OnBytes<'_>,
        closed: impl FnOnce(&Servers),
    ) -> Result<(Connection<Stream>, Frame), Error> {
        if let Some(mut kept) = self.kept.take() {
            if kept.is_usable().await {
                match kept.ask(request, on_bytes).await {
                    // Requests change nothing on the server, so asking twice does no harm.
                    Err(Error::Lost(_)) if !kept.is_answered() => {}
                    answer => return self.keep_if_refused(kept, answer),
                }
            }
            closed(&self.service.servers);
        }
        let mut fresh = self.connect().await?;
        let answer = fresh.ask(request, on_bytes).await;
        self.keep_if_refused(fresh, answer)
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

    /// Connects to the first address that can be connected to, which is the first to be tried from now on.
    async fn connect(&mut self) -> Result<Connection<Stream>, Error> {
        let mut errors = Vec::new();
        for (number, server) in self.service.servers.round_from(self.first) {
            match connect(server, &self.service).await {
                Ok(connection) => {
                    self.first = number;
                    return Ok(connection);
                }
                Err(error) if error.is_unreachable() => errors.push(error),
                Err(error) => return Err(error),
            }
        }
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
        // Accepted and reset, before this side had seen that it was accepted.
        io::ErrorKind::ConnectionReset => Error::ClosedAtOnce(server.to_string()),
        _ => failed(reason(&error)),
    })?;
    // Requests are small and wait for their answer. Without it they only get slower.
    let _ = stream.set_nodelay(true);
    let stream = security.secure(stream, server, limit).await?;
    Connection::open(stream, server, *timeouts, security.token()).await
}
