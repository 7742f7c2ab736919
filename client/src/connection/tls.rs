//! Connection security: TLS and the access token.
//!
//! Owns: the handshake, the encrypted or plain stream, and the messages for failed handshakes (`failure`). Does not own:
//! the settings (`config`), or when to connect.

pub(crate) mod failure;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Once};
use std::task::{Context, Poll};
use std::time::Duration;

use netsocket_protocol::security::Token;
use netsocket_settings::complain;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connection::address::ServerAddress;
use crate::outcome::error::Error;

/// How connections are secured. The default is not at all, as on a single machine.
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
    /// The name expected in the server's certificate, if it differs from the host name.
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
    /// Enables TLS; `name` is expected in the server's certificate instead of the host name.
    #[must_use]
    pub fn with_tls(self, config: ClientConfig, name: Option<ServerName<'static>>) -> Self {
        let config = Arc::new(config);
        Self {
            tls: Some(Tls { config, name }),
            ..self
        }
    }

    /// Sets a token for servers that require one.
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    /// The token sent to servers.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Secures a new connection to `server`, within `limit`.
    ///
    /// # Errors
    /// [`Error::Tls`] if the handshake fails, [`Error::NoGreeting`] if the connection does.
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
        let agreed = agreed.map_err(|_| Error::NoGreeting {
            server: server.to_string(),
            reason: format!(
                "it accepted the connection, but the TLS handshake did not finish within {limit:?}"
            ),
        })?;
        let stream = agreed.map_err(|error| failure::of_handshake(server, &error))?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Warns once per process if the token is sent to another machine without TLS.
    fn warn_if_unencrypted(&self, tcp: &TcpStream) {
        static WARNED: Once = Once::new();
        let is_elsewhere = tcp
            .peer_addr()
            .is_ok_and(|peer| !peer.ip().to_canonical().is_loopback());
        if self.token.is_some() && is_elsewhere {
            WARNED.call_once(|| {
                complain(
                    "netsocket",
                    "warning: sending the token unencrypted: --tls protects it",
                );
            });
        }
    }
}

/// The byte stream of a connection to a server.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over TCP.
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
                // Flush first: a request still buffered here would wait forever for its own answer.
                let _ = Pin::new(&mut *tls).poll_flush(cx);
                match Pin::new(tls).poll_read(cx, buffer) {
                    // EOF without close_notify. The framing detects truncation.
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
