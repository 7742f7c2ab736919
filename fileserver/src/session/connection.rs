//! The socket of one session, with its bounds: on the time to wait for a request, and on the time without progress while
//! an answer is sent.

use std::fmt::Display;
use std::future::Future;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;

use crate::error::RequestError;

/// Bytes that are read at once; requests are small.
const READ: usize = 4 * 1024;

/// Bytes of a file that are sent by one system call.
const SEND: u64 = 512 * 1024;

/// How long a closed connection is read from, so that the last words reach a client that was still sending.
const LINGER: Duration = Duration::from_secs(1);

/// How waiting for a request ended.
#[derive(Debug)]
pub(super) enum Next<T> {
    /// With a request.
    Item(T),
    /// The client has ended the connection.
    End,
    /// Nothing came in all that time.
    Idle,
    /// The server stops.
    Stopped,
    /// The connection failed.
    Lost(io::Error),
    /// What came is no request: it is wrong, cut short or does not go on.
    Broken(String),
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// What has come and was not understood yet.
    buffer: BytesMut,
    sent: u64,
    /// The same of all connections.
    sent_by_all: Arc<AtomicU64>,
    progress_timeout: Duration,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        progress_timeout: Duration,
        sent_by_all: Arc<AtomicU64>,
    ) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            sent: 0,
            sent_by_all,
            progress_timeout,
        }
    }

    /// What has come and was not taken yet.
    pub(super) fn received(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes bytes off what has come.
    pub(super) fn take(&mut self, count: usize) {
        self.buffer.advance(count.min(self.buffer.len()));
    }

    /// Bytes sent since the beginning.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Waits for more bytes. Returns how many came; none at the end. Cancel safe.
    pub(super) async fn receive(&mut self) -> io::Result<usize> {
        loop {
            if self.buffer.is_empty() {
                // An idle session holds no memory for requests.
                self.buffer = BytesMut::new();
            }
            self.stream.readable().await?;
            self.buffer.reserve(READ);
            match self.stream.try_read_buf(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    /// The next request, whole within `wait`.
    pub(super) async fn next<D: Decoder>(
        &mut self,
        decoder: &mut D,
        wait: Duration,
        stop: &CancellationToken,
    ) -> Next<D::Item>
    where
        D::Error: Display,
    {
        tokio::select! {
            biased;
            () = stop.cancelled() => Next::Stopped,
            next = timeout(wait, self.decode(decoder)) => match next {
                Ok(next) => next,
                Err(_) if self.buffer.is_empty() => Next::Idle,
                Err(_) => Next::Broken(format!("no whole request came within {wait:?}")),
            },
        }
    }

    async fn decode<D: Decoder>(&mut self, decoder: &mut D) -> Next<D::Item>
    where
        D::Error: Display,
    {
        loop {
            match decoder.decode(&mut self.buffer) {
                Ok(Some(item)) => return Next::Item(item),
                Ok(None) => {}
                Err(error) => return Next::Broken(error.to_string()),
            }
            match self.receive().await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Next::Lost(error),
            }
        }
        match decoder.decode_eof(&mut self.buffer) {
            Ok(Some(item)) => Next::Item(item),
            Ok(None) => Next::End,
            Err(error) => Next::Broken(error.to_string()),
        }
    }

    /// Sends all of it, however slowly the client takes it, as long as it takes something.
    pub(super) async fn send(&mut self, mut bytes: &[u8]) -> Result<(), RequestError> {
        while !bytes.is_empty() {
            let rest = bytes;
            let count = self.send_some(|stream| stream.try_write(rest)).await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Sends two pieces as if they were one.
    pub(super) async fn send_both(
        &mut self,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), RequestError> {
        let mut pieces = [IoSlice::new(first), IoSlice::new(second)];
        let mut pieces = &mut pieces[..];
        while !pieces.iter().all(|piece| piece.is_empty()) {
            let rest = &*pieces;
            let count = self
                .send_some(|stream| stream.try_write_vectored(rest))
                .await?;
            IoSlice::advance_slices(&mut pieces, count);
        }
        Ok(())
    }

    /// Sends a few bytes that something larger follows at once, so that they share a packet with it.
    pub(super) async fn send_before(&mut self, mut bytes: &[u8]) -> Result<(), RequestError> {
        while !bytes.is_empty() {
            let rest = bytes;
            let count = self
                .send_some(|stream| {
                    stream.try_io(Interest::WRITABLE, || {
                        Ok(send(stream, rest, SendFlags::MORE | SendFlags::NOSIGNAL)?)
                    })
                })
                .await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Sends that range of a file without copying it. Returns how many bytes were sent: fewer where the file
    /// has ended or cannot be read.
    pub(super) async fn send_file(
        &mut self,
        file: impl AsFd,
        range: Range<u64>,
    ) -> Result<u64, RequestError> {
        let mut offset = range.start;
        while offset < range.end {
            let count = usize::try_from((range.end - offset).min(SEND)).unwrap_or(usize::MAX);
            let offset = &mut offset;
            let file = file.as_fd();
            let sent = self
                .send_some(|stream| {
                    stream.try_io(Interest::WRITABLE, || {
                        match sendfile(stream, file, Some(&mut *offset), count) {
                            // Of the file, never of the connection: as if it ended here.
                            Err(Errno::IO) => Ok(0),
                            sent => Ok(sent?),
                        }
                    })
                })
                .await?;
            if sent == 0 {
                break;
            }
        }
        Ok(offset - range.start)
    }

    /// One write that takes something, as soon as the client lets it.
    async fn send_some(
        &mut self,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, RequestError> {
        // A client that is as fast as we are must not keep this thread from other sessions.
        consume_budget().await;
        let deadline = Instant::now() + self.progress_timeout;
        loop {
            match write(&self.stream) {
                Ok(count) => {
                    self.sent += count as u64;
                    self.sent_by_all.fetch_add(count as u64, Ordering::Relaxed);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(RequestError::Gone(error)),
            }
            match timeout_at(deadline, self.stream.writable()).await {
                Ok(ready) => ready.map_err(RequestError::Gone)?,
                Err(_) => return Err(RequestError::Stalled(self.progress_timeout)),
            }
        }
    }

    /// Works for the client for as long as it is there. A client that only ends its own sending is there: it may well
    /// wait for the answer.
    pub(super) async fn while_there<T>(
        &self,
        work: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        tokio::select! {
            biased;
            result = work => result,
            ready = self.stream.ready(Interest::ERROR) => {
                let error = match ready {
                    Ok(_) => io::ErrorKind::ConnectionReset.into(),
                    Err(error) => error,
                };
                Err(RequestError::Gone(error))
            }
        }
    }

    /// Closes so that what was sent arrives: closing a socket with unread bytes would make the system take it back.
    pub(super) async fn close(mut self) {
        let reading = async {
            self.stream.shutdown().await?;
            while self.receive().await? > 0 {
                self.buffer.clear();
            }
            io::Result::Ok(())
        };
        // However it ends, the connection is over.
        let _ = timeout(LINGER, reading).await;
    }
}
