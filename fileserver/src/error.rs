//! Why a request is not answered as asked: which side it lies with, of what kind it is, whether the same may work later.

use std::io;
use std::time::Duration;

use netsocket_protocol::message::{ErrorKind, ErrorReply, MessageError};
use netsocket_protocol::text::NO_FILE_FOUND;

use crate::archive::{NothingToArchive, PlanError, WorkerFailed};
use crate::spool::SpoolError;
use crate::walk::WalkError;

/// Who has to do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one who asked.
    Client,
    /// The one who runs this server.
    Server,
}

/// Why a request has no answer, or only a part of one.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    /// No file can be archived.
    #[error("{}", match .0 {
        NothingToArchive::NoneFound => NO_FILE_FOUND,
        NothingToArchive::NoneReadable => "No file found that the server may read",
    })]
    Nothing(NothingToArchive),
    /// As many archives are being made as this server makes at once.
    #[error("this server makes {limit} archives at once and is busy with as many; try again later")]
    Busy {
        /// How many.
        limit: usize,
    },
    /// The length of the archive cannot be told, or may not be spooled.
    #[error("{0}")]
    TooLarge(String),
    /// The tree, the spool or a worker failed.
    #[error("the server failed: {doing}: {source}")]
    Internal {
        /// What it was doing.
        doing: &'static str,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection failed; there is nobody to answer.
    #[error("the client went away: {0}")]
    Gone(io::Error),
    /// The client took not one byte in all that time.
    #[error("the client took no byte for {0:?}")]
    Stalled(Duration),
}

impl RequestError {
    pub(crate) fn internal(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            doing,
            source: source.into(),
        }
    }

    /// Who has to do something about it.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::Busy { .. } | Self::Internal { .. } => Side::Server,
            _ => Side::Client,
        }
    }

    /// Whether the same request may work later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Internal { .. })
    }

    /// Whether the session is over with it.
    #[must_use]
    pub fn ends_session(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Stalled(_))
    }

    /// A word for logs and counters, always the same for the same variant.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Nothing(_) => "not_found",
            Self::Busy { .. } => "busy",
            Self::TooLarge(_) => "too_large",
            Self::Internal { .. } => "internal",
            Self::Gone(_) => "gone",
            Self::Stalled(_) => "stalled",
        }
    }

    /// The same on the new wire.
    #[must_use]
    pub fn reply(&self) -> ErrorReply {
        let kind = match self {
            Self::BadRequest(_) => ErrorKind::BadRequest,
            Self::Nothing(_) => ErrorKind::NotFound,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::TooLarge(_) => ErrorKind::TooLarge,
            Self::Internal { .. } | Self::Gone(_) | Self::Stalled(_) => ErrorKind::Internal,
        };
        ErrorReply::new(kind, self.to_string())
    }
}

impl From<PlanError> for RequestError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Nothing(nothing) => Self::Nothing(nothing),
            PlanError::TooLarge => Self::TooLarge(error.to_string()),
        }
    }
}

impl From<WalkError> for RequestError {
    fn from(error: WalkError) -> Self {
        Self::internal("looking for files", error)
    }
}

impl From<WorkerFailed> for RequestError {
    fn from(error: WorkerFailed) -> Self {
        Self::internal("making an archive", error)
    }
}

impl From<SpoolError> for RequestError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::OverLimit { .. } => Self::TooLarge(error.to_string()),
            SpoolError::Io(error) => Self::internal("spooling an archive", error),
        }
    }
}

impl From<MessageError> for RequestError {
    fn from(error: MessageError) -> Self {
        Self::internal("writing a message", error)
    }
}
