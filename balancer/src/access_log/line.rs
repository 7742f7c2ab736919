//! What a line says.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use crate::termination::Termination;

/// One session at its end, borrowed from whoever knows it.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The client: the real one where a PROXY header told it.
    pub client: SocketAddr,
    /// When it was accepted.
    pub accepted: SystemTime,
    /// The listener that it came through.
    pub frontend: &'a str,
    /// The pool that it was meant for.
    pub pool: &'a str,
    /// Name and address of the backend that took it, or of the last that was tried.
    pub backend: Option<(&'a str, SocketAddr)>,
    /// From the accept to the first pick of a backend; `None` where it did not come to that.
    pub queue: Option<Duration>,
    /// From the first pick until a backend was connected, failed attempts included; `None` where none was.
    pub connect: Option<Duration>,
    /// From the accept to the end.
    pub total: Duration,
    /// Bytes from the client to the backend.
    pub bytes_up: u64,
    /// Bytes from the backend to the client.
    pub bytes_down: u64,
    /// How it ended.
    pub termination: Termination,
    /// How often another backend was tried after a failure.
    pub retries: u32,
    /// Attempts that failed, in order.
    pub failures: &'a [Failure<'a>],
    /// What else was open when it ended.
    pub open: OpenConnections,
    /// How many were before it in the queue when it came; 0 also where it did not have to wait.
    pub queued_behind: u32,
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Failure<'a> {
    /// The backend that was tried.
    pub backend: &'a str,
    /// The label of the [`ConnectFailure`](crate::connect::ConnectFailure).
    pub reason: &'a str,
}

/// Open connections at the end of a session, itself not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenConnections {
    /// Of the process.
    pub process: u32,
    /// Of the listener.
    pub frontend: u32,
    /// Of the pool.
    pub pool: u32,
    /// Of the backend.
    pub backend: u32,
}

impl Line<'_> {
    /// Whether there is nothing to look into: both sides closed, and the first backend that was tried took it.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        self.termination == Termination::Normal && self.retries == 0
    }
}
