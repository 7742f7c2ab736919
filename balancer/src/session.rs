//! The story of one session: pick, connect, relay, close, one record.
//!
//! A session owns its sockets and its record, and tells the record when it is dropped. So there is exactly one record
//! for every client that was accepted, also for one that is killed at the drain deadline or meets a fault of ours.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::debug;

use crate::backend::Assigned;
use crate::balance::BackendId;
use crate::connect::{ConnectFailure, connect};
use crate::metrics::OpenSession;
use crate::record::SessionRecord;
use crate::relay::{End, delivered, relay};
use crate::shared::Shared;
use crate::side::Side;
use crate::termination::Termination;

/// One client, from the accept to the record.
pub(crate) struct Session {
    shared: Arc<Shared>,
    client: TcpStream,
    backend: Option<(Assigned, TcpStream)>,
    record: SessionRecord,
    accepted: Instant,
    /// How the sockets are closed. By reset unless the session comes to an end that both sides can take for one.
    reset: bool,
    /// Dropped after the record is told.
    _open: OpenSession,
}

impl Session {
    /// Admits a client. Its socket has the listener's options, see [`crate::listen`].
    pub(crate) fn new(shared: Arc<Shared>, client: TcpStream, address: SocketAddr) -> Self {
        Self {
            _open: OpenSession::new(Arc::clone(&shared.counters)),
            shared,
            client,
            backend: None,
            record: SessionRecord::new(address),
            accepted: Instant::now(),
            reset: true,
        }
    }

    /// Lives it to its end.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn keeps its argument twice, and this future's size is what an idle session costs"
    )]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move { self.live().await }
    }

    async fn live(&mut self) {
        self.record.queue = self.accepted.elapsed();
        // The many states of the connect phase have a memory of their own, which a relayed session does not hold.
        let connected = Box::pin(self.connect()).await;
        self.record.termination = match connected {
            Ok(()) => self.relay().await,
            // Closed by reset: whom nobody serves must not take that for an empty answer.
            Err(termination) => termination,
        };
    }

    /// Tries backends, each at most once, until one takes the connection.
    async fn connect(&mut self) -> Result<(), Termination> {
        let first_pick = Instant::now();
        let mut tried: Vec<BackendId> = Vec::new();
        let mut last = None;
        loop {
            let Some(assigned) = self.shared.pool.pick(&tried) else {
                return Err(Termination::of_connect(last));
            };
            let attempt = Instant::now();
            match self.attempt(&assigned).await? {
                Ok(stream) => {
                    self.record.handshake = attempt.elapsed();
                    self.record.connect = Some(first_pick.elapsed());
                    self.record.backend = Some(Arc::clone(assigned.backend()));
                    self.record.termination = Termination::KilledData;
                    self.backend = Some((assigned, stream));
                    return Ok(());
                }
                Err(failure) => {
                    let backend = assigned.backend();
                    debug!(client = %self.record.client, backend = backend.name(), %failure, "connect failed");
                    tried.push(backend.id());
                    self.record.failures.push((Arc::clone(backend), failure));
                    if !failure.is_retryable() {
                        return Err(Termination::of_connect(Some(failure)));
                    }
                    last = Some(failure);
                }
            }
        }
    }

    /// One attempt; an outer error when the client is gone meanwhile. A client that only ended its own direction is
    /// not gone: it may wait for an answer.
    async fn attempt(
        &self,
        assigned: &Assigned,
    ) -> Result<Result<TcpStream, ConnectFailure>, Termination> {
        let limit = self.shared.timeouts.connect;
        tokio::select! {
            biased;
            connected = connect(assigned.backend().address(), limit) => {
                if let Ok(stream) = &connected {
                    // Small answers must not wait for acknowledgements. Where it cannot be set they only do.
                    let _ = stream.set_nodelay(true);
                }
                Ok(connected)
            }
            _ = self.client.ready(Interest::ERROR) => Err(Termination::ClientConnect),
        }
    }

    async fn relay(&mut self) -> Termination {
        let Some((_, backend)) = &mut self.backend else {
            return Termination::InternalData;
        };
        let limits = self.shared.timeouts.idle_limits();
        let (switch, traffic) = (&self.shared.relay, &mut self.record.traffic);
        let end = relay(&mut self.client, backend, limits, switch, traffic).await;
        match end {
            End::Closed => self.reset = false,
            End::Idle { owing, .. } => self.reset = owing,
            // The side that is left is reset too, but not before it has what was sent to it.
            End::Lost {
                side: Side::Client, ..
            } => delivered(backend).await,
            End::Lost { .. } => delivered(&self.client).await,
        }
        if let End::Lost { side, error, .. } = end {
            debug!(client = %self.record.client, ?side, ?error, "side lost");
        }
        Termination::of_relay(end)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let backend = self.backend.take();
        if self.reset {
            // Where it cannot be set the close is a plain one.
            let _ = self.client.set_zero_linger();
            if let Some((_, stream)) = &backend {
                let _ = stream.set_zero_linger();
            }
        }
        if thread::panicking() {
            self.record.termination = match self.record.backend {
                Some(_) => Termination::InternalData,
                None => Termination::InternalConnect,
            };
        }
        self.record.total = self.accepted.elapsed();
        // The sockets are closed and the hold on the backend is gone before anybody hears of it.
        drop(backend);
        self.shared.record(&self.record);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What an idle session may cost beside its two sockets.
    const MOST: usize = 896;

    #[tokio::test]
    async fn an_idle_session_is_small() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let shared = Arc::new(Shared::without_backends(None));
        let life = Session::new(shared, client, address).run();
        assert!(size_of_val(&life) <= MOST, "{} bytes", size_of_val(&life));
    }
}
