//! The bytes of a session: as they are on the socket, or within TLS.
//!
//! What writes without TLS uses the socket itself, so that files go out by `sendfile(2)`; within TLS every byte has to
//! be encrypted here, so they are read and written.

use std::io;

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection whose session may begin.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// Within TLS. Boxed, so that a session without it has no room for it.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    pub(super) fn tcp_mut(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_mut().0,
        }
    }

    /// Within TLS an end of the session looks different from a connection that was cut. Says so, where nothing waits to
    /// be sent before it and the socket takes it at once.
    pub(super) fn send_close_notify(&mut self) {
        if let Self::Tls(tls) = self {
            let (tcp, session) = tls.get_mut();
            if !session.wants_write() {
                session.send_close_notify();
                // Who does not hear it learns it from the close.
                let _ = session.write_tls(&mut NonBlockingWriter(tcp));
            }
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self::Plain(tcp)
    }
}

impl From<TlsStream<TcpStream>> for Stream {
    fn from(tls: TlsStream<TcpStream>) -> Self {
        Self::Tls(Box::new(tls))
    }
}

/// A socket that takes what it can take at once.
pub(super) struct NonBlockingWriter<'a>(pub(super) &'a TcpStream);

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
