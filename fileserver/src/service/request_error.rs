//! Why a request is not answered as asked: which side it lies with, of what kind it is, whether the same may work later.

use std::io;
use std::time::Duration;

use netsocket_protocol::message::{ErrorKind, ErrorReply, MessageError};
use netsocket_protocol::text::NO_FILE_FOUND;

use crate::archive::spool::SpoolError;
use crate::archive::{NothingToArchive, PlanChanged, PlanError, WorkerFailed};
use crate::query::error::QueryError;
use crate::tree::walk::WalkError;

/// Who has to do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one who asked.
    Client,
    /// The one who runs this server.
    Server,
}

/// Why a request has no answer, or only a part of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// It cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    /// There is no such file.
    #[error("{0}")]
    NotFound(String),
    /// The server may not read it.
    #[error("{0}")]
    Denied(String),
    /// What has begun elsewhere cannot go on here.
    #[error(transparent)]
    PlanChanged(#[from] PlanChanged),
    /// A plain file is not the one whose rest is asked for.
    #[error("{0}")]
    FileChanged(String),
    /// No file can be archived.
    #[error("{}", match .0 {
        NothingToArchive::NoneFound => NO_FILE_FOUND,
        NothingToArchive::NoneReadable => "No file found that the server may read",
    })]
    Nothing(NothingToArchive),
    /// There is no such directory to look below.
    #[error("there is no directory '{0}'")]
    NoDirectory(String),
    /// As many archives are being made as this server makes at once.
    #[error("this server makes {limit} archives at once and is busy with as many; try again later")]
    Busy {
        /// How many.
        limit: usize,
    },
    /// The archive would hold more files than the server plans at once.
    #[error(
        "the archive would hold more than {limit} files, the most of this server; ask for fewer"
    )]
    TooManyFiles {
        /// How many it may hold.
        limit: u32,
    },
    /// The archives that are being made hold so many files that this one has no room beside them.
    #[error("the archives that this server makes hold {limit} files at once; try again later")]
    PlansFull {
        /// How many files they may hold.
        limit: u32,
    },
    /// The disk has no room to spool the archive.
    #[error("spooling an archive would leave less than {reserve} bytes free")]
    DiskFull {
        /// Bytes that must stay free.
        reserve: u64,
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
    pub(crate) fn side(&self) -> Side {
        match self {
            Self::Busy { .. }
            | Self::PlansFull { .. }
            | Self::DiskFull { .. }
            | Self::Internal { .. } => Side::Server,
            _ => Side::Client,
        }
    }

    /// Whether the session is over with it.
    #[must_use]
    pub(crate) fn ends_session(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Stalled(_))
    }

    /// A word for logs and counters, always the same for the same variant.
    #[must_use]
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::Nothing(_) | Self::NotFound(_) | Self::NoDirectory(_) => "not_found",
            Self::Denied(_) => "denied",
            Self::PlanChanged(_) | Self::FileChanged(_) => "changed",
            Self::Busy { .. } => "busy",
            Self::PlansFull { .. } => "plans_full",
            Self::DiskFull { .. } => "disk_full",
            Self::TooManyFiles { .. } => "too_many_files",
            Self::TooLarge(_) => "too_large",
            Self::Internal { .. } => "internal",
            Self::Gone(_) => "gone",
            Self::Stalled(_) => "stalled",
        }
    }

    /// The same on the new wire.
    #[must_use]
    pub(crate) fn reply(&self) -> ErrorReply {
        let kind = match self {
            Self::BadRequest(_) => ErrorKind::BadRequest,
            Self::Nothing(_) | Self::NotFound(_) | Self::NoDirectory(_) => ErrorKind::NotFound,
            Self::Denied(_) => ErrorKind::Denied,
            Self::PlanChanged(_) | Self::FileChanged(_) => ErrorKind::Changed,
            Self::Busy { .. } | Self::PlansFull { .. } | Self::DiskFull { .. } => ErrorKind::Busy,
            Self::TooManyFiles { .. } | Self::TooLarge(_) => ErrorKind::TooLarge,
            Self::Internal { .. } | Self::Gone(_) | Self::Stalled(_) => ErrorKind::Internal,
        };
        let mut reply = ErrorReply::new(kind, self.to_string());
        if let Self::PlanChanged(PlanChanged { changes, .. }) = self {
            reply.changes.clone_from(changes);
        }
        reply
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

impl From<QueryError> for RequestError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::BadRequest(sentence) => Self::BadRequest(sentence),
            QueryError::NotFound(sentence) => Self::NotFound(sentence),
            QueryError::Denied(sentence) => Self::Denied(sentence),
            QueryError::TooLarge(sentence) => Self::TooLarge(sentence),
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
            SpoolError::DiskFull { reserve } => Self::DiskFull { reserve },
            SpoolError::Io(error) => Self::internal("spooling an archive", error),
        }
    }
}

impl From<MessageError> for RequestError {
    fn from(error: MessageError) -> Self {
        Self::internal("writing a message", error)
    }
}
