//! What every command works with, and the steps that several commands share.

use std::path::PathBuf;

use netsocket_protocol::message::{ErrorKind, ErrorReply, FileEntry, Request};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::{Query, Sort};

use crate::command_line::command::ListFormat;
use crate::config::user_directories::UserDirectories;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::{Console, Form, Stdout};
use crate::session::Session;
use crate::session::remote_path;
use crate::session::working_directories::WorkingDirectories;

/// The options of commands that list names which tell them apart.
pub(super) const LISTED_APART: &str = "-0 or --json";

/// Why a command failed, and what standard output was used for meanwhile.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) stdout: Stdout,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            stdout: Stdout::Free,
        }
    }
}

/// How a command ends.
pub(crate) type Done = Result<Exit, Failure>;

/// What every command works with.
///
/// # Examples
///
/// ```
/// use clap::Parser as _;
/// use netsocket_client::cmd::context::Context;
/// use netsocket_client::command_line::args::Args;
/// use netsocket_client::config::settings;
/// use netsocket_client::config::user_directories::UserDirectories;
/// use netsocket_client::output::console::{Console, Form};
/// use netsocket_client::session::Session;
/// use netsocket_client::session::working_directories::WorkingDirectories;
///
/// let settings = settings::load(&Args::parse_from(["netsocket"]), &UserDirectories::default(), |_| None)?;
/// let context = Context {
///     session: Session::new(settings.service),
///     console: Console::of_process(Form::Text, true),
///     directories: UserDirectories::default(),
///     output: None,
///     at: WorkingDirectories::default(),
/// };
/// assert_eq!(context.session.servers().to_string(), "127.0.0.1:8081");
/// # Ok::<(), netsocket_settings::Problems>(())
/// ```
pub struct Context {
    /// The session with the service.
    pub session: Session,
    /// Standard output and standard error.
    pub console: Console,
    /// The user's directories.
    pub directories: UserDirectories,
    /// The `-o` given before the command; it applies to every command of a prompt or a batch.
    pub output: Option<PathBuf>,
    /// The working directories on the server and on this machine.
    pub at: WorkingDirectories,
}

impl Context {
    /// Resolves a typed path against the working directory on the server.
    pub(super) fn remote_path(&self, typed: &[u8]) -> Vec<u8> {
        remote_path::resolve(&self.at.remote, typed)
    }

    /// Refuses a form of lists that JSON cannot have. `-l` and `-1` ask for no more than each of its lines has.
    pub(super) fn check_format(&self, word: &str, format: ListFormat) -> Result<(), Error> {
        if format.null && self.console.form == Form::Json {
            let said = format!(
                "{word} -0 is for names, and --json for lines: jq --raw-output0 .entry.path prints names of the latter"
            );
            return Err(Error::Usage(said));
        }
        Ok(())
    }

    /// Fails unless what `..` leaves in a typed path is there: `none/..` is not the directory that `none` would be in.
    pub(super) async fn check_dots(&mut self, typed: &[u8]) -> Result<(), Error> {
        let is_pattern = remote_path::pattern(typed).is_some();
        for directory in remote_path::left_by_dots(&self.at.remote, typed) {
            // What a pattern stands for is not known yet.
            if is_pattern && remote_path::glob(&directory).is_some() {
                continue;
            }
            if !self
                .entry(&directory)
                .await?
                .is_some_and(|it| is_directory(&it))
            {
                let message = format!(
                    "there is no directory {}",
                    remote_path::from_root(&directory)
                );
                return Err(Error::Server(ErrorReply::new(ErrorKind::NotFound, message)));
            }
        }
        Ok(())
    }

    /// The request for all files below a directory of the server, sorted by path.
    pub(super) fn all_below(path: &[u8]) -> Request {
        Request::Find {
            query: Query {
                below: below(path),
                ..Query::default()
            },
            limit: u64::MAX,
            sort: Sort::Path,
            reverse: false,
        }
    }

    /// Warns of what the latest answer lacks because the server may not read it.
    pub(super) fn tell_lacking(&mut self, word: &str) -> Result<(), Error> {
        let lacking = std::mem::take(&mut self.session.lacking);
        self.console.lacking(word, &lacking)
    }

    /// Requests a list and collects all its entries.
    pub(super) async fn entries(&mut self, request: &Request) -> Result<Vec<FileEntry>, Error> {
        self.session.entries(request, &mut self.console).await
    }

    /// The entry at a path relative to the root; `None` if there is none.
    pub(super) async fn entry(&mut self, path: &[u8]) -> Result<Option<FileEntry>, Error> {
        let request = Request::List {
            path: Name::from(path),
            glob: None,
            itself: true,
            // Naming a hidden file is enough to ask for it; a server that never shows them answers with an error.
            hidden: is_hidden(path),
            limit: None,
        };
        match self.entries(&request).await {
            Ok(entries) => Ok(entries.into_iter().next()),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The directory of a query that searches below a path; `None` for the root.
pub(super) fn below(path: &[u8]) -> Option<Name> {
    (!path.is_empty()).then(|| Name::from(path))
}

/// Whether any component of the path begins with a dot.
pub(super) fn is_hidden(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .any(|name| name.starts_with(b"."))
}

pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Server(reply) if reply.kind == ErrorKind::NotFound)
}

/// Whether the server refuses what was requested.
pub(super) fn is_denied(error: &Error) -> bool {
    matches!(error, Error::Server(reply) if reply.kind == ErrorKind::Denied)
}

/// A not-found error for that path, worded by the client.
pub(super) fn missing(path: &[u8]) -> Error {
    let path = remote_path::from_root(path);
    let message = format!("there is no file or directory {path}");
    Error::Server(ErrorReply::new(ErrorKind::NotFound, message))
}
