//! The stream of a session: a plain socket, or TLS.
//!
//! Without TLS, writers use the socket itself, so that files can be sent by `sendfile(2)`. With TLS every byte is
//! encrypted here, so files are read and written.

use std::io;

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection that is ready for a session.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS. Boxed, so that a session without TLS does not reserve memory for it.
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

    /// Sends close_notify, which distinguishes a regular end from a cut connection, if nothing else waits to be sent
    /// and the socket accepts it at once.
    pub(super) fn send_close_notify(&mut self) {
        if let Self::Tls(tls) = self {
            let (tcp, session) = tls.get_mut();
            if !session.wants_write() {
                session.send_close_notify();
                // If it does not arrive, the client still sees the close.
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

/// A writer that never waits for the socket.
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
