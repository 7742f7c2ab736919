//! What an active check sends, and which answer passes. How it is sent and how long it is waited for is `control/checks`.

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
use super::schedule::Intervals;
use crate::core::proxy_protocol::ProxySend;

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
