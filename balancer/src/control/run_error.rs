//! Why a balancer cannot run.

use std::io;

use netsocket_settings::reason;

/// Why a balancer cannot run although its sockets are bound: no threads or descriptors are available.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {}", reason(error))]
pub struct RunError {
    /// What failed.
    pub(crate) what: String,
    /// The error of the system.
    pub(crate) error: io::Error,
}
