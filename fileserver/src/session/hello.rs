//! The opening of a session on the new wire: magic and hello both ways, and the token if one is required.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use netsocket_protocol::frame::FrameCodec;
use netsocket_protocol::message::{ErrorKind, ErrorReply, Hello, Message as _, Token};
use netsocket_protocol::security::{TOKEN_MISSING, TOKEN_UNKNOWN, TOKEN_WANTED};
use netsocket_protocol::transfer::STREAM_LAYOUT;
use netsocket_protocol::{MAGIC, VERSION};
use tokio::time::{Instant, timeout_at};

use super::connection::{Connection, Next};
use super::messages::{put_message, send_message};
use crate::security::credentials::TOKEN_REFUSALS;
use crate::service::access_log::Wire;
use crate::service::file_service::Service;

/// How long a client may take for magic and hello, and one without a token for its first request.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a session is refused.
pub(super) enum Refusal {
    /// The client does not speak this wire, or is gone.
    Silent(&'static str),
    /// The client gets an error.
    Reply {
        /// The error.
        error: ErrorReply,
        /// What the client lacks, for programs.
        features: &'static [&'static str],
    },
}

impl Refusal {
    fn bad(problem: impl Into<String>) -> Self {
        Self::Reply {
            error: ErrorReply::new(ErrorKind::BadRequest, problem),
            features: &[],
        }
    }
}

/// What a client with a valid hello may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Send requests.
    Granted,
    /// Only receive an error: it sent no token.
    TokenMissing,
}

/// Reads the client's magic and hello, and replies with ours.
pub(super) async fn open(
    connection: &mut Connection,
    codec: &mut FrameCodec,
    service: &Service,
) -> Result<Admission, Refusal> {
    let deadline = Instant::now() + HELLO_TIMEOUT;
    while !take_magic(connection)? {
        let received = tokio::select! {
            biased;
            () = service.stop.cancelled() => return Err(Refusal::Silent("the server is stopping")),
            received = timeout_at(deadline, connection.receive()) => received,
        };
        match received {
            Ok(Ok(1..)) => {}
            Ok(_) => {
                return Err(Refusal::Silent(
                    "the connection ended in the middle of the magic",
                ));
            }
            Err(_) => return Err(Refusal::Silent("no hello arrived in time")),
        }
    }
    let wait = deadline.saturating_duration_since(Instant::now());
    let frame = match connection.next(codec, wait, &service.stop).await {
        Next::Item(frame) => frame,
        Next::End | Next::Lost(_) => {
            return Err(Refusal::Silent("the connection ended before a hello"));
        }
        Next::Stopped => return Err(Refusal::Silent("the server is stopping")),
        Next::Idle => {
            return Err(Refusal::bad(format!("no hello within {HELLO_TIMEOUT:?}")));
        }
        Next::Broken(problem) => return Err(Refusal::bad(problem)),
    };
    let hello = Hello::from_frame(&frame).map_err(|error| Refusal::bad(error.to_string()))?;
    if hello.version != VERSION {
        return Err(Refusal::bad(format!(
            "this server speaks version {VERSION} of the protocol; the client requested version {}",
            hello.version
        )));
    }
    let admission = admit(hello.token.as_ref(), service)?;
    let greeting = greeting(
        service,
        match admission {
            Admission::Granted => &[STREAM_LAYOUT],
            Admission::TokenMissing => &[TOKEN_WANTED],
        },
    );
    let sent = connection.send(&greeting).await;
    sent.map_err(|_| Refusal::Silent("the connection ended while the hello was sent"))?;
    Ok(admission)
}

/// Checks the token of a hello.
fn admit(shown: Option<&Token>, service: &Service) -> Result<Admission, Refusal> {
    match (&service.credential_store.current().tokens, shown) {
        (None, _) => Ok(Admission::Granted),
        (Some(_), None) => Ok(Admission::TokenMissing),
        (Some(tokens), Some(token)) if tokens.accept(token) => Ok(Admission::Granted),
        (Some(_), Some(_)) => {
            service.token_refusals.count(TOKEN_REFUSALS[1]);
            Err(Refusal::Reply {
                error: ErrorReply::new(ErrorKind::Denied, TOKEN_UNKNOWN),
                features: &[TOKEN_WANTED],
            })
        }
    }
}

/// Refuses a client that sent no token, once it sends its first request.
pub(super) async fn refuse_without_token(
    mut connection: Connection,
    mut codec: FrameCodec,
    peer: SocketAddr,
    service: &Service,
) {
    match connection
        .next(&mut codec, HELLO_TIMEOUT, &service.stop)
        .await
    {
        // A health check sends no request.
        Next::End | Next::Lost(_) | Next::Stopped => return,
        Next::Item(_) | Next::Broken(_) | Next::Idle => {}
    }
    service.token_refusals.count(TOKEN_REFUSALS[0]);
    tracing::info!(%peer, wire = %Wire::New, problem = TOKEN_MISSING, "refused");
    let error = ErrorReply::new(ErrorKind::Denied, TOKEN_MISSING);
    // The client may be gone; the log has the reason.
    let _ = send_message(&mut connection, &error).await;
    connection.close().await;
}

/// Consumes the magic if it is complete; an error as soon as the bytes differ from it.
fn take_magic(connection: &mut Connection) -> Result<bool, Refusal> {
    let received = connection.received();
    let compared = received.len().min(MAGIC.len());
    if received[..compared] != MAGIC[..compared] {
        return Err(Refusal::Silent("the first bytes are not the magic"));
    }
    let whole = compared == MAGIC.len();
    if whole {
        connection.take(MAGIC.len());
    }
    Ok(whole)
}

/// Our magic and hello.
fn greeting(service: &Service, features: &[&str]) -> BytesMut {
    let mut bytes = BytesMut::from(&MAGIC[..]);
    let hello = Hello {
        version: VERSION,
        software: concat!("netsocket-fileserver/", env!("CARGO_PKG_VERSION")).to_owned(),
        name: service.name.clone(),
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
        token: None,
    };
    put_message(&mut bytes, &hello);
    bytes
}

/// The reply to a refused client: our greeting, so that it knows the server, and the error.
pub(super) fn refusal(service: &Service, features: &[&str], error: &ErrorReply) -> BytesMut {
    let mut bytes = greeting(service, features);
    put_message(&mut bytes, error);
    bytes
}
