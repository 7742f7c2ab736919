//! A connection that is one too many: the new wire is told so, the old one has no word for it and is closed.

use std::sync::Arc;
use std::time::Duration;

use netsocket_protocol::Opening;
use netsocket_protocol::message::{ErrorKind, ErrorReply};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::Connection;
use super::new::refusal;
use crate::service::Service;

/// What a refusal may take, from the first byte of the client to the last of ours.
const PATIENCE: Duration = Duration::from_secs(1);

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

/// Refuses a connection because there are sessions enough.
pub(crate) async fn refuse(stream: TcpStream, service: &Service, full: Full) {
    let attempt = async {
        let mut connection = Connection::new(stream, PATIENCE, Arc::clone(&service.sent));
        let first = match connection.receive().await {
            Ok(1..) => connection.received().first().copied(),
            _ => None,
        };
        if first.map(Opening::of) != Some(Opening::New) {
            return;
        }
        let error = ErrorReply::new(ErrorKind::Busy, format!("{full}; try again later"));
        if connection.send(&refusal(service, &error)).await.is_ok() {
            connection.close().await;
        }
    };
    // A client that is slower than that learns it from the close.
    let _ = timeout(PATIENCE, attempt).await;
}
