//! A connection that gets no session: the new wire is told why, the old one has no word for it and is closed.

use std::sync::Arc;
use std::time::Duration;

use netsocket_protocol::Opening;
use netsocket_protocol::message::{ErrorKind, ErrorReply};
use netsocket_protocol::security::{TLS_MISSING, TLS_WANTED};
use tokio::time::timeout;

use super::connection::Connection;
use super::hello::refusal;
use super::stream::Stream;
use crate::service::file_service::Service;

/// What a refusal may take, from the first byte of the client to the last of ours.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Which bound on sessions is reached, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// That on all of them.
    #[error("this server has all of its {0} sessions")]
    All(usize),
    /// That on those of one address.
    #[error("this server has all of its {0} sessions from this address")]
    Address(usize),
}

/// Why a connection gets no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSession {
    /// There are sessions enough.
    Full(Full),
    /// It is without TLS, which is wanted.
    NoTls,
}

/// Refuses a connection, in words where the client knows some.
pub(crate) async fn refuse(stream: Stream, service: &Service, why: NoSession) {
    let attempt = async {
        let mut connection = Connection::new(stream, PATIENCE, Arc::clone(&service.sent));
        let first = match connection.receive().await {
            Ok(1..) => connection.received().first().copied(),
            _ => None,
        };
        if first.map(Opening::of) != Some(Opening::New) {
            return;
        }
        let (features, error) = match why {
            NoSession::Full(full) => {
                let sentence = format!("{full}; try again later");
                (&[][..], ErrorReply::new(ErrorKind::Busy, sentence))
            }
            NoSession::NoTls => {
                let error = ErrorReply::new(ErrorKind::Denied, TLS_MISSING);
                (&[TLS_WANTED][..], error)
            }
        };
        let refusal = refusal(service, features, &error);
        if connection.send(&refusal).await.is_ok() {
            connection.close().await;
        }
    };
    // A client that is slower than that learns it from the close.
    let _ = timeout(PATIENCE, attempt).await;
}
