//! Why a request fails: whose fault it is, what kind of error, and whether a retry may succeed.

use std::io;
use std::time::Duration;

use netsocket_protocol::MAX_FRAME;
use netsocket_protocol::message::{ErrorKind, ErrorReply, Lacking, MessageError};
use netsocket_protocol::name::Name;
use netsocket_protocol::text::NO_FILE_FOUND;
use rustix::io::Errno;

use crate::archive::spool::SpoolError;
use crate::archive::{EmptyArchive, PlanChanged, PlanError, WorkerFailed};
use crate::query::error::QueryError;
use crate::tree::walk::WalkError;

/// The most bytes of JSON for what an answer lacks, so that it fits into a frame beside the rest.
pub(crate) const LACKING_BYTES: usize = MAX_FRAME / 4;

/// Who can fix an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client.
    Client,
    /// The operator of this server.
    Server,
}

/// Why a request has no answer, or only part of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The request is malformed.
    #[error("{0}")]
    BadRequest(String),
    /// There is no such file.
    #[error("{0}")]
    NotFound(String),
    /// The server may not read it.
    #[error("{0}")]
    Denied(String),
    /// An archive started on another server cannot be resumed here.
    #[error(transparent)]
    PlanChanged(#[from] PlanChanged),
    /// A plain file has changed since the download started.
    #[error("{0}")]
    FileChanged(String),
    /// There is nothing to archive.
    #[error("{}", match .0.is_empty() {
        true => NO_FILE_FOUND,
        false => "No file found that the server may read",
    })]
    Nothing(Lacking),
    /// The directory to search does not exist.
    #[error("there is no directory '{0}'")]
    NoDirectory(String),
    /// The limit on concurrent archives is reached.
    #[error("this server is already making {limit} archives, its limit; try again later")]
    Busy {
        /// How many.
        limit: usize,
    },
    /// The archive would contain more files than the server allows.
    #[error(
        "the archive would contain more than {limit} files, the limit of this server; narrow the search"
    )]
    TooManyFiles {
        /// The most files.
        limit: u32,
    },
    /// The running archives contain so many files that this one does not fit within the limit.
    #[error("this server limits all running archives together to {limit} files; try again later")]
    PlansFull {
        /// The most files in all of them.
        limit: u32,
    },
    /// The disk has too little free space to spool the archive.
    #[error("spooling an archive would leave less than {reserve} bytes free")]
    DiskFull {
        /// Bytes that must stay free.
        reserve: u64,
    },
    /// The answer exceeds a limit.
    #[error("{0}")]
    TooLarge(String),
    /// The server itself failed.
    #[error("the server failed while {doing}: {source}")]
    Internal {
        /// What it was doing.
        doing: &'static str,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection failed.
    #[error("the client disconnected: {0}")]
    Gone(io::Error),
    /// The client read nothing for that long.
    #[error("the client read nothing for {0:?}")]
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

    /// There is no such file.
    pub(crate) fn no_file(path: &Name) -> Self {
        Self::NotFound(format!("there is no file {path}"))
    }

    /// Why a file could not be opened.
    pub(crate) fn opening(path: &Name, error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(Errno::ACCESS | Errno::PERM) => {
                Self::Denied(format!("the server may not read {path}"))
            }
            // Missing, not a regular file, or behind a symbolic link, which is never followed.
            None
            | Some(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::XDEV
                | Errno::NXIO
                | Errno::NAMETOOLONG,
            ) => Self::no_file(path),
            Some(_) => Self::internal("opening a file", error),
        }
    }

    /// Who can fix it.
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

    /// Whether the session ends with it.
    #[must_use]
    pub(crate) fn ends_session(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Stalled(_))
    }

    /// The label for logs and counters, the same for all errors of a variant.
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

    /// The error reply of the new wire.
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
        match self {
            Self::PlanChanged(PlanChanged { changes, .. }) => reply.changes.clone_from(changes),
            Self::Nothing(lacking) => reply.lacking.clone_from(lacking),
            _ => {}
        }
        reply
    }
}

impl From<PlanError> for RequestError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Nothing(EmptyArchive::NoneFound) => Self::Nothing(Lacking::default()),
            PlanError::Nothing(EmptyArchive::NoneReadable(files)) => {
                Self::Nothing(Lacking::fitting(files, LACKING_BYTES))
            }
            PlanError::TooLarge | PlanError::LongName { .. } => Self::TooLarge(error.to_string()),
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
