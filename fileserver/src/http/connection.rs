//! One HTTP connection from its first byte to its end: hyper, and the time that a client may take.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::handler::{MAX_REQUESTS, answer};
use super::head_guard::HeadGuard;
use super::link::Link;
use super::transport::Transport;
use crate::security::stream::Stream;
use crate::service::access_log::Wire;
use crate::service::file_service::Service;
use crate::service::rarely_ready::RarelyReady;

/// The fewest bytes that hyper can be told to buffer.
const LEAST_BUFFER: usize = 8192;

/// Headers in a request.
const MAX_HEADERS: usize = 100;

/// Answers at a time on an HTTP/2 connection: each may wait for a client that reads nothing.
const MAX_STREAMS: u32 = 32;

/// How often progress is checked, at most and at least.
const CHECKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

/// What HTTP/1.1 and HTTP/2 have in common here.
trait Serving: Future<Output = hyper::Result<()>> {
    /// Ends it once what was asked for is answered.
    fn wind_up(self: Pin<&mut Self>);
}

impl<S> Serving for hyper::server::conn::http1::Connection<TokioIo<Transport>, S>
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = super::body::Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn wind_up(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S> Serving for hyper::server::conn::http2::Connection<TokioIo<Transport>, S, TokioExecutor>
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = super::body::Body>,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn wind_up(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Serves a connection whose first bytes were read, until it ends or the service stops.
pub(crate) async fn serve(
    stream: Stream,
    ahead: BytesMut,
    peer: SocketAddr,
    service: &Arc<Service>,
) {
    let _open = service.sessions.begin();
    let is_clear = matches!(stream, Stream::Plain(_));
    let is_http2 = stream.is_http2();
    let link = Arc::new(Link::new(peer, Arc::clone(service), is_clear));
    let guard = (!is_http2).then(HeadGuard::new);
    let transport = Transport::new(stream, Arc::clone(&link), ahead, guard);
    let io = TokioIo::new(transport);
    let buffer = service.max_request.max(LEAST_BUFFER);
    let answering = Arc::clone(&link);
    let handler = service_fn(move |request| answer(&answering, request));
    if is_http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(buffer).unwrap_or(u32::MAX));
        drive(builder.serve_connection(io, handler), &link).await;
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder
            .half_close(true)
            .max_headers(MAX_HEADERS)
            .max_buf_size(buffer);
        drive(builder.serve_connection(io, handler), &link).await;
    }
}

/// Runs a connection while its client makes progress.
async fn drive(connection: impl Serving, link: &Link) {
    let Link { peer, service, .. } = link;
    let (peer, wire) = (*peer, Wire::Http);
    let mut connection = std::pin::pin!(connection);
    let shorter = service.idle_timeout.min(service.progress_timeout);
    let mut checks = interval((shorter / 4).clamp(CHECKS.0, CHECKS.1));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut since) = (link.progress(), Instant::now());
    let mut stop = RarelyReady::new(service.stop.cancelled());
    let mut is_winding_up = false;
    loop {
        let mut check = RarelyReady::new(checks.tick());
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %wire, %error, "connection ended");
                }
                return;
            }
            () = &mut stop, if !is_winding_up => {
                connection.as_mut().wind_up();
                is_winding_up = true;
            }
            _ = &mut check => {}
        }
        let now = link.progress();
        if now.requests >= MAX_REQUESTS && !is_winding_up {
            connection.as_mut().wind_up();
            is_winding_up = true;
        }
        if now.activity != seen.activity {
            (seen, since) = (now, Instant::now());
        } else if now.is_idle && since.elapsed() >= service.idle_timeout {
            return tracing::info!(%peer, %wire, "closed: idle");
        } else if now.waits_for_client && since.elapsed() >= service.progress_timeout {
            link.set_stalled();
            return;
        }
    }
}
