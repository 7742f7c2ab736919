//! Why a query has no answer, whichever way it is looked up.

/// Why a query, or a list of a directory, has no answer. Each sentence is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// A condition or a path is malformed.
    #[error("{0}")]
    BadRequest(String),
    /// There is no such file or directory.
    #[error("{0}")]
    NotFound(String),
    /// The server may not read it, or does not show it.
    #[error("{0}")]
    Denied(String),
    /// The answer would be too long.
    #[error("{0}")]
    TooLarge(String),
}
