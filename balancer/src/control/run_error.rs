//! Why a balancer cannot run.

use std::io;

/// Why a balancer cannot run although its sockets are bound: no threads or descriptors are available.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct RunError {
    /// What failed.
    pub(crate) what: &'static str,
    /// The error of the system.
    pub(crate) error: io::Error,
}
