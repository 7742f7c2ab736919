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
//! let at = WorkingDirectories { remote: b"music".to_vec(), ..WorkingDirectories::default() };
//! assert_eq!(at.remote, b"music");
//! ```

mod archive;
mod archive_by_http;
pub mod context;
mod directory;
mod directory_name;
mod du;
mod existing_target;
mod find;
mod get;
mod get_recursively;
mod help;
mod less;
mod local_directory;
mod local_files;
mod local_operand;
mod ls;
mod operands;
mod original;
mod output_option;
mod overwrite;
mod patterns;
mod places;
mod search;
mod shell;
mod similar_names;
mod stat;
mod status;
mod tree;

use crate::cmd::context::{Context, Done};
use crate::command_line::command::Command;
use crate::command_line::manual;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::Form;

impl Context {
    /// Runs a command.
    pub(crate) async fn run(&mut self, word: &str, command: Command) -> Done {
        if self.console.form == Form::Json && !command.has_json() {
            return Err(Error::Usage(format!("{word} has no JSON: leave out --json")).into());
        }
        match command {
            Command::Quit => Ok(Exit::Done),
            Command::Help(topic) => self.help(topic.as_ref()),
            Command::Original {
                word,
                request,
                output,
            } => self.ask(word, &request, output).await,
            Command::List(list) => self.ls(word, &list).await,
            Command::Find(find) => self.find(word, find).await,
            Command::Stat(paths) => self.stat(word, &paths).await,
            Command::Get(get) => self.get(word, &get).await,
            Command::Cat(paths) => self.cat(word, &paths).await,
            Command::Less(paths) => self.less(word, &paths).await,
            Command::DiskUsage(du) => self.du(word, &du).await,
            Command::Tree(view) => self.tree(word, &view).await,
            Command::Archive(archive) => self.archive(word, archive).await,
            Command::Status => self.status(word).await,
            Command::ChangeDirectory(directory) => self.change_directory(word, directory).await,
            Command::PrintDirectory => self.print_directory(word),
            Command::ChangeLocalDirectory(directory) => {
                self.change_local_directory(word, directory.as_deref())
            }
            Command::ListLocal(arguments) => self.list_local(&arguments).await,
            Command::MakeLocalDirectory(path) => self.make_local_directory(word, &path),
            Command::PrintLocalDirectory => self.print_local_directory(word),
            Command::Completions(shell) => self.print(&manual::completions(shell)),
            Command::Man => self.print(&manual::page()),
        }
    }
}
