//! One client connection from its first byte to its end.
//!
//! The first byte tells which wire the client speaks; from then on [`old_wire`], [`new_wire`] or
//! [`http`] runs the session. This
//! module owns that decision, and the port question of the old wire.
//!
//! Belongs here: reading requests, sending answers, timeouts, the access log. Does not belong here: finding files
//! (`service`), accepting connections and TLS handshakes (`server`, `security`).

mod archive;
mod connection;
mod get;
mod hello;
mod list;
mod messages;
mod new_wire;
mod old_wire;
mod outgoing;
mod refuse;
mod send_queue;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use netsocket_protocol::Opening;
use netsocket_protocol::old::frame;
use tokio::time::timeout;

use crate::http;
use crate::security::stream::Stream;
use crate::service::access_log::{RequestLog, Served, Wire};
use crate::service::file_service::Service;
use crate::service::rarely_ready::RarelyReady;
use connection::Connection;
pub(crate) use refuse::{LimitReached, NoSession, REFUSAL_TIMEOUT, refuse};

/// How long to wait after a lone `0` for the rest of a frame: an old client writes byte by byte, so the rest of its
/// first frame arrives after a delayed acknowledgement (40 ms) and a round trip.
const QUESTION_TIMEOUT: Duration = Duration::from_millis(250);

/// How a PROXY header of version 1 begins.
const PROXY_HEADER: &[u8] = b"PROXY ";

/// Serves a connection until it ends, or the service stops or is aborted.
pub(crate) async fn serve(stream: Stream, peer: SocketAddr, service: &Arc<Service>) {
    tokio::select! {
        biased;
        () = RarelyReady::new(service.abort.cancelled()) => {
            tracing::warn!(%peer, "session closed: drain timeout");
        }
        () = open(stream, peer, service) => {}
    }
}

async fn open(stream: Stream, peer: SocketAddr, service: &Arc<Service>) {
    // Answers are small or written in large pieces: Nagle's algorithm would only delay them.
    if let Err(error) = stream.tcp().set_nodelay(true) {
        tracing::debug!(%peer, %error, "connection lost");
        return;
    }
    let mut connection =
        Connection::new(stream, service.progress_timeout, Arc::clone(&service.sent));
    let received = tokio::select! {
        biased;
        () = service.stop.cancelled() => return,
        received = timeout(service.idle_timeout, connection.receive()) => received,
    };
    match received {
        // A balancer's health check connects and closes.
        Ok(Ok(0)) => return,
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "connection lost"),
        Err(_) => return tracing::info!(%peer, "closed: idle before the first byte"),
    }
    let first = connection.received().first().copied().unwrap_or_default();
    match Opening::of(first) {
        Opening::OldQuestionOrFrame | Opening::OldSession if !service.old_wire => {
            tracing::info!(%peer, wire = %Wire::Old, "closed: the old wire is disabled");
        }
        Opening::OldQuestionOrFrame if is_question(&mut connection).await => {
            answer_question(connection, peer, service).await;
        }
        Opening::OldQuestionOrFrame => old_wire::serve(connection, peer, service).await,
        Opening::OldSession => {
            connection.take(1);
            old_wire::serve(connection, peer, service).await;
        }
        Opening::New if !service.new_wire => {
            tracing::info!(%peer, wire = %Wire::New, "closed: the new wire is disabled");
        }
        Opening::New => new_wire::serve(connection, peer, service).await,
        // A balancer that sends one is set up for servers that expect it.
        Opening::Http if connection.received().starts_with(PROXY_HEADER) => {
            tracing::info!(%peer, first, "closed: unknown protocol: a PROXY header is not expected");
        }
        Opening::Http if !service.http => {
            tracing::info!(%peer, wire = %Wire::Http, "closed: HTTP is disabled");
        }
        Opening::Http => {
            let (stream, received) = connection.into_parts();
            http::serve(stream, received, peer, service).await;
        }
        Opening::Unknown => {
            tracing::info!(%peer, first, "closed: unknown protocol");
        }
    }
}

/// Whether the received `0` is a port question, not the start of a frame.
async fn is_question(connection: &mut Connection) -> bool {
    if connection.received().len() > 1 {
        return false;
    }
    !matches!(
        timeout(QUESTION_TIMEOUT, connection.receive()).await,
        Ok(Ok(1..))
    )
}

async fn answer_question(mut connection: Connection, peer: SocketAddr, service: &Service) {
    let log = RequestLog::begin(peer, Wire::Old, "port question".to_owned());
    let port = service.advertise_port.to_string();
    let result = connection.send(&frame(port.as_bytes())).await;
    let result = result.map(|()| Served::default());
    log.end(&service.requests, &result, connection.sent());
    connection.close().await;
}
