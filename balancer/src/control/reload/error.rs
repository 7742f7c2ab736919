//! Why a reload changed nothing.

use netsocket_settings::Problems;

use crate::control::resolve::BindError;

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// The settings are invalid: all problems, one line each.
    #[error("{0}")]
    Invalid(String),
    /// What was to be added is there already.
    #[error("{0}")]
    Occupied(String),
    /// The balancer is stopping.
    #[error("the balancer is draining")]
    Draining,
    /// A fault of the balancer ended the reload; some of the settings may be in force.
    #[error("internal error of the balancer: see its log")]
    Panicked,
    /// There is no source to read settings from again.
    #[error("this balancer was started without settings that can be reloaded")]
    NoSource,
}

impl From<Problems> for ReloadError {
    fn from(problems: Problems) -> Self {
        Self::Invalid(problems.to_string())
    }
}

impl From<BindError> for ReloadError {
    fn from(error: BindError) -> Self {
        Self::Invalid(error.to_string())
    }
}
