//! The body of an answer, and the record of its request, which ends with it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::chunk::Chunk;
use super::file_body::FileBody;
use super::link::Sent;
use super::record::Record;
use crate::service::access_log::Served;
use crate::service::request_error::RequestError;

/// What an error says that the server was doing.
const SENDING: &str = "sending an answer";

/// What a body consists of.
pub(super) enum Content {
    Bytes(Bytes),
    File(Box<FileBody>),
    /// Made while it is sent.
    Pieces(Box<dyn Iterator<Item = Bytes> + Send>),
    /// Made by a task.
    Stream(mpsc::Receiver<Piece>),
}

impl Content {
    /// All of it at once, where it needs no waiting.
    pub(super) fn whole(&mut self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Pieces(pieces) => Bytes::from(pieces.by_ref().collect::<Vec<_>>().concat()),
            Self::File(_) | Self::Stream(_) => Bytes::new(),
        }
    }

    pub(super) fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content")
    }
}

/// Bytes that wait for the client, where a task makes them.
const QUEUE: usize = 1;

/// Where a task puts what it makes.
#[derive(Debug)]
pub(super) struct Pieces(mpsc::Sender<Piece>);

impl Pieces {
    /// Waits until the client has taken most of what was put before.
    pub(super) async fn put(&self, bytes: Bytes) -> Result<(), RequestError> {
        let sent = self.0.send(Piece::Bytes(bytes)).await;
        sent.map_err(|_| RequestError::Gone(io::ErrorKind::BrokenPipe.into()))
    }
}

/// Content that a task makes, and then what it contained. If the task fails, the answer is cut.
pub(super) fn made<T>(make: impl FnOnce(Pieces) -> T) -> Content
where
    T: Future<Output = Result<Served, RequestError>> + Send + 'static,
{
    let (pieces, content) = mpsc::channel(QUEUE);
    let making = make(Pieces(pieces.clone()));
    tokio::spawn(async move {
        let end = match making.await {
            Ok(served) => Piece::End(served),
            Err(error) => Piece::Failed(error),
        };
        // The client may be gone.
        let _ = pieces.send(end).await;
    });
    Content::Stream(content)
}

/// What a task makes.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    /// There is no more; what the answer contained.
    End(Served),
    /// The answer cannot be finished: it is cut, so that nobody takes it for whole.
    Failed(RequestError),
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Body {
    content: Content,
    /// Bytes that are left, if the length is known.
    left: Option<u64>,
    sent: u64,
    record: Option<Record>,
    /// Whether the last piece was not there when it was asked for.
    is_late: bool,
}

impl Body {
    /// A body of that length, if it is known.
    pub(super) fn new(content: Content, length: Option<u64>, record: Record) -> Self {
        let mut body = Self {
            content,
            left: length,
            sent: 0,
            record: Some(record),
            is_late: false,
        };
        if length == Some(0) {
            body.finish(None);
        }
        body
    }

    /// Ends the record; with an error, if it did not end well.
    fn finish(&mut self, error: Option<RequestError>) {
        self.set_late(false);
        let Some(record) = self.record.take() else {
            return;
        };
        let sent = self.sent;
        match (&self.content, error) {
            (_, Some(error)) => record.end(Some(error), sent),
            (Content::File(file), None) => {
                let ended: Sent = Box::new(move |result: io::Result<()>| {
                    record.end(result.err().map(cause), sent);
                });
                if let Some(ended) = file.when_sent(ended) {
                    ended(Ok(()));
                }
            }
            (_, None) => record.end(None, sent),
        }
    }

    fn set_late(&mut self, is_late: bool) {
        if let Some(record) = &self.record
            && is_late != self.is_late
        {
            record.link().set_late(is_late);
        }
        self.is_late = is_late;
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Chunk>>> {
        match &mut self.content {
            Content::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then_some(Ok(Chunk::Bytes(bytes))))
            }
            Content::File(file) => file.poll_next(cx),
            Content::Pieces(pieces) => {
                Poll::Ready(pieces.next().map(|piece| Ok(Chunk::Bytes(piece))))
            }
            Content::Stream(pieces) => match ready!(pieces.poll_recv(cx)) {
                Some(Piece::Bytes(bytes)) => Poll::Ready(Some(Ok(Chunk::Bytes(bytes)))),
                Some(Piece::End(served)) => {
                    if let Some(record) = &mut self.record {
                        record.set_served(served);
                    }
                    Poll::Ready(None)
                }
                Some(Piece::Failed(error)) => {
                    let cut = io::Error::other(error.to_string());
                    self.finish(Some(error));
                    Poll::Ready(Some(Err(cut)))
                }
                // Its task has panicked.
                None => Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into()))),
            },
        }
    }
}

/// Why the socket could not send a file: the client has left, or the file is not what it was.
fn cause(error: io::Error) -> RequestError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::TimedOut => {
            RequestError::Gone(error)
        }
        _ => RequestError::internal(SENDING, error),
    }
}

impl http_body::Body for Body {
    type Data = Chunk;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, io::Error>>> {
        let this = &mut *self;
        if this.left == Some(0) {
            this.finish(None);
            return Poll::Ready(None);
        }
        let polled = this.poll_piece(cx);
        this.set_late(polled.is_pending());
        match ready!(polled) {
            Some(Ok(chunk)) => {
                let count = bytes::Buf::remaining(&chunk) as u64;
                this.sent += count;
                this.left = this.left.map(|left| left.saturating_sub(count));
                if this.left == Some(0) {
                    this.finish(None);
                }
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Some(Err(error)) => {
                let told = io::Error::new(error.kind(), error.to_string());
                this.finish(Some(RequestError::internal(SENDING, told)));
                Poll::Ready(Some(Err(error)))
            }
            None => {
                this.finish(None);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.set_late(false);
        if let Some(record) = &mut self.record {
            record.set_sent(self.sent);
        }
    }
}
