//! The content of a line.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use netsocket_settings::AdminAddress;

use crate::core::termination::Termination;

/// A finished session, borrowed from its record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// The client: the real one where a PROXY header told it.
    pub(crate) client: SocketAddr,
    /// When it was accepted.
    pub(crate) accepted: SystemTime,
    /// The listener that it came through.
    pub(crate) frontend: &'a str,
    /// The pool that it was meant for.
    pub(crate) pool: &'a str,
    /// Name and address of the backend that took it, or of the last that was tried.
    pub(crate) backend: Option<(&'a str, &'a AdminAddress)>,
    /// From the accept to the first pick of a backend, or to the end in the queue; `None` where it came to neither.
    pub(crate) queue: Option<Duration>,
    /// From the first pick until a backend was connected, failed attempts included; `None` where none was.
    pub(crate) connect: Option<Duration>,
    /// From the accept to the end.
    pub(crate) total: Duration,
    /// Bytes from the client to the backend.
    pub(crate) bytes_up: u64,
    /// Bytes from the backend to the client.
    pub(crate) bytes_down: u64,
    /// How it ended.
    pub(crate) termination: Termination,
    /// How often another backend was tried after a failure.
    pub(crate) retries: u32,
    /// Attempts that failed, in order.
    pub(crate) failures: &'a [Failure<'a>],
    /// What else was open when it ended.
    pub(crate) open: OpenConnections,
    /// How many were before it in the queue when it came; 0 also where it did not have to wait.
    pub(crate) queued_behind: u32,
    /// Whether it has waited in the queue.
    pub(crate) waited: bool,
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Failure<'a> {
    /// The backend that was tried.
    pub(crate) backend: &'a str,
    /// The label of the [`ConnectFailure`](crate::core::connect_failure::ConnectFailure).
    pub(crate) reason: &'a str,
}

/// Open connections at the end of a session. As in HAProxy it is still one of the process and of the listener, and has
/// left pool and backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OpenConnections {
    /// Of the process.
    pub(crate) process: u32,
    /// Of the listener.
    pub(crate) frontend: u32,
    /// Of the pool.
    pub(crate) pool: u32,
    /// Of the backend.
    pub(crate) backend: u32,
}

impl Line<'_> {
    /// Whether there is nothing to look into: both sides closed, and the first backend that was tried took it.
    #[must_use]
    pub(crate) fn is_normal(&self) -> bool {
        self.termination == Termination::Normal && self.retries == 0
    }
}
