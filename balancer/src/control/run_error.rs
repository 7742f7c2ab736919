//! Why a balancer cannot run.

use std::io;

/// Why a balancer cannot run although its sockets are bound: the system refuses threads or descriptors.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct RunError {
    /// What was not to be had.
    pub(crate) what: &'static str,
    /// What the system said.
    pub(crate) error: io::Error,
}
