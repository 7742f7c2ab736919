//! A parsed command.
//!
//! Owns: the commands and their arguments. Does not own: how they are parsed ([`crate::command_line::parse`]), nor what
//! they do (`cmd`).

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use netsocket_protocol::message::{Compression, EntryNames, Request};
use netsocket_protocol::query::{Query, Sort};

use crate::command_line::age::Ages;
use crate::command_line::commands::CommandSpec;

/// A command and the form of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// The command.
    pub(crate) command: Command,
    /// Whether `--json` follows the command.
    pub(crate) json: bool,
    /// Whether `--quiet` follows the command.
    pub(crate) quiet: bool,
}

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// List the commands, or describe one.
    Help(Option<CommandSpec>),
    /// End the session.
    Quit,
    /// An original command.
    Original {
        /// The name of the command, for its output.
        word: &'static str,
        /// The request to the server, validated.
        request: Request,
        /// The argument of `-o` after the command.
        output: Option<PathBuf>,
    },
    /// `ls`
    List(List),
    /// `find`
    Find(Find),
    /// `stat`, with the paths as typed.
    Stat(Vec<Vec<u8>>),
    /// `get`
    Get(Get),
    /// `cat`, with the paths as typed.
    Cat(Vec<Vec<u8>>),
    /// `less`, with the paths as typed.
    Less(Vec<Vec<u8>>),
    /// `du`
    DiskUsage(DiskUsage),
    /// `tree`
    Tree(TreeView),
    /// `archive`
    Archive(Archive),
    /// `status`
    Status,
    /// `cd`, with the directory as typed; `None` for the root.
    ChangeDirectory(Option<Vec<u8>>),
    /// `pwd`
    PrintDirectory,
    /// `lcd`; `None` for the home directory.
    ChangeLocalDirectory(Option<PathBuf>),
    /// `lpwd`
    PrintLocalDirectory,
    /// `lls`, with the arguments for `ls`.
    ListLocal(Vec<OsString>),
    /// `lmkdir`
    MakeLocalDirectory(PathBuf),
    /// `completions`, for one of [`crate::command_line::commands::SHELLS`].
    Completions(&'static str),
    /// `man`
    Man,
}

/// How entries are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListFormat {
    /// Show permissions, size and time.
    pub long: bool,
    /// End each name with a NUL byte.
    pub null: bool,
    /// One name per line, even on a terminal.
    pub one: bool,
}

/// `ls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    /// Directories, files and patterns as typed.
    pub(crate) paths: Vec<Vec<u8>>,
    /// How they are printed.
    pub(crate) format: ListFormat,
    /// Sort by name, size or time of modification.
    pub(crate) sort: Sort,
    /// Reverse the order.
    pub(crate) reverse: bool,
    /// Include hidden names.
    pub(crate) hidden: bool,
}

/// Which files are meant, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    /// Which files; without `below`.
    pub(crate) query: Query,
    /// Times of it that depend on when the command runs.
    pub(crate) ages: Ages,
    /// The directory to search, as typed with `--below`.
    pub(crate) below: Option<Vec<u8>>,
    /// The name or glob as typed, where the one of the query stands for capital and small letters.
    pub(crate) ignoring_case: Option<Vec<u8>>,
    /// The directories and files to search, as typed. The last one may turn out to be a name.
    pub(crate) places: Vec<Vec<u8>>,
}

/// `find`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Find {
    /// Which files.
    pub(crate) search: Search,
    /// The sort key, if one was given.
    pub(crate) sort: Option<Sort>,
    /// Reverse the order.
    pub(crate) reverse: bool,
    /// The maximum number of files; `None` for all.
    pub(crate) limit: Option<u64>,
    /// How they are printed.
    pub(crate) format: ListFormat,
}

/// `du`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiskUsage {
    /// Directories and files as typed.
    pub(crate) paths: Vec<Vec<u8>>,
    /// How many levels of directories are printed below each; `None` for all.
    pub(crate) depth: Option<usize>,
}

/// `tree`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeView {
    /// The directory as typed; `None` for the current one.
    pub(crate) path: Option<Vec<u8>>,
    /// How many levels are shown; `None` for all.
    pub(crate) depth: Option<usize>,
    /// Leave files out.
    pub(crate) directories_only: bool,
}

/// How downloads are saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaveOptions {
    /// The argument of `-o` after the command.
    pub(crate) output: Option<PathBuf>,
    /// Whether to resume a partial download.
    pub(crate) resume: bool,
    /// Whether to overwrite existing files.
    pub(crate) force: bool,
}

impl SaveOptions {
    /// For what is shown and not kept.
    #[must_use]
    pub(crate) fn shown() -> Self {
        Self {
            output: None,
            resume: false,
            force: false,
        }
    }
}

/// `get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Get {
    /// Files and patterns as typed.
    pub(crate) paths: Vec<Vec<u8>>,
    /// How many downloads run in parallel.
    pub(crate) parallel: NonZeroUsize,
    /// Whether a directory is downloaded with all it holds.
    pub(crate) recursive: bool,
    /// Whether files keep their times, and permissions in spite of the umask.
    pub(crate) preserve: bool,
    /// How they are saved.
    pub(crate) save: SaveOptions,
}

impl Get {
    /// Whether the form of the last operand makes it local, whatever the server has.
    #[must_use]
    pub(crate) fn is_local_by_form(operand: &[u8]) -> bool {
        let begins = |with: &[u8]| operand.starts_with(with);
        matches!(operand, b"." | b".." | b"~") || begins(b"./") || begins(b"../") || begins(b"~/")
    }
}

/// `archive`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// Which files.
    pub(crate) search: Search,
    /// The `--format`.
    pub(crate) format: Option<Compression>,
    /// The `--level`.
    pub(crate) level: Option<u8>,
    /// The form of the paths inside.
    pub(crate) names: EntryNames,
    /// The directory to unpack into.
    pub(crate) extract: Option<PathBuf>,
    /// Whether unpacked files keep their permissions in spite of the umask.
    pub(crate) preserve_permissions: bool,
    /// How it is saved.
    pub(crate) save: SaveOptions,
}

impl Command {
    /// Whether another program has the terminal meanwhile: Ctrl-C is for that one.
    #[must_use]
    pub(crate) fn lends_terminal(&self) -> bool {
        matches!(self, Self::Less(_))
    }

    /// Whether the command accepts `-o`.
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

    /// Whether its results can be told as JSON: not those of another program, and no text for a file.
    #[must_use]
    pub(crate) fn has_json(&self) -> bool {
        !matches!(self, Self::ListLocal(_) | Self::Completions(_) | Self::Man)
    }

    /// Whether the command has anything to do with the service or the settings for it.
    #[must_use]
    pub(crate) fn needs_settings(&self) -> bool {
        !matches!(
            self,
            Self::Quit
                | Self::Help(_)
                | Self::Man
                | Self::Completions(_)
                | Self::ListLocal(_)
                | Self::MakeLocalDirectory(_)
                | Self::PrintLocalDirectory
        )
    }

    /// Applies `map` to every local path.
    pub(crate) fn map_local(&mut self, map: impl Fn(&Path) -> PathBuf) {
        let paths = match self {
            Self::Original { output, .. } => [output.as_mut(), None],
            Self::Get(Get { save, .. }) => [save.output.as_mut(), None],
            Self::Archive(Archive { save, extract, .. }) => {
                [save.output.as_mut(), extract.as_mut()]
            }
            Self::ChangeLocalDirectory(directory) => [directory.as_mut(), None],
            Self::MakeLocalDirectory(directory) => [Some(directory), None],
            Self::ListLocal(words) => {
                for word in words {
                    *word = map(Path::new(word)).into_os_string();
                }
                [None, None]
            }
            _ => [None, None],
        };
        for path in paths.into_iter().flatten() {
            *path = map(path);
        }
    }
}
