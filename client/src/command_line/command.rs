//! What one line of the prompt or one command line asks this program to do.
//!
//! The original commands are judged by the protocol, with the words of the original; all others by the table of
//! [`crate::command_line::commands`].

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use netsocket_protocol::message::{Compression, EntryNames, Request};
use netsocket_protocol::query::{Query, Sort};

use crate::command_line::commands::CommandSpec;

/// Something to do, and how its result is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// What is to be done.
    pub(crate) command: Command,
    /// The `--json` behind the command.
    pub(crate) json: bool,
    /// The `--quiet` behind the command.
    pub(crate) quiet: bool,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// List the commands, or tell all of one.
    Help(Option<CommandSpec>),
    /// End the session.
    Quit,
    /// An original command.
    Original {
        /// The command's first word, for the answer.
        word: &'static str,
        /// What the server is asked, the command's checks passed.
        request: Request,
        /// The `-o` behind it.
        output: Option<PathBuf>,
    },
    /// `ls`
    List(List),
    /// `find`
    Find(Find),
    /// `stat`, with the paths as they were typed.
    Stat(Vec<Vec<u8>>),
    /// `get`
    Get(Get),
    /// `archive`
    Archive(Archive),
    /// `status`
    Status,
    /// `cd`, with the directory as it was typed; none for the root.
    ChangeDirectory(Option<Vec<u8>>),
    /// `pwd`
    PrintDirectory,
    /// `lcd`; none for the home directory.
    ChangeLocalDirectory(Option<PathBuf>),
    /// `lpwd`
    PrintLocalDirectory,
    /// `completions`, for one of [`crate::command_line::commands::SHELLS`].
    Completions(&'static str),
    /// `man`
    Man,
}

/// How entries are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListFormat {
    /// Rights, size and time of each.
    pub long: bool,
    /// A zero byte behind each name.
    pub null: bool,
    /// One a line, on a terminal too.
    pub one: bool,
}

/// `ls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    /// Directories, files and patterns as they were typed.
    pub(crate) paths: Vec<Vec<u8>>,
    /// How they are printed.
    pub(crate) format: ListFormat,
    /// By name, size or time of modification.
    pub(crate) sort: Sort,
    /// The other way round.
    pub(crate) reverse: bool,
    /// Also names that begin with a dot.
    pub(crate) hidden: bool,
}

/// `find`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Find {
    /// Which files; `below` is not in it.
    pub(crate) query: Query,
    /// The directory to look below, as it was typed.
    pub(crate) below: Option<Vec<u8>>,
    /// By what they are sorted.
    pub(crate) sort: Sort,
    /// The other way round.
    pub(crate) reverse: bool,
    /// The most files; absent for all.
    pub(crate) limit: Option<u64>,
    /// How they are printed.
    pub(crate) format: ListFormat,
}

/// How files come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaveOptions {
    /// The `-o` behind the command.
    pub(crate) output: Option<PathBuf>,
    /// Whether a part that lies here already is gone on with.
    pub(crate) resume: bool,
    /// Whether files that are there are written over.
    pub(crate) force: bool,
}

/// `get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Get {
    /// Files and patterns as they were typed.
    pub(crate) paths: Vec<Vec<u8>>,
    /// So many at once.
    pub(crate) parallel: NonZeroUsize,
    /// How they come.
    pub(crate) save: SaveOptions,
}

/// `archive`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// Which files; `below` is not in it.
    pub(crate) query: Query,
    /// The directory to look below, as it was typed.
    pub(crate) below: Option<Vec<u8>>,
    /// The `--format`.
    pub(crate) format: Option<Compression>,
    /// The `--level`.
    pub(crate) level: Option<u8>,
    /// The names inside.
    pub(crate) names: EntryNames,
    /// Where it is unpacked.
    pub(crate) extract: Option<PathBuf>,
    /// How it comes.
    pub(crate) save: SaveOptions,
}

impl Command {
    /// Whether `-o` before the command has a meaning for it.
    #[must_use]
    pub(crate) fn takes_output(&self) -> bool {
        matches!(
            self,
            Self::Get(_)
                | Self::Archive(_)
                | Self::Original {
                    request: Request::Archive { .. },
                    ..
                }
                | Self::Quit
                | Self::Help(_)
        )
    }

    /// Changes the paths of this machine in it.
    pub(crate) fn map_local(&mut self, map: impl Fn(&Path) -> PathBuf) {
        let paths = match self {
            Self::Original { output, .. } => [output.as_mut(), None],
            Self::Get(Get { save, .. }) => [save.output.as_mut(), None],
            Self::Archive(Archive { save, extract, .. }) => {
                [save.output.as_mut(), extract.as_mut()]
            }
            Self::ChangeLocalDirectory(directory) => [directory.as_mut(), None],
            _ => [None, None],
        };
        for path in paths.into_iter().flatten() {
            *path = map(path);
        }
    }
}
