//! The sending side of a session: counts bytes, and limits the time without progress.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;

use super::send_queue::acknowledged;
use crate::security::stream::NonBlockingWriter;
use crate::service::request_error::RequestError;

/// Counts the bytes sent on a connection, and limits how long the client may read nothing.
#[derive(Debug)]
pub(super) struct Outgoing {
    sent: u64,
    /// The bytes sent on all connections.
    sent_by_all: Arc<AtomicU64>,
    progress_timeout: Duration,
}

impl Outgoing {
    pub(super) fn new(progress_timeout: Duration, sent_by_all: Arc<AtomicU64>) -> Self {
        Self {
            sent: 0,
            sent_by_all,
            progress_timeout,
        }
    }

    /// Bytes sent since the connection opened; with TLS the bytes before encryption.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    fn count(&mut self, count: usize) {
        self.sent += count as u64;
        self.sent_by_all.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// One successful write, as soon as the socket has room.
    pub(super) async fn plain(
        &mut self,
        tcp: &TcpStream,
        write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, RequestError> {
        let count = self.some(tcp, write).await?;
        self.count(count);
        Ok(count)
    }

    /// Sends all bytes over TLS, however slowly the client reads, as long as it makes progress.
    pub(super) async fn encrypted(
        &mut self,
        tls: &mut TlsStream<TcpStream>,
        mut bytes: &[u8],
    ) -> Result<(), RequestError> {
        while !bytes.is_empty() {
            // As much as fits into the TLS buffer.
            let count = self.hold(tls, bytes)?;
            self.drain(tls).await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Encrypts as many of these bytes as fit, to send them with what follows. Returns how many.
    pub(super) fn hold(
        &mut self,
        tls: &mut TlsStream<TcpStream>,
        bytes: &[u8],
    ) -> Result<usize, RequestError> {
        let (_, session) = tls.get_mut();
        let count = session.writer().write(bytes).map_err(RequestError::Gone)?;
        self.count(count);
        Ok(count)
    }

    /// Sends everything that was encrypted.
    pub(super) async fn drain(
        &mut self,
        tls: &mut TlsStream<TcpStream>,
    ) -> Result<(), RequestError> {
        let (tcp, session) = tls.get_mut();
        while session.wants_write() {
            self.some(tcp, |tcp| session.write_tls(&mut NonBlockingWriter(tcp)))
                .await?;
        }
        Ok(())
    }

    /// Waits until the client has acknowledged everything except the last `rest` bytes.
    pub(super) async fn acknowledged(
        &self,
        tcp: &TcpStream,
        rest: u64,
    ) -> Result<(), RequestError> {
        acknowledged(tcp, rest, self.progress_timeout).await
    }

    async fn some(
        &self,
        tcp: &TcpStream,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, RequestError> {
        // A client that reads as fast as we send must not starve other sessions on this thread.
        consume_budget().await;
        let deadline = Instant::now() + self.progress_timeout;
        loop {
            match write(tcp) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(RequestError::Gone(error)),
            }
            match timeout_at(deadline, tcp.writable()).await {
                Ok(ready) => ready.map_err(RequestError::Gone)?,
                Err(_) => return Err(RequestError::Stalled(self.progress_timeout)),
            }
        }
    }
}
