//! What leaves a session: counted, and bounded in the time without progress.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;

use super::stream::Unwaiting;
use crate::service::request_error::RequestError;

/// The bytes sent on a connection, and how long it may take none.
#[derive(Debug)]
pub(super) struct Outgoing {
    sent: u64,
    /// The same of all connections.
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

    /// Bytes sent since the beginning; within TLS those that were encrypted, not what they became.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    fn count(&mut self, count: usize) {
        self.sent += count as u64;
        self.sent_by_all.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// One write that takes something, as soon as the client lets it.
    pub(super) async fn plain(
        &mut self,
        tcp: &TcpStream,
        write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, RequestError> {
        let count = self.some(tcp, write).await?;
        self.count(count);
        Ok(count)
    }

    /// Sends all of it within TLS, however slowly the client takes it, as long as it takes something.
    pub(super) async fn encrypted(
        &mut self,
        tls: &mut TlsStream<TcpStream>,
        mut bytes: &[u8],
    ) -> Result<(), RequestError> {
        while !bytes.is_empty() {
            // As much as TLS has room for, which is all of it while nothing waits there.
            let count = self.hold(tls, bytes)?;
            self.drain(tls).await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Encrypts a beginning of these bytes, to be sent with what follows. Returns how many.
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
            self.some(tcp, |tcp| session.write_tls(&mut Unwaiting(tcp)))
                .await?;
        }
        Ok(())
    }

    async fn some(
        &self,
        tcp: &TcpStream,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, RequestError> {
        // A client that is as fast as we are must not keep this thread from other sessions.
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
