//! Today's commands, one a file: what is asked of the server, what is printed, and how it ends.
//!
//! Owns: the steps of each command. Does not own: how its words are read ([`crate::command_line::command`]), how bytes come
//! ([`crate::session`]) and how results look ([`crate::output::console`]).

mod archive;
mod find;
mod get;
mod here;
mod ls;
mod shell;
mod stat;
mod status;

use netsocket_protocol::message::{ErrorKind, FileEntry, Request};
use netsocket_protocol::name::Name;

use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::{Form, Stdout, Told};
use crate::output::json;
use crate::program::Program;
use crate::session::remote_path;

/// Why a command has no result, and who had standard output meanwhile.
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

impl Program {
    /// The path on the server that a typed one means.
    fn there(&self, typed: &[u8]) -> Vec<u8> {
        remote_path::resolve(&self.at.remote, typed)
    }

    /// Where a query looks: the directory that was typed, or the one of the session; none for the root.
    fn below(&self, typed: Option<&[u8]>) -> Option<Name> {
        let path = self.there(typed.unwrap_or_default());
        (!path.is_empty()).then_some(Name(path))
    }

    /// All entries that answer a request.
    async fn entries(&mut self, request: &Request) -> Result<Vec<FileEntry>, Error> {
        self.session.entries(request, &mut self.console).await
    }

    /// The one entry at a path below the root; `None` where there is none.
    async fn entry(&mut self, path: &[u8]) -> Result<Option<FileEntry>, Error> {
        let request = Request::List {
            path: Name::from(path),
            glob: None,
            itself: true,
            // Whoever names it need not ask for it twice; a server that shows none says so.
            hidden: is_hidden(path),
            limit: None,
        };
        match self.entries(&request).await {
            Ok(entries) => Ok(entries.into_iter().next()),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a typed pattern means; `None` where it is none. A file may be called like a pattern: what is there comes
    /// first. Names with a dot are listed with `hidden`, and where the directory itself is behind one.
    async fn matching(
        &mut self,
        typed: &[u8],
        hidden: bool,
    ) -> Result<Option<Vec<FileEntry>>, Error> {
        let Some((directory, glob)) = remote_path::pattern(typed) else {
            return Ok(None);
        };
        let path = self.there(typed);
        if self.entry(&path).await?.is_some() {
            return Ok(None);
        }
        let directory = self.there(directory);
        let request = Request::List {
            hidden: hidden || is_hidden(&directory),
            path: Name(directory),
            glob: Some(glob.to_owned()),
            itself: false,
            limit: None,
        };
        self.entries(&request).await.map(Some)
    }

    /// `cd`
    pub(crate) async fn go_to(&mut self, word: &str, typed: Option<Vec<u8>>) -> Done {
        let path = typed.map_or_else(Vec::new, |typed| self.there(&typed));
        match self.entry(&path).await? {
            Some(entry) if crate::output::colours::is_directory(&entry) => {
                self.at.remote = path;
                self.told_there(word)
            }
            Some(_) => {
                let path = remote_path::from_root(&path);
                Err(Error::Usage(format!("{path} is not a directory")).into())
            }
            None => Err(missing(&path).into()),
        }
    }

    /// Programs are told where they are now; people see it in the prompt.
    fn told_there(&mut self, word: &str) -> Done {
        match self.console.form {
            Form::Json => self.tell_where(word),
            Form::Text => Ok(Exit::Done),
        }
    }

    /// `pwd`
    pub(crate) fn tell_where(&mut self, word: &str) -> Done {
        let path = remote_path::from_root(&self.at.remote);
        self.tell_place(word, path)
    }

    fn tell_place(&mut self, word: &str, path: Name) -> Done {
        let mut text = crate::output::messages::bytes_of(&path, self.console.names());
        text.push(b'\n');
        let json = json::place_line(word, path);
        self.console.tell(&Told { text, json })?;
        Ok(Exit::Done)
    }
}

/// Whether a path leads through a name that begins with a dot.
fn is_hidden(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .any(|name| name.starts_with(b"."))
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Server(reply) if reply.kind == ErrorKind::NotFound)
}

/// The server's answer where nothing is at that path, in the words of this program.
fn missing(path: &[u8]) -> Error {
    use netsocket_protocol::message::ErrorReply;
    let path = remote_path::from_root(path);
    let message = format!("there is no file or directory {path}");
    Error::Server(ErrorReply::new(ErrorKind::NotFound, message))
}
