//! One active check: connect, and where a probe asks for it, send something and look at the answer.

mod answer;
mod escape;
mod http;
mod probe;
mod status;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

pub use answer::{Expect, InvalidPattern};
pub use escape::{escape, unescape};
pub use probe::Probe;
pub use status::Statuses;

use self::answer::Verdict;
use super::failure::{CheckFailure, Excerpt};
use super::schedule::Intervals;
use crate::core::connect_failure::connect;
use crate::data_path::runtime_rules::ProxySend;

/// The most of an answer that is looked at, in bytes.
const MOST_ANSWER: usize = 16 * 1024;

/// How the backends of a pool are checked.
#[derive(Debug, Clone)]
pub struct Checks {
    /// How often.
    pub intervals: Intervals,
    /// For one check, connect and answer together.
    pub timeout: Duration,
    /// What is asked.
    pub probe: Probe,
    /// How the connection ends.
    pub close: Close,
    /// The form of the PROXY protocol in which a check says that it stands for nobody.
    pub proxy: ProxySend,
}

/// How the connection of a check ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Close {
    /// By reset: leaves no TIME_WAIT behind, of which a backend would hold dozens for every balancer that checks it.
    #[default]
    Reset,
    /// In order: for servers that write a line about every reset.
    Fin,
}

impl Checks {
    /// Makes one check.
    ///
    /// # Errors
    /// Why it did not pass.
    pub(super) async fn run(&self, address: SocketAddr) -> Result<(), CheckFailure> {
        let deadline = Instant::now() + self.timeout;
        let mut stream = connect(address, self.timeout).await?;
        if self.close == Close::Reset {
            // Where it cannot be set the close is a plain one, and the check has its result all the same.
            let _ = stream.set_zero_linger();
        }
        if let Some(header) = self.proxy.header_of_nobody() {
            // Where it cannot be sent the connection is gone, which the exchange will tell.
            let _ = timeout_at(deadline, stream.write_all(header.as_bytes())).await;
        }
        match &self.probe {
            Probe::Connect => Ok(()),
            Probe::Exchange { send, expect } => {
                converse(&mut stream, send, deadline, |answer, ended| {
                    expect.judge(answer, ended)
                })
                .await
            }
            Probe::Http {
                path,
                host,
                statuses,
            } => {
                let request = http::request(path, host.as_deref(), address);
                let judge = |answer: &[u8], ended| http::judge(answer, ended, statuses);
                converse(&mut stream, &request, deadline, judge).await
            }
        }
    }
}

/// Sends, then reads until the judge has made up its mind.
async fn converse(
    stream: &mut TcpStream,
    send: &[u8],
    deadline: Instant,
    judge: impl Fn(&[u8], bool) -> Verdict,
) -> Result<(), CheckFailure> {
    let mut answer = Vec::new();
    let exchange = async {
        // A server that answers and ends before it has read everything may still answer well.
        let sent = stream.write_all(send).await;
        let mut chunk = [0; 2048];
        loop {
            let read = stream.read(&mut chunk).await;
            let count = *read.as_ref().unwrap_or(&0);
            answer.extend_from_slice(chunk.get(..count).unwrap_or_default());
            match judge(&answer, count == 0 || answer.len() >= MOST_ANSWER) {
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
