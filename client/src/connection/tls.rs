//! What protects a connection: TLS, and the token that says that we may read.
//!
//! Owns: the handshake, the stream that carries the bytes afterwards, and one sentence for each way in which the two
//! sides do not agree (`failure`). Does not own: the settings (`security`), nor when to connect.

pub(crate) mod failure;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Once};
use std::task::{Context, Poll};
use std::time::Duration;

use netsocket_protocol::security::Token;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connection::address::ServerAddress;
use crate::outcome::error::Error;

/// How connections are protected. The default is not at all, as inside a machine.
///
/// # Examples
///
/// ```
/// use netsocket_client::connection::tls::Security;
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::{authorities, client_config};
/// use netsocket_protocol::security::Token;
///
/// let dir = tempfile::tempdir()?;
/// let trusted = Authority::new("Example").write(dir.path(), "authority");
/// let config = client_config()?
///     .with_root_certificates(authorities(&trusted)?)
///     .with_no_client_auth();
/// let token = Token("correct horse battery staple".to_owned());
/// let security = Security::default().with_tls(config, None).with_token(token.clone());
/// assert_eq!(security.token(), Some(&token));
/// assert!(!format!("{security:?}").contains("horse"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    pub(crate) tls: Option<Tls>,
    token: Option<Token>,
}

#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    /// The name that the server's certificate must have, if not that by which it is called.
    name: Option<ServerName<'static>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls(name: {:?})", self.name)
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config) && self.name == other.name
    }
}

impl Eq for Tls {}

impl Security {
    /// With TLS; `name` is what the server's certificate must be for, if not for the name by which it is called.
    #[must_use]
    pub fn with_tls(self, config: ClientConfig, name: Option<ServerName<'static>>) -> Self {
        let config = Arc::new(config);
        Self {
            tls: Some(Tls { config, name }),
            ..self
        }
    }

    /// With a token for servers that want one.
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    /// What is shown to servers that want a token.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Makes of a new connection to `server` one that is protected, within `limit`.
    ///
    /// # Errors
    /// [`Error::Tls`] where the two sides do not agree, [`Error::Connect`] where that is not known.
    pub async fn secure(
        &self,
        tcp: TcpStream,
        server: &ServerAddress,
        limit: Duration,
    ) -> Result<Stream, Error> {
        let Some(tls) = &self.tls else {
            self.warn_if_unencrypted(&tcp);
            return Ok(Stream::Plain(tcp));
        };
        let name = match &tls.name {
            Some(name) => name.clone(),
            None => ServerName::try_from(server.host.clone())
                .map_err(|_| Error::Tls(failure::no_name(server)))?,
        };
        let connector = TlsConnector::from(Arc::clone(&tls.config));
        let agreed = timeout(limit, connector.connect(name, tcp)).await;
        let agreed = agreed.map_err(|_| Error::Connect {
            server: server.to_string(),
            reason: format!("something listens there, but TLS was not agreed on within {limit:?}"),
        })?;
        let stream = agreed.map_err(|error| failure::of_handshake(server, &error))?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Once in a process, whether it is to other machines that a token goes without TLS.
    fn warn_if_unencrypted(&self, tcp: &TcpStream) {
        static WARNED: Once = Once::new();
        let is_elsewhere = tcp
            .peer_addr()
            .is_ok_and(|peer| !peer.ip().to_canonical().is_loopback());
        if self.token.is_some() && is_elsewhere {
            WARNED.call_once(|| {
                tracing::warn!("the token crosses the network in the clear: see tls")
            });
        }
    }
}

/// The bytes of a connection to a server.
#[derive(Debug)]
pub enum Stream {
    /// As they are on the socket.
    Plain(TcpStream),
    /// Within TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Tls(tls) => {
                // What was written and did not fit into the socket would wait for ever for the answer to itself.
                let _ = Pin::new(&mut *tls).poll_flush(cx);
                match Pin::new(tls).poll_read(cx, buffer) {
                    // An end without a goodbye of TLS. Whether something is missing is told by the frames.
                    Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        Poll::Ready(Ok(()))
                    }
                    read => read,
                }
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
