//! Refuses a connection: with an error on the new wire and over HTTP, by closing it on the old wire, which has no error message.

use std::sync::Arc;
use std::time::Duration;

use netsocket_protocol::Opening;
use netsocket_protocol::message::{ErrorKind, ErrorReply};
use netsocket_protocol::security::{TLS_MISSING, TLS_WANTED};
use tokio::time::timeout;

use super::connection::Connection;
use super::hello::refusal;
use crate::http;
use crate::security::stream::Stream;
use crate::service::file_service::Service;

/// How long a refusal may take, from the client's first byte to our last.
pub(crate) const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Which limit on sessions is reached, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitReached {
    /// The limit on all sessions.
    #[error("this server has reached its limit of {0} sessions")]
    All(usize),
    /// The limit per address.
    #[error("this server has reached its limit of {0} sessions per address")]
    Address(usize),
}

/// Why a connection gets no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSession {
    /// A limit is reached.
    LimitReached(LimitReached),
    /// The client does not use TLS, which is required.
    NoTls,
}

/// Refuses a connection, with an error if the client speaks the new wire or HTTP.
pub(crate) async fn refuse(stream: Stream, service: &Service, why: NoSession) {
    let attempt = async {
        let mut connection = Connection::new(stream, REFUSAL_TIMEOUT, Arc::clone(&service.sent));
        let first = match connection.receive().await {
            Ok(1..) => connection.received().first().copied(),
            _ => None,
        };
        let refusal = match first.map(Opening::of) {
            Some(Opening::New) => on_new_wire(service, why),
            Some(Opening::Http) if service.http => over_http(why),
            _ => return,
        };
        if connection.send(&refusal).await.is_ok() {
            connection.close().await;
        }
    };
    // A slower client just sees the connection close.
    let _ = timeout(REFUSAL_TIMEOUT, attempt).await;
}

fn over_http(why: NoSession) -> Vec<u8> {
    match why {
        NoSession::LimitReached(full) => http::refusal(true, &format!("{full}; try again later")),
        NoSession::NoTls => http::refusal(false, "this server requires TLS: use https://"),
    }
}

fn on_new_wire(service: &Service, why: NoSession) -> Vec<u8> {
    let (features, error) = match why {
        NoSession::LimitReached(full) => {
            let sentence = format!("{full}; try again later");
            (&[][..], ErrorReply::new(ErrorKind::Busy, sentence))
        }
        NoSession::NoTls => {
            let error = ErrorReply::new(ErrorKind::Denied, TLS_MISSING);
            (&[TLS_WANTED][..], error)
        }
    };
    refusal(service, features, &error).to_vec()
}
