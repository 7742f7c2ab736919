//! What is learnt about a backend.

use super::failure::CheckFailure;
use crate::core::connect_failure::ConnectFailure;

/// What the state machine is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A check passed.
    CheckPassed,
    /// A check failed.
    CheckFailed(CheckFailure),
    /// So many sessions in a row could not connect, the last one in this way.
    ConnectsFailed(u32, ConnectFailure),
    /// So many sessions in a row were reset early and unasked.
    EarlyResets(u32),
}

/// What a session tells of its backend while it runs, see [`crate::core::backend::Backend::observe_session`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionSignal {
    /// The connect succeeded.
    Connected,
    /// The connect failed. What is the balancer's own fault is left out of account.
    ConnectFailed(ConnectFailure),
    /// The backend sent a byte, or ended in order.
    Answered,
    /// The backend reset the session soon after the connect, before it sent a byte.
    EarlyReset {
        /// Whether the client had sent anything. A reset may then be the answer to what the client sent, so it only
        /// makes the next check come sooner: no client can have a backend ejected.
        client_sent: bool,
    },
}
