//! A connection that is one too many: the new wire is told so, the old one has no word for it and is closed.

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

/// Refuses a connection because the service has all its sessions.
pub(crate) async fn refuse(stream: TcpStream, service: &Service) {
    let attempt = async {
        let mut connection = Connection::new(stream, PATIENCE);
        let first = match connection.receive().await {
            Ok(1..) => connection.received().first().copied(),
            _ => None,
        };
        if first.map(Opening::of) != Some(Opening::New) {
            return;
        }
        let limit = service.max_sessions;
        let error = ErrorReply::new(
            ErrorKind::Busy,
            format!("this server has all of its {limit} sessions; try again later"),
        );
        if connection.send(&refusal(service, &error)).await.is_ok() {
            connection.close().await;
        }
    };
    // A client that is slower than that learns it from the close.
    let _ = timeout(PATIENCE, attempt).await;
}
