//! The socket of one session, with its bounds: on the time to wait for a request, and on the time without progress while
//! an answer is sent.

use std::fmt::Display;
use std::future::Future;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use rustix::fs::sendfile;
use rustix::io::{Errno, pread};
use rustix::net::sockopt::set_tcp_cork;
use rustix::net::{SendFlags, send};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;

use super::outgoing::Outgoing;
use super::stream::Stream;
use crate::service::request_error::RequestError;

/// Bytes that are read at once; requests are small.
const READ: usize = 4 * 1024;

/// Bytes of a file that are sent by one system call.
const SEND: u64 = 512 * 1024;

/// Bytes of a file that are read and encrypted at once: as many as TLS keeps unsent.
const ENCRYPT: usize = 64 * 1024;

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
    stream: Stream,
    /// What has come and was not understood yet.
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
        self.outgoing.sent()
    }

    /// Waits for more bytes. Returns how many came; none at the end. Cancel safe.
    pub(super) async fn receive(&mut self) -> io::Result<usize> {
        if self.buffer.is_empty() {
            // An idle session holds no memory for requests.
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
                    // An end without a goodbye of TLS: what was cut is told by the frames.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                    result => result,
                }
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

    /// Sends two pieces as if they were one.
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

    /// Sends a few bytes that something larger follows at once, so that they share a packet with it.
    pub(super) async fn send_before(&mut self, mut bytes: &[u8]) -> Result<(), RequestError> {
        let outgoing = &mut self.outgoing;
        match &mut self.stream {
            Stream::Plain(tcp) => {
                while !bytes.is_empty() {
                    let rest = bytes;
                    let write = |tcp: &TcpStream| {
                        tcp.try_io(Interest::WRITABLE, || {
                            Ok(send(tcp, rest, SendFlags::MORE | SendFlags::NOSIGNAL)?)
                        })
                    };
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

    /// Sends that range of a file; without TLS it is not copied. Returns how many bytes were sent: fewer where the file
    /// has ended or cannot be read.
    pub(super) async fn send_file(
        &mut self,
        file: impl AsFd,
        range: Range<u64>,
    ) -> Result<u64, RequestError> {
        match &mut self.stream {
            Stream::Plain(tcp) => sendfile_range(tcp, &mut self.outgoing, file, range).await,
            Stream::Tls(tls) => encrypt_range(tls, &mut self.outgoing, file, range).await,
        }
    }

    /// From `true` to `false` the system sends full packets only, or what has waited for 200 ms. `sendfile` gives it pages
    /// bit by bit, and every acknowledgement in between would have it send the bit that does not fill a packet.
    pub(super) fn full_packets(&self, only: bool) {
        if let Stream::Plain(tcp) = &self.stream {
            // Where it fails there are more packets, which is all.
            let _ = set_tcp_cork(tcp, only);
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
            ready = self.stream.tcp().ready(Interest::ERROR) => {
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
            self.stream.say_goodbye();
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

impl Drop for Connection {
    fn drop(&mut self) {
        self.stream.say_goodbye();
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
        let count = usize::try_from((range.end - offset).min(SEND)).unwrap_or(usize::MAX);
        let offset = &mut offset;
        let file = file.as_fd();
        let write = |tcp: &TcpStream| {
            tcp.try_io(Interest::WRITABLE, || {
                match sendfile(tcp, file, Some(&mut *offset), count) {
                    // Of the file, never of the connection: as if it ended here.
                    Err(Errno::IO) => Ok(0),
                    sent => Ok(sent?),
                }
            })
        };
        if outgoing.plain(tcp, write).await? == 0 {
            break;
        }
    }
    Ok(offset - range.start)
}

/// Reads as `sendfile(2)` does, on this thread: whoever asks for it has seen to it that the bytes are in the page cache.
async fn encrypt_range(
    tls: &mut TlsStream<TcpStream>,
    outgoing: &mut Outgoing,
    file: impl AsFd,
    range: Range<u64>,
) -> Result<u64, RequestError> {
    let mut offset = range.start;
    let mut buffer = vec![0; ENCRYPT];
    while offset < range.end {
        let most = usize::try_from(range.end - offset).map_or(ENCRYPT, |left| left.min(ENCRYPT));
        let count = match pread(file.as_fd(), &mut buffer[..most], offset) {
            Err(Errno::INTR) => continue,
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        outgoing.encrypted(tls, &buffer[..count]).await?;
        offset += count as u64;
    }
    Ok(offset - range.start)
}
