//! One active check: connect, and where a probe asks for it, send something and look at the answer.

use std::net::IpAddr;
use std::sync::Arc;

use netsocket_settings::AdminAddress;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::connect::{Stream, close_by_reset, connect};
use crate::core::connect_failure::ConnectFailure;
use crate::core::health::{
    CheckFailure, Checks, Close, Excerpt, Probe, Verdict, evaluate_http, http_request,
};

/// The most of an answer that is looked at, in bytes.
const MAX_ANSWER: usize = 16 * 1024;
/// Room for a part of it, in bytes.
const CHUNK: usize = 512;

/// Makes one check.
///
/// # Errors
/// Why it did not pass.
pub(crate) async fn run_check(
    checks: &Checks,
    address: &AdminAddress,
    source: Option<IpAddr>,
    tls: Option<CheckTls>,
) -> Result<(), CheckFailure> {
    let deadline = Instant::now() + checks.timeout;
    let mut stream = connect(address, source, checks.timeout).await?;
    if checks.close == Close::Reset {
        close_by_reset(&stream);
    }
    if let Some(header) = checks.proxy.header_without_client() {
        // Where it cannot be sent the connection is gone, which the exchange will tell.
        let _ = timeout_at(deadline, stream.write_all(header.as_bytes())).await;
    }
    // Apart, as what follows: a plain connect needs far less memory, and thousands may be under way at once.
    match tls {
        Some(tls) => Box::pin(probe_in_tls(checks, tls, stream, address, deadline)).await,
        None => probe(checks, &mut stream, address, deadline).await,
    }
}

async fn probe_in_tls(
    checks: &Checks,
    tls: CheckTls,
    stream: Stream,
    address: &AdminAddress,
    deadline: Instant,
) -> Result<(), CheckFailure> {
    let connector = TlsConnector::from(tls.config);
    match timeout_at(deadline, connector.connect(tls.name, stream)).await {
        Ok(Ok(mut stream)) => probe(checks, &mut stream, address, deadline).await,
        Ok(Err(error)) => Err(CheckFailure::Tls(error.to_string())),
        Err(_elapsed) => Err(CheckFailure::Connect(ConnectFailure::TimedOut)),
    }
}

/// TLS of a check.
pub(crate) struct CheckTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

/// What a check says and hears on its connection.
async fn probe<S: AsyncRead + AsyncWrite + Unpin>(
    checks: &Checks,
    stream: &mut S,
    address: &AdminAddress,
    deadline: Instant,
) -> Result<(), CheckFailure> {
    match &checks.probe {
        Probe::Connect => Ok(()),
        Probe::Exchange { send, expect } => {
            let evaluate = |answer: &[u8], ended| expect.evaluate(answer, ended);
            Box::pin(converse(stream, send, deadline, evaluate)).await
        }
        Probe::Http {
            path,
            host,
            statuses,
        } => {
            let request = http_request(path, host.as_deref(), &address.host());
            let evaluate = |answer: &[u8], ended| evaluate_http(answer, ended, statuses);
            Box::pin(converse(stream, &request, deadline, evaluate)).await
        }
    }
}

/// Sends, then reads until the judge has made up its mind.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    send: &[u8],
    deadline: Instant,
    evaluate: impl Fn(&[u8], bool) -> Verdict,
) -> Result<(), CheckFailure> {
    let mut answer = Vec::new();
    let exchange = async {
        // A server that answers and ends before it has read everything may still answer well.
        let sent = stream.write_all(send).await;
        loop {
            answer.reserve(CHUNK);
            let read = stream.read_buf(&mut answer).await;
            let count = *read.as_ref().unwrap_or(&0);
            match evaluate(&answer, count == 0 || answer.len() >= MAX_ANSWER) {
                Verdict::Pending => {}
                Verdict::Passed => return Ok(()),
                Verdict::Wrong if read.is_err() || (sent.is_err() && answer.is_empty()) => {
                    return Err(CheckFailure::Lost(Excerpt::of(&answer)));
                }
                Verdict::Wrong => return Err(CheckFailure::WrongAnswer(Excerpt::of(&answer))),
                Verdict::WrongStatus(status) => return Err(CheckFailure::WrongStatus(status)),
            }
        }
    };
    match timeout_at(deadline, exchange).await {
        Ok(result) => result,
        Err(_elapsed) => Err(CheckFailure::NoAnswer(Excerpt::of(&answer))),
    }
}

#[cfg(test)]
mod tests;
