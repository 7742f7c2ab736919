//! A connection to the admin address: as it is, or within TLS. The handshake is a part of the first read, so that it keeps no
//! other client waiting.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};
use tracing::debug;

use crate::core::tls::ServerTls;

/// A connection of a client.
pub(crate) enum AdminStream {
    Plain(TcpStream),
    Tls(Box<Secured>),
}

/// One within TLS.
pub(crate) struct Secured {
    state: State,
    deadline: Pin<Box<Sleep>>,
}

enum State {
    Handshaking(Accept<TcpStream>),
    Open(TlsStream<TcpStream>),
    Failed,
}

impl AdminStream {
    pub(crate) fn new(stream: TcpStream, tls: Option<&ServerTls>) -> Self {
        let Some(tls) = tls else {
            return Self::Plain(stream);
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.config));
        Self::Tls(Box::new(Secured {
            state: State::Handshaking(acceptor.accept(stream)),
            deadline: Box::pin(sleep(tls.handshake_timeout)),
        }))
    }
}

impl Secured {
    /// The connection, once the handshake is over.
    fn poll_open(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Pin<&mut TlsStream<TcpStream>>>> {
        if let State::Handshaking(accept) = &mut self.state {
            let outcome = match Pin::new(accept).poll(context) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => {
                    ready!(self.deadline.as_mut().poll(context));
                    Err(ErrorKind::TimedOut.into())
                }
            };
            match outcome {
                Ok(stream) => self.state = State::Open(stream),
                Err(error) => {
                    debug!(%error, "TLS handshake at the admin address failed");
                    self.state = State::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(self.open().ok_or_else(|| ErrorKind::NotConnected.into()))
    }

    /// The connection; nothing before the handshake, or after one that failed.
    fn open(&mut self) -> Option<Pin<&mut TlsStream<TcpStream>>> {
        match &mut self.state {
            State::Open(stream) => Some(Pin::new(stream)),
            _ => None,
        }
    }
}

impl AsyncRead for AdminStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(secured) => ready!(secured.poll_open(context))?.poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for AdminStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(secured) => ready!(secured.poll_open(context))?.poll_write(context, bytes),
        }
    }

    /// Bodies of many pieces then go out as they are, not copied behind one another.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Self::Tls(secured) => {
                ready!(secured.poll_open(context))?.poll_write_vectored(context, pieces)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(secured) => match secured.open() {
                Some(stream) => stream.poll_flush(context),
                None => Poll::Ready(Ok(())),
            },
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(secured) => match secured.open() {
                Some(stream) => stream.poll_shutdown(context),
                None => Poll::Ready(Ok(())),
            },
        }
    }
}
