//! One direction of a session: bytes from a source to a sink, then the source's end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads of one turn, so that a busy session lets the others of its thread have theirs.
const READS_PER_TURN: usize = 4;

/// Why a direction cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// Reading failed; everything read before was written.
    SourceLost(io::ErrorKind),
    /// Writing failed.
    SinkLost(io::ErrorKind),
}

/// The state of one direction.
#[derive(Debug, Default)]
pub(super) struct Direction {
    pending: Pending,
    read: u64,
    written: u64,
    /// The source said that it has no more.
    source_ended: bool,
    /// Nothing is left to do: all of it was handed on, or a side is gone.
    done: bool,
    /// The end of the source is not told to the sink.
    withhold_end: bool,
}

impl Direction {
    /// Moves bytes until one of the two sides has to be waited for, or until the turn is over (then the task is woken
    /// again at once).
    pub(super) fn poll<S, T>(
        &mut self,
        cx: &mut Context<'_>,
        mut source: Pin<&mut S>,
        mut sink: Pin<&mut T>,
        buffer: &mut [u8],
    ) -> Result<(), Halt>
    where
        S: AsyncRead,
        T: AsyncWrite,
    {
        for _ in 0..READS_PER_TURN {
            if self.done {
                return Ok(());
            }
            if self.poll_flush(cx, sink.as_mut())?.is_pending() {
                return Ok(());
            }
            if self.source_ended {
                return self.poll_end(cx, sink);
            }
            let mut filled = ReadBuf::new(buffer);
            match source.as_mut().poll_read(cx, &mut filled) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(Halt::SourceLost(error.kind())),
                Poll::Ready(Ok(())) => {}
            }
            if filled.filled().is_empty() {
                self.source_ended = true;
                continue;
            }
            self.read += filled.filled().len() as u64;
            self.forward(cx, sink.as_mut(), filled.filled())?;
        }
        if !self.done {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Writes `bytes`, and keeps what the sink does not take now.
    fn forward<T: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        mut sink: Pin<&mut T>,
        mut bytes: &[u8],
    ) -> Result<(), Halt> {
        while !bytes.is_empty() {
            match write_some(cx, sink.as_mut(), bytes)? {
                Poll::Ready(count) => {
                    self.written += count as u64;
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Poll::Pending => {
                    self.pending.keep(bytes);
                    break;
                }
            }
        }
        Ok(())
    }

    fn poll_flush<T: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        mut sink: Pin<&mut T>,
    ) -> Result<Poll<()>, Halt> {
        while !self.pending.is_empty() {
            match write_some(cx, sink.as_mut(), self.pending.bytes())? {
                Poll::Ready(count) => {
                    self.written += count as u64;
                    self.pending.consume(count);
                }
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
        Ok(Poll::Ready(()))
    }

    fn poll_end<T: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        sink: Pin<&mut T>,
    ) -> Result<(), Halt> {
        if !self.withhold_end {
            match sink.poll_shutdown(cx) {
                Poll::Pending => return Ok(()),
                // A socket that was reset cannot be shut down.
                Poll::Ready(Err(error)) => return Err(Halt::SinkLost(error.kind())),
                Poll::Ready(Ok(())) => {}
            }
        }
        self.done = true;
        Ok(())
    }

    /// Gives up on everything that is still to come.
    pub(super) fn abandon(&mut self) {
        self.done = true;
        self.pending = Pending::default();
    }

    /// Goes on to the last byte but does not tell the sink that it was the last.
    pub(super) fn withhold_end(&mut self) {
        self.withhold_end = true;
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether the source said that it has no more.
    pub(super) fn source_ended(&self) -> bool {
        self.source_ended
    }

    /// Whether bytes wait for the sink.
    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    pub(super) fn bytes_written(&self) -> u64 {
        self.written
    }

    /// A number that changes whenever a byte moved.
    pub(super) fn moved(&self) -> u64 {
        self.read + self.written
    }
}

fn write_some<T: AsyncWrite>(
    cx: &mut Context<'_>,
    sink: Pin<&mut T>,
    bytes: &[u8],
) -> Result<Poll<usize>, Halt> {
    match sink.poll_write(cx, bytes) {
        Poll::Pending => Ok(Poll::Pending),
        Poll::Ready(Ok(0)) => Err(Halt::SinkLost(io::ErrorKind::WriteZero)),
        Poll::Ready(Ok(count)) => Ok(Poll::Ready(count)),
        Poll::Ready(Err(error)) => Err(Halt::SinkLost(error.kind())),
    }
}

/// Bytes that were read and could not be written yet; memory is held only while there are any.
#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    start: usize,
}

impl Pending {
    fn keep(&mut self, bytes: &[u8]) {
        debug_assert!(self.is_empty());
        *self = Self {
            bytes: bytes.to_vec(),
            start: 0,
        };
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        if self.is_empty() {
            *self = Self::default();
        }
    }

    fn is_empty(&self) -> bool {
        self.start >= self.bytes.len()
    }
}
