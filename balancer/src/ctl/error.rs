//! Why a command failed, and the exit code for it.

use std::io;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    /// The balancer refused: the change is not allowed, or the name does not exist.
    #[error("{0}")]
    Refused(String),
    /// The command line or the settings are invalid.
    #[error("{0}")]
    Usage(String),
    /// There is no answer, or not that of a balancer.
    #[error("{0}")]
    Unreachable(String),
    /// A change was asked for, and there is no answer: what became of it is not known.
    #[error("{0}: it may still be done; `ctl status` tells")]
    Unanswered(String),
    /// Standard output cannot be written to.
    #[error("{0}")]
    Output(#[from] io::Error),
}

impl CtlError {
    /// What was followed has come to its end.
    pub(super) fn stopped() -> Self {
        Self::Unreachable("the balancer stopped".to_owned())
    }

    /// What is wrong with some of several names.
    pub(super) fn nothing_changed(mut wrong: Vec<String>) -> Self {
        wrong.push("nothing was changed".to_owned());
        Self::Refused(wrong.join("\n"))
    }

    /// The exit code: 1 refused by the balancer, 2 wrong usage, 3 cannot connect.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) | Self::Unanswered(_) => 3,
        }
    }
}
