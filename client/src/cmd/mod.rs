//! The commands, one file for each.
//!
//! Belongs here: the steps of a command: what it requests from the server, what it prints, and how it ends. Does not
//! belong here: parsing (`command_line`), receiving bytes (`session`, `transfer`), and formatting results (`output`).
//!
//! # Examples
//!
//! ```
//! use netsocket_client::session::working_directories::WorkingDirectories;
//!
//! // Commands read and change the working directories of their context.
//! let at = WorkingDirectories { remote: b"music".to_vec(), local: None };
//! assert_eq!(at.remote, b"music");
//! ```

mod archive;
pub mod context;
mod directory;
mod find;
mod get;
mod help;
mod local_directory;
mod ls;
mod original;
mod shell;
mod stat;
mod status;

use crate::cmd::context::{Context, Done};
use crate::command_line::command::Task;
use crate::command_line::manual;
use crate::outcome::exit::Exit;

impl Context {
    /// Runs a command.
    pub(crate) async fn carry_out(&mut self, word: &str, task: Task) -> Done {
        match task {
            Task::Quit => Ok(Exit::Done),
            Task::Help(topic) => self.help(topic.as_ref()),
            Task::Ask {
                word,
                request,
                output,
            } => self.ask(word, &request, output).await,
            Task::List(list) => self.ls(word, &list).await,
            Task::Find(find) => self.find(word, find).await,
            Task::Stat(paths) => self.stat(word, &paths).await,
            Task::Get(get) => self.get(word, &get).await,
            Task::Archive(archive) => self.archive(word, archive).await,
            Task::Status => self.status(word).await,
            Task::GoTo(directory) => self.go_to(word, directory).await,
            Task::Where => self.tell_where(word),
            Task::GoToHere(directory) => self.go_to_here(word, directory.as_deref()),
            Task::WhereHere => self.tell_where_here(word),
            Task::Completions(shell) => self.print(&manual::completions(shell)),
            Task::Man => self.print(&manual::page()),
        }
    }
}
