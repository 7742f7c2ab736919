//! What an active check sends and which answer passes. Does not own the connection and its timeout: that is
//! `control/checks`.

mod answer;
mod escape;
mod http;
mod probe;
mod status;

use std::time::Duration;

pub use answer::{Expect, InvalidPattern};
pub use escape::{escape, unescape};
pub use probe::Probe;
pub use status::Statuses;

pub(crate) use self::answer::Verdict;
pub(crate) use self::http::{evaluate as evaluate_http, request as http_request};
use super::agent::AgentCheck;
use super::schedule::Intervals;
use crate::core::proxy_protocol::ProxySend;

/// Settings of active health checks.
#[derive(Debug, Clone)]
pub struct Checks {
    /// How often to check.
    pub intervals: Intervals,
    /// Timeout for one check, including the connect.
    pub timeout: Duration,
    /// What to send and expect.
    pub probe: Probe,
    /// How to close the connection.
    pub close: Close,
    /// The PROXY protocol version in which a check announces a connection without a client.
    pub proxy: ProxySend,
    /// The agent that is asked as well.
    pub agent: Option<AgentCheck>,
}

/// How to close the connection of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Close {
    /// By reset: leaves no TIME_WAIT sockets, of which a backend would hold dozens for every balancer that checks it.
    #[default]
    Reset,
    /// In order: for servers that log every reset.
    Fin,
}
