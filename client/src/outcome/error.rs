//! Errors of commands, with a message for users and a stable word for programs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use netsocket_protocol::VERSION;
use netsocket_protocol::command::UsageError;
use netsocket_protocol::frame::FrameError;
use netsocket_protocol::message::{ErrorKind, ErrorReply, MessageError, Problem};
use netsocket_protocol::name::Name;
use netsocket_settings::reason;

use crate::outcome::damage::Damage;
use crate::outcome::exit::Exit;
use crate::text::{files, shown};

/// Where the cause of an error lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The user or script that gave the command.
    User,
    /// This machine: its files or its output.
    Here,
    /// The network.
    Network,
    /// The server.
    Server,
}

/// Everything that can go wrong with a command.
///
/// # Examples
///
/// ```
/// use netsocket_client::outcome::error::{Error, Side};
/// use netsocket_client::outcome::exit::Exit;
///
/// let lost = Error::Lost("connection reset".to_owned());
/// assert_eq!((lost.side(), lost.exit()), (Side::Network, Exit::TransferFailed));
/// assert!(lost.is_retryable());
/// assert!(!Error::Usage("find takes one name or glob".to_owned()).is_retryable());
/// ```
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command is wrong; nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// No connection could be made.
    #[error("cannot connect to {server}: {reason}")]
    Connect {
        /// The address that was tried.
        server: String,
        /// What the system said.
        reason: String,
    },
    /// No connection could be made to any of several servers.
    #[error("{}", each_of(.0))]
    Unreachable(Vec<Error>),
    /// The connection was closed before the server sent anything.
    #[error(
        "cannot connect to {0}: the connection was closed immediately (a balancer does this when it has no healthy server, or when it expects TLS: --tls)"
    )]
    ClosedAtOnce(String),
    /// The connection was accepted, but no session began on it.
    #[error("cannot connect to {server}: {reason}")]
    NoGreeting {
        /// The address that was tried.
        server: String,
        /// What came instead.
        reason: String,
    },
    /// The TLS handshake failed.
    #[error("{0}")]
    Tls(String),
    /// The server requires a token, or rejects the one it got.
    #[error("{0}")]
    Token(String),
    /// The server speaks another protocol.
    #[error("{0} is not a NetSocket file server: it speaks another protocol")]
    NotNetSocket(String),
    /// The server speaks HTTP, and not our protocol.
    #[error(
        "{0} is an HTTP server, not a NetSocket file server. If it is a balancer's admin address, use the port of its listen setting"
    )]
    HttpServer(String),
    /// The server begins with an alert of TLS.
    #[error("{0} speaks TLS: use --tls (or tls = \"on\")")]
    TlsServer(String),
    /// The server is older than this client.
    #[error(
        "the server speaks version {theirs} of the protocol and refuses version {VERSION}{}",
        said(.message)
    )]
    Version {
        /// The version in the server's hello.
        theirs: u16,
        /// The server's message; may be empty.
        message: String,
    },
    /// The connection was lost before the answer was complete.
    #[error("the connection was lost before the answer was complete: {0}")]
    Lost(String),
    /// No byte was received within the time limit.
    #[error("the server stopped sending: no data for {0:?}")]
    Stalled(Duration),
    /// An answer violates the protocol.
    #[error("the server's answer violates the protocol: {}", Name::from(.0.as_str()))]
    Protocol(String),
    /// The received data is not what the server announced or sent.
    #[error("the data arrived damaged: {0}")]
    Damaged(#[from] Damage),
    /// A transfer was retried without progress until the deadline.
    #[error("gave up after {waited:.1?} without progress: {last}")]
    GaveUp {
        /// How long no block was received.
        waited: Duration,
        /// How the last attempt ended.
        last: Box<Error>,
    },
    /// An archive cannot be unpacked.
    #[error("cannot unpack the archive: {0}")]
    Unpack(String),
    /// Some files already existed when an archive was unpacked; all others were written.
    #[error("{}", in_the_way(.directory, *.count, .some, *.are_different))]
    Exists {
        /// The directory as given.
        directory: PathBuf,
        /// How many there were.
        count: u64,
        /// The first of them, relative to the directory.
        some: Vec<Name>,
        /// Whether all of them were seen to have different content.
        are_different: bool,
    },
    /// The server answered with an error.
    #[error("the server says: {}", Name::from(.0.message.as_str()))]
    Server(ErrorReply),
    /// The last block of a partial download is not what the server has there now.
    #[error("the partial download no longer matches what the server has")]
    SourceChanged,
    /// The server had to send zeros in place of a part of a file.
    #[error("could not download all of {path}: {}", why_incomplete(*.problem))]
    Incomplete {
        /// The path on the server.
        path: Name,
        /// Why.
        problem: Problem,
    },
    /// The destination cannot be written.
    #[error("cannot write {}: {reason}", shown(.path))]
    Target {
        /// The path as given.
        path: PathBuf,
        /// What prevents it.
        reason: String,
    },
    /// Another program downloads to the same file.
    #[error("cannot write {}: another download is writing to it", shown(.0))]
    Taken(PathBuf),
    /// There is a file already, and nobody can be asked.
    #[error("cannot write {}: it is there already: --force overwrites it", shown(.0))]
    AlreadyThere(PathBuf),
    /// The same, where the last operand of `get` has named the file: it may have been meant for the server.
    #[error("cannot write {}: it is there already: -o or --force overwrites it", shown(.0))]
    OperandThere(PathBuf),
    /// There is a file already, and who was asked wants to keep it.
    #[error("{}: kept", shown(.0))]
    Kept(PathBuf),
    /// A command of the local shell failed.
    #[error("{0}")]
    Shell(String),
    /// Commands cannot be read from the terminal or from standard input.
    #[error("cannot read commands: {0}")]
    Input(String),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(String),
    /// The reader of a pipe closed it. Not reported, as with other programs in a pipe.
    #[error("the reader closed the pipe")]
    ReaderGone {
        /// Whether an archive was truncated.
        archive: bool,
        /// Whether standard output leads there: nothing can be printed any more.
        stdout: bool,
    },
    /// A signal ended the command.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Where the cause of an error lies.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::Usage(_) | Self::Kept(_) | Self::Interrupted => Side::User,
            Self::Target { .. }
            | Self::Taken(_)
            | Self::AlreadyThere(_)
            | Self::OperandThere(_)
            | Self::Exists { .. }
            | Self::Shell(_)
            | Self::Input(_)
            | Self::Output(_)
            | Self::ReaderGone { .. } => Side::Here,
            Self::GaveUp { last, .. } => last.side(),
            Self::Connect { .. }
            | Self::Unreachable(_)
            | Self::ClosedAtOnce(_)
            | Self::NoGreeting { .. }
            | Self::Lost(_)
            | Self::Stalled(_)
            | Self::Damaged(_) => Side::Network,
            Self::NotNetSocket(_)
            | Self::HttpServer(_)
            | Self::TlsServer(_)
            | Self::Version { .. }
            | Self::Tls(_)
            | Self::Token(_)
            | Self::Protocol(_)
            | Self::Unpack(_)
            | Self::SourceChanged
            | Self::Incomplete { .. }
            | Self::Server(_) => Side::Server,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Connect { .. }
            | Self::Unreachable(_)
            | Self::ClosedAtOnce(_)
            | Self::NoGreeting { .. } => "connect",
            Self::Tls(_) | Self::TlsServer(_) => "tls",
            Self::Token(_) => "token",
            Self::NotNetSocket(_) | Self::HttpServer(_) => "not_netsocket",
            Self::Version { .. } => "version",
            Self::Lost(_) => "lost",
            Self::Stalled(_) => "stalled",
            Self::Protocol(_) => "protocol",
            Self::Damaged(_) => "damaged",
            Self::GaveUp { .. } => "gave_up",
            Self::Unpack(_) => "unpack",
            Self::Exists { .. } | Self::AlreadyThere(_) | Self::OperandThere(_) | Self::Kept(_) => {
                "exists"
            }
            Self::Server(reply) => match reply.kind {
                ErrorKind::NotFound => "not_found",
                ErrorKind::BadRequest => "bad_request",
                ErrorKind::Changed => "changed",
                ErrorKind::Busy => "busy",
                ErrorKind::Denied => "denied",
                ErrorKind::TooLarge => "too_large",
                ErrorKind::Internal => "internal",
            },
            Self::Incomplete {
                problem: Problem::Unreadable,
                ..
            } => "internal",
            Self::SourceChanged | Self::Incomplete { .. } => "changed",
            Self::Target { .. } | Self::Taken(_) => "target",
            Self::Shell(_) => "shell",
            Self::Input(_) => "input",
            Self::Output(_) | Self::ReaderGone { .. } => "output",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether repeating the command may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Unreachable(_)
            | Self::ClosedAtOnce(_)
            | Self::NoGreeting { .. }
            | Self::Lost(_)
            | Self::Stalled(_)
            | Self::GaveUp { .. }
            | Self::SourceChanged
            | Self::Incomplete { .. }
            | Self::Damaged(_) => true,
            Self::Server(reply) => matches!(
                reply.kind,
                ErrorKind::Busy | ErrorKind::Changed | ErrorKind::Internal
            ),
            _ => false,
        }
    }

    /// Whether only one of several files or directories is concerned, so that a command goes on with the others.
    #[must_use]
    pub fn is_of_one_operand(&self) -> bool {
        match self {
            Self::Usage(_)
            | Self::Target { .. }
            | Self::Taken(_)
            | Self::AlreadyThere(_)
            | Self::OperandThere(_)
            | Self::Kept(_)
            | Self::Exists { .. }
            | Self::Unpack(_)
            | Self::SourceChanged
            | Self::Incomplete { .. } => true,
            Self::Server(reply) => reply.kind != ErrorKind::Busy,
            _ => false,
        }
    }

    /// Whether the message has the name of the file, so that it need not be said which of several is meant.
    #[must_use]
    pub(crate) fn names_its_file(&self) -> bool {
        match self {
            Self::Usage(_)
            | Self::Target { .. }
            | Self::Taken(_)
            | Self::AlreadyThere(_)
            | Self::OperandThere(_)
            | Self::Kept(_)
            | Self::Exists { .. }
            | Self::Incomplete { .. } => true,
            Self::Server(reply) => reply.kind == ErrorKind::NotFound,
            _ => false,
        }
    }

    /// The exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            // Whoever answers there, it is not the service.
            Self::Connect { .. }
            | Self::Unreachable(_)
            | Self::ClosedAtOnce(_)
            | Self::NoGreeting { .. }
            | Self::NotNetSocket(_)
            | Self::HttpServer(_)
            | Self::TlsServer(_)
            | Self::Version { .. }
            | Self::Tls(_)
            | Self::Token(_) => Exit::CannotConnect,
            // As from `cp -i`: that was the answer.
            Self::Kept(_) => Exit::Done,
            // A list or a file cut off by `head` is complete enough; a truncated archive is not.
            Self::ReaderGone { archive: false, .. } => Exit::Done,
            Self::Server(reply) => match reply.kind {
                ErrorKind::NotFound => Exit::NothingFound,
                // What was asked is wrong, such as a pattern, or not to be had here, such as hidden files.
                ErrorKind::BadRequest | ErrorKind::Denied => Exit::Usage,
                _ => Exit::TransferFailed,
            },
            Self::Interrupted => Exit::Interrupted,
            _ => Exit::TransferFailed,
        }
    }

    /// Whether no server could be reached.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Unreachable(_)
                | Self::ClosedAtOnce(_)
                | Self::NoGreeting { .. }
        )
    }

    /// Whether a connection was accepted on which no session began. Behind a balancer, the next one is with another server.
    #[must_use]
    pub(crate) fn was_accepted(&self) -> bool {
        matches!(self, Self::ClosedAtOnce(_) | Self::NoGreeting { .. })
    }

    /// A copy of the error, if no server could be reached.
    #[must_use]
    pub fn as_unreachable(&self) -> Option<Self> {
        match self {
            Self::Connect { server, reason } => Some(Self::Connect {
                server: server.clone(),
                reason: reason.clone(),
            }),
            Self::ClosedAtOnce(server) => Some(Self::ClosedAtOnce(server.clone())),
            Self::NoGreeting { server, reason } => Some(Self::NoGreeting {
                server: server.clone(),
                reason: reason.clone(),
            }),
            Self::Unreachable(errors) => {
                let errors = errors.iter().filter_map(Self::as_unreachable);
                Some(Self::Unreachable(errors.collect()))
            }
            _ => None,
        }
    }

    /// An error of writing to the file `path`.
    pub fn target(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<InUse>()) {
            return Self::Taken(path.into());
        }
        Self::Target {
            path: path.into(),
            reason: reason(error),
        }
    }

    /// A path names a directory that is not there.
    #[must_use]
    pub(crate) fn no_such_directory(path: &Path) -> Self {
        Self::Target {
            path: path.to_owned(),
            reason: "there is no such directory".to_owned(),
        }
    }

    /// An error of printing to standard output.
    #[must_use]
    pub fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone {
                archive: false,
                stdout: true,
            }
        } else {
            Self::Output(reason(error))
        }
    }
}

/// Why a partial file cannot be opened: another program holds it.
#[derive(Debug, thiserror::Error)]
#[error("another download is writing to it")]
pub(crate) struct InUse;

impl From<UsageError> for Error {
    fn from(error: UsageError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(error) => Self::Lost(reason(&error)),
            FrameError::CutShort => Self::Lost(error.to_string()),
            FrameError::TooLong { .. } | FrameError::UnknownType(_) => {
                Self::Protocol(error.to_string())
            }
        }
    }
}

impl From<MessageError> for Error {
    fn from(error: MessageError) -> Self {
        Self::Protocol(error.to_string())
    }
}

/// The messages of several servers.
fn each_of(errors: &[Error]) -> String {
    let sentences: Vec<String> = errors.iter().map(Error::to_string).collect();
    sentences.join("; ")
}

fn in_the_way(directory: &Path, count: u64, some: &[Name], are_different: bool) -> String {
    let names: Vec<String> = some.iter().map(Name::to_string).collect();
    let more = match count.saturating_sub(some.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let these = files(count);
    let (directory, names) = (shown(directory), names.join(", "));
    let how = match are_different {
        true => "with different content",
        false => "already there",
    };
    format!("did not overwrite {these} in {directory} {how} (use --force): {names}{more}")
}

fn why_incomplete(problem: Problem) -> &'static str {
    match problem {
        Problem::Unreadable => "the server failed to read it",
        Problem::Vanished => "it disappeared during the download",
        _ => "it became shorter during the download",
    }
}

fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" ({})", Name::from(message))
    }
}

#[cfg(test)]
mod tests;
