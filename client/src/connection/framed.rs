//! One connection to a file server: the greeting, then requests and frames, with a time limit on every read.
//!
//! Owns: the order of messages, over any byte stream. Does not own: which address to use, when to reconnect, or what
//! an answer is for.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use futures_util::FutureExt as _;
use netsocket_protocol::frame::{Frame, FrameCodec, FrameType, HEADER};
use netsocket_protocol::message::{ErrorReply, Hello, Message as _, Request};
use netsocket_protocol::security::{TLS_WANTED, TOKEN_WANTED, Token};
use netsocket_protocol::{MAGIC, MAX_FRAME, VERSION};
use netsocket_settings::reason;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};
use tokio_util::codec::{Decoder as _, Encoder as _};

use crate::connection::address::ServerAddress;
use crate::connection::features::understood;
use crate::connection::tls::failure;
use crate::outcome::error::Error;

/// Buffer space reserved before the length of the next frame is known.
const READ_SIZE: usize = 64 * 1024;

/// What the answer of an HTTP server begins with.
const HTTP: &[u8] = b"HTTP/";

/// What a server begins with that wants TLS and got something else: an alert, and the major version.
const TLS_ALERT: &[u8] = &[21, 3];

/// Time limit for reading the error that a server sent before it closed the connection.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(1);

/// Time limits of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, and again for the server's greeting.
    pub connect: Duration,
    /// For the next byte of an answer.
    pub answer: Duration,
    /// For the next byte in the middle of a transfer.
    pub stall: Duration,
}

/// Called with the number of bytes in each read.
pub type OnBytes<'a> = &'a (dyn Fn(u64) + Sync);

/// A connection on which greetings have been exchanged.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use netsocket_client::connection::framed::{Connection, Timeouts};
/// use netsocket_client::outcome::error::Error;
/// use tokio::io::AsyncWriteExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // An in-memory pipe with an SSH server at the other end.
/// let (near, mut far) = tokio::io::duplex(1024);
/// far.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await?;
/// let limit = Duration::from_secs(5);
/// let timeouts = Timeouts { connect: limit, answer: limit, stall: limit };
/// let opened = Connection::open(near, &"files.example:22".parse()?, timeouts, None).await;
/// assert!(matches!(opened, Err(Error::NotNetSocket(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    codec: FrameCodec,
    received: BytesMut,
    /// Time limit for the next byte.
    read_timeout: Duration,
    answer_timeout: Duration,
    answered: bool,
    /// When a byte was last received.
    last_read: Instant,
    peer: Option<Hello>,
    token: Option<Token>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Exchanges greetings with `server` over a stream, and sends the token if there is one.
    ///
    /// # Errors
    /// [`Error::Tls`] and [`Error::Token`] if the server requires TLS or a valid token; [`Error::ClosedAtOnce`], [`Error::NotNetSocket`], [`Error::HttpServer`], [`Error::TlsServer`] and [`Error::Version`];
    /// [`Error::NoGreeting`] if none arrives in time; [`Error::Server`] if the server refuses the session.
    pub async fn open(
        stream: S,
        server: &ServerAddress,
        timeouts: Timeouts,
        token: Option<&Token>,
    ) -> Result<Self, Error> {
        let mut connection = Self {
            stream,
            codec: FrameCodec::new(MAX_FRAME),
            received: BytesMut::new(),
            read_timeout: timeouts.answer,
            answer_timeout: timeouts.answer,
            answered: false,
            last_read: Instant::now(),
            peer: None,
            token: token.cloned(),
        };
        match timeout(timeouts.connect, connection.greet(server)).await {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(Error::Stalled(waited))) => Err(silent(server, waited)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(silent(server, timeouts.connect)),
        }
    }

    async fn greet(&mut self, server: &ServerAddress) -> Result<(), Error> {
        let hello = Hello {
            version: VERSION,
            software: concat!("netsocket/", env!("CARGO_PKG_VERSION")).to_owned(),
            name: String::new(),
            features: Vec::new(),
            token: self.token.clone(),
        };
        let mut opening = BytesMut::from(&MAGIC[..]);
        self.codec.encode(hello.to_frame()?, &mut opening)?;
        // A write error is ignored: the server may have sent a better reason before closing, which reading returns.
        let _ = self.stream.write_all(&opening).await;
        self.expect_magic(server).await?;
        let theirs = Hello::from_frame(&self.frame(&|_| ()).await?)?;
        tracing::debug!(
            %server,
            name = theirs.name,
            software = theirs.software,
            version = theirs.version,
            "connected"
        );
        let version = theirs.version;
        let wants = |feature: &str| theirs.features.iter().any(|theirs| theirs == feature);
        let (wants_tls, wants_token) = (wants(TLS_WANTED), wants(TOKEN_WANTED));
        self.peer = Some(theirs);
        if version < VERSION {
            let message = match self.frame(&|_| ()).await {
                Err(Error::Server(ErrorReply { message, .. })) => message,
                _ => String::new(),
            };
            return Err(Error::Version {
                theirs: version,
                message,
            });
        }
        if wants_tls {
            return Err(Error::Tls(failure::tls_wanted(server)));
        }
        if wants_token {
            let shown = self.token.is_some();
            return Err(Error::Token(failure::token_wanted(server, shown)));
        }
        Ok(())
    }

    async fn expect_magic(&mut self, server: &ServerAddress) -> Result<(), Error> {
        loop {
            let received = self.received.len().min(MAGIC.len());
            if self.received[..received] != MAGIC[..received] {
                return Err(self.of_another_protocol(server).await);
            }
            if received == MAGIC.len() {
                self.received.advance(received);
                return Ok(());
            }
            match self.fill(&|_| ()).await {
                Err(Error::Lost(_)) if received == 0 => {
                    return Err(Error::ClosedAtOnce(server.to_string()));
                }
                filled => filled?,
            }
        }
    }

    /// What the server is that did not begin with the magic.
    async fn of_another_protocol(&mut self, server: &ServerAddress) -> Error {
        let may_begin = |known: &[u8], received: &[u8]| {
            received.len() < known.len() && known.starts_with(received)
        };
        while may_begin(HTTP, &self.received) || may_begin(TLS_ALERT, &self.received) {
            if self.fill(&|_| ()).await.is_err() {
                break;
            }
        }
        let server = server.to_string();
        if self.received.starts_with(HTTP) {
            Error::HttpServer(server)
        } else if self.received.starts_with(TLS_ALERT) {
            Error::TlsServer(server)
        } else {
            Error::NotNetSocket(server)
        }
    }

    /// Sends a request and waits for the first frame of its answer.
    ///
    /// # Errors
    /// [`Error::Server`] if the answer is an error; [`Error::Lost`], [`Error::Stalled`], [`Error::Protocol`].
    pub async fn ask(&mut self, request: &Request, on_bytes: OnBytes<'_>) -> Result<Frame, Error> {
        self.send(request).await?;
        self.frame(on_bytes).await
    }

    /// Sends a request. Several may be sent before the first is answered; answers come in their order.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) async fn send(&mut self, request: &Request) -> Result<(), Error> {
        let features = self.peer.as_ref().map_or(&[][..], |peer| &peer.features);
        let request = understood(request, features)?;
        self.answered = false;
        self.read_timeout = self.answer_timeout;
        let mut bytes = BytesMut::new();
        self.codec.encode(request.to_frame()?, &mut bytes)?;
        match timeout(self.read_timeout, self.stream.write_all(&bytes)).await {
            Ok(Ok(())) => Ok(()),
            // The server may have sent a reason before closing.
            Ok(Err(error)) => match timeout(CLOSING_TIMEOUT, self.frame(&|_| ())).await {
                Ok(Err(refused @ Error::Server(_))) => Err(refused),
                _ => Err(Error::Lost(reason(&error))),
            },
            Err(_) => Err(Error::Stalled(self.read_timeout)),
        }
    }

    /// The next frame of an answer.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn frame(&mut self, on_bytes: OnBytes<'_>) -> Result<Frame, Error> {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.received)? {
                return match frame.kind {
                    FrameType::Error => Err(Error::Server(ErrorReply::from_frame(&frame)?)),
                    _ => Ok(frame),
                };
            }
            self.fill(on_bytes).await?;
        }
    }

    /// Reads what is available, at least one byte.
    async fn fill(&mut self, on_bytes: OnBytes<'_>) -> Result<(), Error> {
        // Within a frame, the codec has reserved exactly the rest of it.
        if self.received.len() < HEADER {
            self.received.reserve(READ_SIZE);
        }
        let read = timeout(self.read_timeout, self.stream.read_buf(&mut self.received)).await;
        match read.map_err(|_| Error::Stalled(self.read_timeout))? {
            Ok(0) => Err(Error::Lost("the server closed it".to_owned())),
            Ok(count) => {
                self.answered = true;
                self.last_read = Instant::now();
                on_bytes(count as u64);
                Ok(())
            }
            Err(error) => Err(failure::of_stream(&error)),
        }
    }

    /// Sets the time limit for each read until the next request.
    pub fn set_read_timeout(&mut self, read_timeout: Duration) {
        self.read_timeout = read_timeout;
    }

    /// When a byte was last received.
    #[must_use]
    pub fn last_read(&self) -> Instant {
        self.last_read
    }

    /// Bytes received of an incomplete frame.
    #[must_use]
    pub fn partial_frame_bytes(&self) -> u64 {
        self.received.len() as u64
    }

    /// The server's greeting.
    #[must_use]
    pub fn peer(&self) -> Option<&Hello> {
        self.peer.as_ref()
    }

    /// Whether a byte was received since the last request was sent.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// Whether the idle connection can carry another request: the server has neither closed it nor sent anything
    /// unsolicited.
    pub async fn is_usable(&mut self) -> bool {
        // Lets the runtime poll the socket first.
        tokio::task::yield_now().await;
        self.received.is_empty()
            && self
                .stream
                .read_buf(&mut self.received)
                .now_or_never()
                .is_none()
    }
}

fn silent(server: &ServerAddress, waited: Duration) -> Error {
    Error::NoGreeting {
        server: server.to_string(),
        reason: format!("it accepted the connection, but sent nothing for {waited:?}"),
    }
}
