//! The socket of one session, with its timeouts: for the next request, and for progress while an answer is sent.

use std::fmt::Display;
use std::future::Future;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use rustix::io::{Errno, pread};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;

use super::outgoing::Outgoing;
use crate::security::plain_socket::{MOST, set_cork, try_send_before, try_send_file};
use crate::security::stream::Stream;
use crate::service::request_error::RequestError;

/// Bytes to read at once; requests are small.
const READ: usize = 4 * 1024;

/// Bytes of a file to read and send at once: as many as TLS buffers.
const COPY: usize = 64 * 1024;

/// How long to read from a connection that we closed, so that our last message reaches a client that is still sending.
const LINGER: Duration = Duration::from_secs(1);

/// How waiting for a request ended.
#[derive(Debug)]
pub(super) enum Next<T> {
    /// With a request.
    Item(T),
    /// The client closed the connection.
    End,
    /// Nothing arrived before the timeout.
    Idle,
    /// The server is stopping.
    Stopped,
    /// The connection failed.
    Lost(io::Error),
    /// The request is malformed, cut short or incomplete.
    Broken(String),
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    /// Received bytes that were not decoded yet.
    buffer: BytesMut,
    outgoing: Outgoing,
}

impl Connection {
    pub(super) fn new(
        stream: Stream,
        progress_timeout: Duration,
        sent_by_all: Arc<AtomicU64>,
    ) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            outgoing: Outgoing::new(progress_timeout, sent_by_all),
        }
    }

    /// Received bytes that were not consumed yet.
    pub(super) fn received(&self) -> &[u8] {
        &self.buffer
    }

    /// Consumes received bytes.
    pub(super) fn take(&mut self, count: usize) {
        self.buffer.advance(count.min(self.buffer.len()));
    }

    /// The stream and the received bytes, for a wire with a connection of its own.
    pub(super) fn into_parts(self) -> (Stream, BytesMut) {
        (self.stream, self.buffer)
    }

    /// Bytes sent since the connection opened.
    pub(super) fn sent(&self) -> u64 {
        self.outgoing.sent()
    }

    /// Waits for more bytes. Returns how many arrived; 0 at the end. Cancel safe.
    pub(super) async fn receive(&mut self) -> io::Result<usize> {
        if self.buffer.is_empty() {
            // An idle session uses no buffer memory.
            self.buffer = BytesMut::new();
        }
        match &mut self.stream {
            Stream::Plain(tcp) => loop {
                tcp.readable().await?;
                self.buffer.reserve(READ);
                match tcp.try_read_buf(&mut self.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                }
            },
            Stream::Tls(tls) => {
                self.buffer.reserve(READ);
                match tls.read_buf(&mut self.buffer).await {
                    // An end without close_notify; truncation is detected by the frames.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                    result => result,
                }
            }
        }
    }

    /// The next request, which must be complete within `wait`.
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
                Err(_) => Next::Broken(format!("no complete request within {wait:?}")),
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

    /// Sends all bytes, however slowly the client reads, as long as it makes progress.
    pub(super) async fn send(&mut self, mut bytes: &[u8]) -> Result<(), RequestError> {
        let outgoing = &mut self.outgoing;
        match &mut self.stream {
            Stream::Plain(tcp) => {
                while !bytes.is_empty() {
                    let rest = bytes;
                    let count = outgoing.plain(tcp, |tcp| tcp.try_write(rest)).await?;
                    bytes = &bytes[count..];
                }
                Ok(())
            }
            Stream::Tls(tls) => outgoing.encrypted(tls, bytes).await,
        }
    }

    /// Sends two buffers with one system call, if possible.
    pub(super) async fn send_both(
        &mut self,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), RequestError> {
        let Stream::Plain(tcp) = &self.stream else {
            self.send_before(first).await?;
            return self.send(second).await;
        };
        let mut pieces = [IoSlice::new(first), IoSlice::new(second)];
        let mut pieces = &mut pieces[..];
        while !pieces.iter().all(|piece| piece.is_empty()) {
            let rest = &*pieces;
            let write = |tcp: &TcpStream| tcp.try_write_vectored(rest);
            let count = self.outgoing.plain(tcp, write).await?;
            IoSlice::advance_slices(&mut pieces, count);
        }
        Ok(())
    }

    /// Sends a few bytes that more data follows at once, so that they share a packet.
    pub(super) async fn send_before(&mut self, mut bytes: &[u8]) -> Result<(), RequestError> {
        let outgoing = &mut self.outgoing;
        match &mut self.stream {
            Stream::Plain(tcp) => {
                while !bytes.is_empty() {
                    let rest = bytes;
                    let write = |tcp: &TcpStream| try_send_before(tcp, rest);
                    let count = outgoing.plain(tcp, write).await?;
                    bytes = &bytes[count..];
                }
                Ok(())
            }
            Stream::Tls(tls) => {
                let held = outgoing.hold(tls, bytes)?;
                outgoing.encrypted(tls, &bytes[held..]).await
            }
        }
    }

    /// Sends a range of a file, without copying it if there is no TLS. Returns how many bytes were sent: fewer if the file
    /// ends early or cannot be read. Without TLS, changes of the file show until [`Self::acknowledged`].
    pub(super) async fn send_file(
        &mut self,
        file: impl AsFd,
        range: Range<u64>,
    ) -> Result<u64, RequestError> {
        match &self.stream {
            Stream::Plain(tcp) => sendfile_range(tcp, &mut self.outgoing, file, range).await,
            Stream::Tls(_) => self.send_copy(file, range).await,
        }
    }

    /// The same from a copy of the bytes, which later changes of the file cannot reach. Reads on this thread, as
    /// `sendfile(2)` does: the caller has made sure that the bytes are in the page cache.
    pub(super) async fn send_copy(
        &mut self,
        file: impl AsFd,
        range: Range<u64>,
    ) -> Result<u64, RequestError> {
        let mut offset = range.start;
        let mut buffer = vec![0; COPY];
        while offset < range.end {
            let most = usize::try_from(range.end - offset).map_or(COPY, |left| left.min(COPY));
            let count = match pread(file.as_fd(), &mut buffer[..most], offset) {
                Err(Errno::INTR) => continue,
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            self.send(&buffer[..count]).await?;
            offset += count as u64;
        }
        Ok(offset - range.start)
    }

    /// Waits until the client has acknowledged everything except the last `rest` bytes. With TLS nothing refers to a file,
    /// so there is nothing to wait for.
    pub(super) async fn acknowledged(&self, rest: u64) -> Result<(), RequestError> {
        match &self.stream {
            Stream::Plain(tcp) => self.outgoing.acknowledged(tcp, rest).await,
            Stream::Tls(_) => Ok(()),
        }
    }

    /// Corks the socket, or no longer.
    pub(super) fn set_cork(&self, only: bool) {
        if let Stream::Plain(tcp) = &self.stream {
            set_cork(tcp, only);
        }
    }

    /// Runs `work` while the client stays connected. A client that has only closed its sending direction is still
    /// connected: it may wait for the answer.
    pub(super) async fn while_connected<T>(
        &self,
        work: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        tokio::select! {
            biased;
            result = work => result,
            ready = self.stream.tcp().ready(Interest::ERROR) => {
                let error = match ready {
                    Ok(_) => io::ErrorKind::ConnectionReset.into(),
                    Err(error) => error,
                };
                Err(RequestError::Gone(error))
            }
        }
    }

    /// Closes so that sent data arrives: closing a socket with unread bytes sends a reset, which can discard it.
    pub(super) async fn close(mut self) {
        let reading = async {
            self.stream.send_close_notify();
            self.stream.tcp_mut().shutdown().await?;
            while self.receive().await? > 0 {
                self.buffer.clear();
            }
            io::Result::Ok(())
        };
        // However it ends, the connection is over.
        let _ = timeout(LINGER, reading).await;
    }
}

async fn sendfile_range(
    tcp: &TcpStream,
    outgoing: &mut Outgoing,
    file: impl AsFd,
    range: Range<u64>,
) -> Result<u64, RequestError> {
    let mut offset = range.start;
    while offset < range.end {
        let count = usize::try_from(range.end - offset).map_or(MOST, |left| left.min(MOST));
        let offset = &mut offset;
        let file = file.as_fd();
        let write = |tcp: &TcpStream| try_send_file(tcp, file, offset, count);
        if outgoing.plain(tcp, write).await? == 0 {
            break;
        }
    }
    Ok(offset - range.start)
}
