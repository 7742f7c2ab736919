//! Why a relay is over, in the terms from which the termination code follows.

use std::io;

use super::side::Side;

/// Why the relay is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Both directions ended, and everything was delivered.
    Closed,
    /// No byte moved for too long.
    Idle {
        /// Whose turn it was.
        side: Side,
        /// The backend had ended before.
        last: bool,
        /// A plain close could be taken for the end of a complete answer: bytes have moved, or somebody still waits for some.
        owing: bool,
    },
    /// A side with TLS is gone after an end was said, and nothing has moved since: it just did not say its own, or closed with
    /// ours unread. So do nginx and many clients of HTTP.
    Left {
        /// Who is gone.
        side: Side,
    },
    /// A side is gone: it reset the connection, or the network lost it. What it had sent before was handed on.
    Lost {
        /// Who is gone.
        side: Side,
        /// The backend had ended before.
        last: bool,
        /// What the system called it.
        error: io::ErrorKind,
    },
}
