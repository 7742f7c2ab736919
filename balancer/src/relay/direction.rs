//! One direction of a session: bytes from a source to a sink, then the source's end.
//!
//! What little moves is read into the thread's buffer and written at once. A busy direction is spliced instead: its
//! bytes go through a pipe, without a copy. Either way nothing is read while bytes wait for the sink, and neither
//! buffer nor pipe is held while none do.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::busy::{Busyness, RelayMode};
use super::half::{Inlet, Sink, Source};
use super::pipe::Lease;

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
    busyness: Busyness,
    read: u64,
    written: u64,
    /// The source has sent its end; pending bytes and the end itself may still have to be handed on.
    source_ended: bool,
    /// Nothing is left to do: all of it was handed on, or a side is gone.
    done: bool,
    /// The end of the source is not told to the sink.
    withhold_end: bool,
    /// The sink will be closed as soon as this direction is done, which tells it the end as well.
    close_tells_end: bool,
}

impl Direction {
    /// Moves bytes until one of the two sides has to be waited for, or until the turn is over (then the task is woken
    /// again at once).
    pub(super) fn poll<S: Source, T: Sink>(
        &mut self,
        cx: &mut Context<'_>,
        inlet: &mut Inlet<S>,
        sink: &mut T,
        mode: RelayMode,
        buffer: &mut [u8],
    ) -> Result<(), Halt> {
        for _ in 0..READS_PER_TURN {
            if self.done {
                return Ok(());
            }
            if self.poll_flush(cx, sink)?.is_pending() {
                return Ok(());
            }
            let source = match inlet.source() {
                Some(source) if !self.source_ended => source,
                _ => return self.poll_end(cx, sink),
            };
            let count = match self.poll_read(cx, source, sink, mode, buffer) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(Halt::SourceLost(error.kind())),
                Poll::Ready(Ok(count)) => count,
            };
            if count == 0 {
                self.source_ended = true;
                continue;
            }
            self.read += count as u64;
            self.busyness.read(count);
            if !self.is_pending() {
                // Not spliced, so the bytes are in the buffer.
                self.forward(cx, sink, buffer.get(..count).unwrap_or_default())?;
            }
        }
        if !self.done {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Reads into a pipe, which is then pending, or into the buffer.
    fn poll_read<S: Source, T: Sink>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
        sink: &T,
        mode: RelayMode,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let spliced = match mode {
            RelayMode::Auto => self.busyness.is_busy(),
            RelayMode::Copy => false,
            RelayMode::Splice => true,
        };
        if spliced
            && let (Some(socket), Some(_)) = (source.tcp(), sink.tcp())
            && let Some(mut pipe) = Lease::take()
        {
            let count = ready!(poll_fill(cx, socket, &mut pipe))?;
            if count > 0 {
                self.pending = Pending::Pipe(pipe);
            }
            return Poll::Ready(Ok(count));
        }
        let mut filled = ReadBuf::new(buffer);
        ready!(Pin::new(source).poll_read(cx, &mut filled))?;
        Poll::Ready(Ok(filled.filled().len()))
    }

    /// Writes `bytes`, and keeps what the sink does not take now.
    fn forward<T: Sink>(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut T,
        mut bytes: &[u8],
    ) -> Result<(), Halt> {
        while !bytes.is_empty() {
            match write_some(cx, sink, bytes)? {
                Poll::Ready(count) => {
                    self.written += count as u64;
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Poll::Pending => {
                    self.pending = Pending::Bytes(Box::new(Unwritten {
                        bytes: bytes.to_vec(),
                        start: 0,
                    }));
                    break;
                }
            }
        }
        Ok(())
    }

    /// Writes what waits, and holds nothing when that is done.
    fn poll_flush<T: Sink>(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut T,
    ) -> Result<Poll<()>, Halt> {
        while self.is_pending() {
            let written = match &mut self.pending {
                Pending::Nothing => return Ok(Poll::Ready(())),
                Pending::Bytes(left) => {
                    let written = write_some(cx, sink, left.bytes())?;
                    if let Poll::Ready(count) = written {
                        left.start += count;
                    }
                    written
                }
                Pending::Pipe(pipe) => match sink.tcp() {
                    Some(socket) => poll_drain(cx, socket, pipe)?,
                    // Only what goes to a socket is ever spliced.
                    None => return Err(Halt::SinkLost(io::ErrorKind::Unsupported)),
                },
            };
            match written {
                Poll::Ready(count) => self.written += count as u64,
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
        self.pending = Pending::Nothing;
        Ok(Poll::Ready(()))
    }

    fn poll_end<T: Sink>(&mut self, cx: &mut Context<'_>, sink: &mut T) -> Result<(), Halt> {
        if !self.withhold_end && !self.close_tells_end {
            match Pin::new(sink).poll_shutdown(cx) {
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
        self.pending = Pending::Nothing;
    }

    /// Goes on to the last byte but does not tell the sink that it was the last.
    pub(super) fn withhold_end(&mut self) {
        self.withhold_end = true;
    }

    /// Whether the other direction is done, so that the session is over with this one: a system call saved.
    pub(super) fn close_tells_end(&mut self, other_is_done: bool) {
        self.close_tells_end = other_is_done;
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn source_ended(&self) -> bool {
        self.source_ended
    }

    /// Whether bytes wait for the sink.
    pub(super) fn is_pending(&self) -> bool {
        match &self.pending {
            Pending::Nothing => false,
            Pending::Bytes(left) => !left.bytes().is_empty(),
            Pending::Pipe(pipe) => pipe.held() > 0,
        }
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

/// Bytes that were read and could not be written yet; memory or a pipe is held only while there are any.
#[derive(Debug, Default)]
enum Pending {
    #[default]
    Nothing,
    Bytes(Box<Unwritten>),
    Pipe(Lease),
}

#[derive(Debug)]
struct Unwritten {
    bytes: Vec<u8>,
    start: usize,
}

impl Unwritten {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

fn write_some<T: AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    sink: &mut T,
    bytes: &[u8],
) -> Result<Poll<usize>, Halt> {
    match Pin::new(sink).poll_write(cx, bytes) {
        Poll::Pending => Ok(Poll::Pending),
        Poll::Ready(Ok(0)) => Err(Halt::SinkLost(io::ErrorKind::WriteZero)),
        Poll::Ready(Ok(count)) => Ok(Poll::Ready(count)),
        Poll::Ready(Err(error)) => Err(Halt::SinkLost(error.kind())),
    }
}

/// From a socket into an empty pipe. Every call goes through `try_io`, which clears the runtime's idea of readiness when
/// the kernel says "would block"; as the pipe is empty, that can only mean the socket.
fn poll_fill(
    cx: &mut Context<'_>,
    socket: &TcpStream,
    pipe: &mut Lease,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(socket.poll_read_ready(cx))?;
        match socket.try_io(Interest::READABLE, || pipe.fill(socket)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

/// From a pipe with bytes in it into a socket; "would block" can only mean the socket.
fn poll_drain(
    cx: &mut Context<'_>,
    socket: &TcpStream,
    pipe: &mut Lease,
) -> Result<Poll<usize>, Halt> {
    let lost = |error: io::Error| Halt::SinkLost(error.kind());
    loop {
        match socket.poll_write_ready(cx) {
            Poll::Pending => return Ok(Poll::Pending),
            Poll::Ready(result) => result.map_err(lost)?,
        }
        match socket.try_io(Interest::WRITABLE, || pipe.drain(socket)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) => return Err(Halt::SinkLost(io::ErrorKind::WriteZero)),
            result => return result.map(Poll::Ready).map_err(lost),
        }
    }
}
