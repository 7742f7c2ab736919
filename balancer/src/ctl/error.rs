//! Why a command failed, and the exit code for it.

use std::io;

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    /// The balancer said no: the change is not allowed, or it has nothing of that name.
    #[error("{0}")]
    Refused(String),
    /// The command line or the settings cannot be used.
    #[error("{0}")]
    Usage(String),
    /// Nobody answers, or not as a balancer does.
    #[error("{0}")]
    Unreachable(String),
    /// Standard output cannot be written to.
    #[error("{0}")]
    Output(#[from] io::Error),
}

impl CtlError {
    /// The exit code: 1 refused, 2 usage, 3 cannot connect.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}
