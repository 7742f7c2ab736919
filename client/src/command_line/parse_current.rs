//! The words of today's commands.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use netsocket_protocol::find;
use netsocket_protocol::message::{Compression, EntryNames, Request};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::{Query, Sort};

use crate::command_line::command::{Archive, Asked, Fetching, Find, Get, List, Shown, Task};
use crate::command_line::commands::{self, CommandSpec, FORMATS, LISTED, MEANT, SHELLS};
use crate::command_line::options::{self, OptionSpec, Read};
use crate::outcome::error::Error;

/// The most files that are fetched at once: each has a connection of its own.
const MOST_PARALLEL: usize = 64;

/// Reads the words behind the name of a command, which was typed as `typed`.
pub(crate) fn parse(
    command: &CommandSpec,
    typed: &[u8],
    words: &[Vec<u8>],
) -> Result<Asked, Error> {
    let specs: Vec<&'static OptionSpec> = command.options().collect();
    let name = String::from_utf8_lossy(typed);
    let read = options::read(&name, &specs, words);
    let task = read.and_then(|read| {
        // Whoever asks for help has the rest not right yet.
        let task = if read.has("help") {
            Task::Help(Some(*command))
        } else {
            task(command.name, &name, &read)?
        };
        Ok((task, read))
    });
    match task {
        Ok((task, read)) => Ok(Asked {
            task,
            json: read.has("json"),
            quiet: read.has("quiet"),
        }),
        Err(problem) => {
            let usage = command.usage().replacen(command.name, &name, 1);
            // A question that suggests something has its own mark.
            let stop = if problem.ends_with('?') { "" } else { "." };
            Err(Error::Usage(format!("{problem}{stop} {usage}")))
        }
    }
}

fn task(command: &str, typed: &str, read: &Read) -> Result<Task, String> {
    Ok(match command {
        "ls" => Task::List(list(read)),
        "find" => Task::Find(find(read)?),
        "stat" => Task::Stat(some(typed, "path", read)?),
        "get" => Task::Get(get(typed, read)?),
        "archive" => Task::Archive(archive(read)?),
        "cd" => Task::GoTo(at_most_one(typed, "directory", read)?),
        "lcd" => Task::GoToHere(at_most_one(typed, "directory", read)?.map(path)),
        "help" => Task::Help(help(typed, read)?),
        "completions" => Task::Completions(shell(read)?),
        "!" => return Err("The shell is for a prompt or a batch".to_owned()),
        other => {
            if !read.operands.is_empty() {
                return Err(format!("{typed} takes no arguments"));
            }
            match other {
                "pwd" => Task::Where,
                "lpwd" => Task::WhereHere,
                "status" => Task::Status,
                "man" => Task::Man,
                _ => Task::Quit,
            }
        }
    })
}

fn some(typed: &str, what: &str, read: &Read) -> Result<Vec<Vec<u8>>, String> {
    if read.operands.is_empty() {
        return Err(format!("{typed} takes a {what}"));
    }
    Ok(read.operands.clone())
}

fn at_most_one(typed: &str, what: &str, read: &Read) -> Result<Option<Vec<u8>>, String> {
    match &read.operands[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => Err(format!("{typed} takes one {what}")),
    }
}

fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

fn help(typed: &str, read: &Read) -> Result<Option<CommandSpec>, String> {
    let Some(word) = at_most_one(typed, "command", read)? else {
        return Ok(None);
    };
    match commands::find(&word) {
        Some(command) => Ok(Some(command)),
        None => Err(format!("There is no command '{}'", Name::from(word))),
    }
}

fn shell(read: &Read) -> Result<&'static str, String> {
    let one = match &read.operands[..] {
        [one] => SHELLS.into_iter().find(|shell| shell.as_bytes() == one),
        _ => None,
    };
    one.ok_or_else(|| format!("There are completions for {}", SHELLS.join(", ")))
}

fn shown(read: &Read) -> Shown {
    Shown {
        long: read.has("long"),
        null: read.has("null"),
        one: read.has("one"),
    }
}

fn list(read: &Read) -> List {
    let sort = match (read.has("time"), read.has("size")) {
        (true, _) => Sort::Modified,
        (false, true) => Sort::Size,
        (false, false) => Sort::Name,
    };
    List {
        paths: read.operands.clone(),
        shown: shown(read),
        sort,
        // Newest and largest come first, as `ls` has it.
        reverse: read.has("reverse") != (sort != Sort::Name),
        hidden: read.has("all"),
    }
}

/// Words that others look below with, and that no file is called.
const PLACES: [&[u8]; 2] = [b".", b".."];

/// The query and its order; `--below` is left for whoever knows where the session is.
fn query(read: &Read) -> Result<(Query, Sort, bool, u64), String> {
    let is_known =
        |name: &str| name != "below" && MEANT.iter().chain(&LISTED).any(|spec| spec.long == name);
    if read.operands.iter().any(|word| PLACES.contains(&&word[..])) {
        return Err(
            "A name or glob is without directories; --below DIR says where to look".to_owned(),
        );
    }
    let mut words = read.words(is_known);
    words.push(b"--".to_vec());
    words.extend(read.operands.iter().cloned());
    match find::parse(&words).map_err(|error| error.problem)? {
        Request::Find {
            query,
            limit,
            sort,
            reverse,
        } => Ok((query, sort, reverse, limit)),
        _ => Err("this is no question for files".to_owned()),
    }
}

fn find(read: &Read) -> Result<Find, String> {
    let (query, sort, reverse, limit) = query(read)?;
    Ok(Find {
        query,
        below: read.value("below").map(<[u8]>::to_vec),
        sort,
        reverse,
        limit: read.value("limit").map(|_| limit),
        shown: shown(read),
    })
}

fn fetching(read: &Read) -> Fetching {
    Fetching {
        output: read.value("output").map(|value| path(value.to_vec())),
        resume: !read.has("no-resume"),
        force: read.has("force"),
    }
}

fn get(typed: &str, read: &Read) -> Result<Get, String> {
    let parallel = match read.value("parallel") {
        None => NonZeroUsize::MIN,
        Some(word) => number(word)
            .filter(|number| number.get() <= MOST_PARALLEL)
            .ok_or_else(|| {
                let word = Name::from(word);
                format!("'{word}' is not a number of files at once: 1 to {MOST_PARALLEL}")
            })?,
    };
    Ok(Get {
        paths: some(typed, "path", read)?,
        parallel,
        fetching: fetching(read),
    })
}

fn number(word: &[u8]) -> Option<NonZeroUsize> {
    // `from_str` would take a plus sign.
    let digits = word.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(word).ok().filter(|_| digits)?;
    text.parse().ok()
}

fn archive(read: &Read) -> Result<Archive, String> {
    let (query, ..) = query(read)?;
    let fetching = fetching(read);
    let extract = read.value("extract").map(|value| path(value.to_vec()));
    if extract.is_some() && fetching.output.is_some() {
        return Err("--extract unpacks the archive, -o keeps it: one of them".to_owned());
    }
    let format = match read.value("format") {
        None => None,
        Some(word) => Some(compression(word).ok_or_else(|| {
            let word = Name::from(word);
            format!("'{word}' is no format: {}", FORMATS.join(", "))
        })?),
    };
    let level = match read.value("level") {
        None => None,
        Some(word) => Some(
            number(word)
                .and_then(|level| u8::try_from(level.get()).ok())
                .ok_or_else(|| format!("'{}' is not a level", Name::from(word)))?,
        ),
    };
    Ok(Archive {
        query,
        below: read.value("below").map(<[u8]>::to_vec),
        format,
        level,
        names: if read.has("flat") {
            EntryNames::Base
        } else {
            EntryNames::Path
        },
        extract,
        fetching,
    })
}

/// The compression behind a word of [`FORMATS`], or behind what people and tools call it besides.
fn compression(word: &[u8]) -> Option<Compression> {
    match word {
        b"gz" | b"gzip" | b"tar.gz" | b"tgz" => Some(Compression::Gzip),
        b"zst" | b"zstd" | b"tar.zst" => Some(Compression::Zstd),
        b"tar" | b"none" => Some(Compression::None),
        _ => None,
    }
}
