//! Signals about the health of a backend.

use super::failure::CheckFailure;
use crate::core::connect_failure::ConnectFailure;

/// Input of the state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A check passed.
    CheckPassed,
    /// A check failed.
    CheckFailed(CheckFailure),
    /// This many consecutive sessions could not connect; the failure is that of the last one.
    ConnectsFailed(u32, ConnectFailure),
    /// This many consecutive sessions were reset early and unprovoked.
    EarlyResets(u32),
}

/// What a session reports about its backend while it runs, see [`crate::core::backend::Backend::observe_session`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionSignal {
    /// The connect succeeded.
    Connected,
    /// The connect failed. Failures caused by the balancer itself do not count.
    ConnectFailed(ConnectFailure),
    /// The backend sent a byte, or closed in order.
    Answered,
    /// The backend reset the session soon after the connect, before it sent a byte.
    EarlyReset {
        /// Whether the client had sent anything. The reset may then be a reaction to it, so it only brings the next check
        /// forward: no client can get a backend ejected.
        client_sent: bool,
    },
}
