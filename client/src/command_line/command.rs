//! What one line of the prompt or one command line asks this program to do.
//!
//! The original commands are judged by the protocol, with the words of the original; all others by the table of
//! [`crate::command_line::commands`].

mod plain;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use netsocket_protocol::command::Command;
use netsocket_protocol::message::{Compression, EntryNames, Request};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::{Query, Sort};

use crate::command_line::commands::{self, CommandSpec, Group};
use crate::command_line::suggestions;
use crate::outcome::error::Error;

/// Something to do, and how its result is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// What is to be done.
    pub(crate) task: Task,
    /// The `--json` behind the command.
    pub(crate) json: bool,
    /// The `--quiet` behind the command.
    pub(crate) quiet: bool,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// List the commands, or tell all of one.
    Help(Option<CommandSpec>),
    /// End the session.
    Quit,
    /// An original command.
    Ask {
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
    GoTo(Option<Vec<u8>>),
    /// `pwd`
    Where,
    /// `lcd`; none for the home directory.
    GoToHere(Option<PathBuf>),
    /// `lpwd`
    WhereHere,
    /// `completions`, for one of [`commands::SHELLS`].
    Completions(&'static str),
    /// `man`
    Man,
}

/// How entries are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
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
    pub(crate) shown: Shown,
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
    pub(crate) shown: Shown,
}

/// How files come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetching {
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
    pub(crate) fetching: Fetching,
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
    pub(crate) fetching: Fetching,
}

impl Asked {
    /// Reads the words of a line or a command line.
    ///
    /// # Errors
    /// [`Error::Usage`] with one sentence, and the usage line where the command is known.
    pub(crate) fn parse(words: &[Vec<u8>]) -> Result<Self, Error> {
        let Some((name, rest)) = words.split_first() else {
            return Err(Error::Usage("No command given".to_owned()));
        };
        let command = commands::find(name).ok_or_else(|| Error::Usage(unknown(name)))?;
        if command.group != Group::Original {
            return plain::parse(&command, name, rest);
        }
        Ok(Self {
            task: original(command.name, words)?,
            json: false,
            quiet: false,
        })
    }
}

impl Task {
    /// Whether `-o` before the command has a meaning for it.
    #[must_use]
    pub(crate) fn takes_output(&self) -> bool {
        matches!(
            self,
            Self::Get(_)
                | Self::Archive(_)
                | Self::Ask {
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
            Self::Ask { output, .. } => [output.as_mut(), None],
            Self::Get(Get { fetching, .. }) => [fetching.output.as_mut(), None],
            Self::Archive(Archive {
                fetching, extract, ..
            }) => [fetching.output.as_mut(), extract.as_mut()],
            Self::GoToHere(directory) => [directory.as_mut(), None],
            _ => [None, None],
        };
        for path in paths.into_iter().flatten() {
            *path = map(path);
        }
    }
}

fn unknown(name: &[u8]) -> String {
    let shown = Name::from(name).to_string();
    let words = commands::all().flat_map(|known| [&[known.name][..], known.aliases].concat());
    match suggestions::nearest(&shown, words) {
        Some(near) => format!("Unknown command '{shown}'; did you mean {near}?"),
        None => format!("Unknown command '{shown}'; help lists all commands"),
    }
}

/// Reads one of the eight original commands, with their checks and sentences.
fn original(word: &'static str, words: &[Vec<u8>]) -> Result<Task, Error> {
    let (words, output) = take_output(word, words)?;
    Ok(match Command::parse(words)?.request() {
        Some(request) => Task::Ask {
            word,
            request,
            output,
        },
        // Only the end of the session asks nothing.
        None => Task::Quit,
    })
}

/// Takes `-o FILE` off the end of an archive command.
fn take_output<'a>(
    word: &str,
    words: &'a [Vec<u8>],
) -> Result<(&'a [Vec<u8>], Option<PathBuf>), Error> {
    let is_archive = commands::ARCHIVE_COMMANDS.contains(&word);
    match words {
        [before @ .., flag, file] if is_archive && flag == b"-o" => {
            Ok((before, Some(OsString::from_vec(file.clone()).into())))
        }
        [_, .., flag] if is_archive && flag == b"-o" => Err(Error::Usage(
            "-o takes the name of a file, or - for standard output".to_owned(),
        )),
        _ => Ok((words, None)),
    }
}

#[cfg(test)]
mod tests;
