//! The stream of a session: a plain socket, or TLS.
//!
//! Without TLS, writers use the socket itself, so that files can be sent by `sendfile(2)`. With TLS every byte is
//! encrypted here, so files are read and written.

use std::io;
use std::ops::{Deref, DerefMut};

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The name of HTTP/2 in a TLS handshake (RFC 7301).
pub(crate) const HTTP2: &[u8] = b"h2";

/// The name of HTTP/1.1.
pub(crate) const HTTP1: &[u8] = b"http/1.1";

/// A connection that is ready for a session.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS. Boxed, so that a session without TLS does not reserve memory for it.
    Tls(Box<TlsSession>),
}

impl Stream {
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    pub(crate) fn tcp_mut(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_mut().0,
        }
    }

    /// Whether client and server agreed on HTTP/2 during the TLS handshake.
    pub(crate) fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(HTTP2),
        }
    }

    /// Sends close_notify, if there is TLS and nothing else waits to be sent and the socket accepts it at once.
    pub(crate) fn send_close_notify(&mut self) {
        if let Self::Tls(tls) = self {
            tls.send_close_notify();
        }
    }
}

/// A TLS stream that says at its end that nothing was cut.
#[derive(Debug)]
pub(crate) struct TlsSession(TlsStream<TcpStream>);

impl TlsSession {
    /// Sends close_notify, which distinguishes a regular end from a cut connection, if nothing else waits to be sent
    /// and the socket accepts it at once.
    fn send_close_notify(&mut self) {
        let (tcp, session) = self.0.get_mut();
        if !session.wants_write() {
            session.send_close_notify();
            // If it does not arrive, the client still sees the close.
            let _ = session.write_tls(&mut NonBlockingWriter(tcp));
        }
    }
}

impl Deref for TlsSession {
    type Target = TlsStream<TcpStream>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for TlsSession {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for TlsSession {
    fn drop(&mut self) {
        self.send_close_notify();
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self::Plain(tcp)
    }
}

impl From<TlsStream<TcpStream>> for Stream {
    fn from(tls: TlsStream<TcpStream>) -> Self {
        Self::Tls(Box::new(TlsSession(tls)))
    }
}

/// A writer that never waits for the socket.
pub(crate) struct NonBlockingWriter<'a>(pub(crate) &'a TcpStream);

impl io::Write for NonBlockingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
