//! The two halves of a socket as the relay uses them: what it reads from, and what it writes to.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

/// What a direction reads from.
pub(super) trait Source: AsyncRead + Unpin {
    /// Comes when the side that has sent its end resets the connection, and says how.
    type Loss: Future<Output = io::ErrorKind> + Unpin;

    /// The socket, where it is one that splice(2) takes.
    fn tcp(&self) -> Option<&TcpStream>;

    /// Waits for the loss; to be asked when the end has been read.
    fn loss(self) -> Self::Loss;
}

/// What a direction writes to.
pub(super) trait Sink: AsyncWrite + Unpin {
    /// The socket, where it is one that splice(2) takes.
    fn tcp(&self) -> Option<&TcpStream>;
}

impl<'a> Source for ReadHalf<'a> {
    type Loss = Pin<Box<dyn Future<Output = io::ErrorKind> + Send + 'a>>;

    fn tcp(&self) -> Option<&TcpStream> {
        Some(self.as_ref())
    }

    fn loss(self) -> Self::Loss {
        Box::pin(async move {
            if let Err(error) = self.ready(Interest::ERROR).await {
                return error.kind();
            }
            match self.as_ref().take_error() {
                Ok(Some(error)) | Err(error) => error.kind(),
                // Somebody has taken the error already, by writing.
                Ok(None) => io::ErrorKind::ConnectionReset,
            }
        })
    }
}

impl Sink for WriteHalf<'_> {
    fn tcp(&self) -> Option<&TcpStream> {
        Some(self.as_ref())
    }
}

/// One side of a session, as two halves.
pub(super) struct Wire<S: Source, T> {
    pub(super) inlet: Inlet<S>,
    pub(super) outlet: T,
}

impl<S: Source, T> From<(S, T)> for Wire<S, T> {
    fn from((source, outlet): (S, T)) -> Self {
        Self {
            inlet: Inlet::Open(source),
            outlet,
        }
    }
}

/// A source up to its end, and behind it the watch for a reset: a socket whose end was read is never read again, so
/// nothing else would notice.
pub(super) enum Inlet<S: Source> {
    Open(S),
    Ended(S::Loss),
    /// Only while one of the others takes the place.
    Turning,
}

impl<S: Source> Inlet<S> {
    pub(super) fn source(&mut self) -> Option<&mut S> {
        match self {
            Self::Open(source) => Some(source),
            _ => None,
        }
    }

    /// Whether the side is lost; to be asked only when its end has been read.
    pub(super) fn poll_loss(&mut self, cx: &mut Context<'_>) -> Poll<io::ErrorKind> {
        if matches!(self, Self::Open(_))
            && let Self::Open(source) = std::mem::replace(self, Self::Turning)
        {
            *self = Self::Ended(source.loss());
        }
        match self {
            Self::Ended(loss) => Pin::new(loss).poll(cx),
            _ => Poll::Pending,
        }
    }
}
