//! A connection to the admin address: as it is, or within TLS. The handshake is a part of the first read, so that it keeps no
//! other client waiting.

use std::io::{self, ErrorKind, IoSlice};
use std::mem;
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

/// What a client without TLS is told.
const SPEAKS_TLS: &str = "this address speaks TLS: use https://\n";

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
    /// Nothing has come yet.
    Arrived(TcpStream, TlsAcceptor),
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
            state: State::Arrived(stream, acceptor),
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
        if let State::Arrived(stream, _) = &self.state {
            let mut first = [0];
            let mut buffer = ReadBuf::new(&mut first);
            let peeked = match stream.poll_peek(context, &mut buffer) {
                Poll::Ready(peeked) => peeked.map(|_| ()),
                Poll::Pending => {
                    ready!(self.deadline.as_mut().poll(context));
                    Err(ErrorKind::TimedOut.into())
                }
            };
            let arrived = mem::replace(&mut self.state, State::Failed);
            peeked?;
            if let State::Arrived(stream, acceptor) = arrived {
                if first[0].is_ascii_uppercase() {
                    refuse_plain(&stream);
                    return Poll::Ready(Err(ErrorKind::InvalidData.into()));
                }
                self.state = State::Handshaking(acceptor.accept(stream));
            }
        }
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

/// Answers a request in plain HTTP, as far as that is possible at once: the connection ends anyway.
fn refuse_plain(stream: &TcpStream) {
    // What was not read would make the end a reset, which may overtake the answer.
    let mut request = [0; 16 * 1024];
    let _ = stream.try_read(&mut request);
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{SPEAKS_TLS}",
        SPEAKS_TLS.len()
    );
    let _ = stream.try_write(answer.as_bytes());
    debug!("plain HTTP at the admin address, which speaks TLS");
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
