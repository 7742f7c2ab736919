//! Parses all commands except the original ones; those that search, in [`crate::command_line::parse_search`].

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStringExt as _;

use netsocket_protocol::name::Name;
use netsocket_protocol::query::Sort;

use crate::command_line::command::{Command, DiskUsage, Get, Invocation, List, TreeView};
use crate::command_line::commands::{self, CommandSpec, Operand, SHELLS};
use crate::command_line::habits;
use crate::command_line::option_values::{list_format, number, path, save};
use crate::command_line::options::{self, OptionSpec, ParsedOptions};
use crate::command_line::parse_search::{archive, find};
use crate::command_line::parted_values;
use crate::command_line::posix_find;
use crate::command_line::sftp_options;
use crate::command_line::unknown_option;
use crate::outcome::error::Error;

/// The maximum number of parallel downloads: each uses a connection of its own.
const MOST_PARALLEL: usize = 64;

/// Parses the arguments of a command, which was typed as `typed`.
pub(crate) fn parse(
    command: &CommandSpec,
    typed: &[u8],
    words: &[Vec<u8>],
) -> Result<Invocation, Error> {
    let specs: Vec<&'static OptionSpec> = command.options().collect();
    let name = String::from_utf8_lossy(typed);
    let translated = match command.name {
        command if posix_find::is_taken_by(command) => {
            parted_values::check(words).and_then(|()| posix_find::translated(words))
        }
        "get" => Ok(sftp_options::translated(&specs, words)),
        "lls" => Ok(for_ls(words)),
        _ => Ok(words.to_vec()),
    };
    let parsed = translated.and_then(|words| {
        options::parse(&specs, &words)
            .map_err(|problem| unknown_option::refusal(command, &name, &problem, &words))
    });
    let parsed_command = parsed.and_then(|parsed| {
        // `--help` works even if the other arguments are invalid.
        let parsed_command = if parsed.has("help") {
            Command::Help(Some(*command))
        } else {
            no_url(command, &name, &parsed)?;
            to_command(command.name, &name, &parsed)?
        };
        Ok((parsed_command, parsed))
    });
    match parsed_command {
        Ok((parsed_command, parsed)) => Ok(Invocation {
            command: parsed_command,
            json: parsed.has("json"),
            quiet: parsed.has("quiet"),
        }),
        Err(problem) => {
            let usage = command.usage().replacen(command.name, &name, 1);
            // A suggestion ends with a question mark already.
            let stop = if problem.ends_with('?') { "" } else { "." };
            Err(Error::Usage(format!("{problem}{stop} {usage}")))
        }
    }
}

/// `ls` knows its own options.
fn for_ls(words: &[Vec<u8>]) -> Vec<Vec<u8>> {
    match words {
        [help] if help == b"--help" => words.to_vec(),
        words => [&[b"--".to_vec()][..], words].concat(),
    }
}

/// Refuses the address of a file where a path on the server is meant: no path has two slashes.
fn no_url(command: &CommandSpec, typed: &str, parsed: &ParsedOptions) -> Result<(), String> {
    let is_remote = matches!(
        command.operand,
        Operand::RemoteFile | Operand::RemoteDirectory
    );
    let mut words = parsed.operands.iter().filter(|_| is_remote);
    let refusal = words.find_map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        Some((word, habits::url(typed, word)?))
    });
    match refusal {
        Some((word, meant)) => Err(format!("{} is no path: {meant}", Name::from(word))),
        None => Ok(()),
    }
}

fn to_command(command: &str, typed: &str, parsed: &ParsedOptions) -> Result<Command, String> {
    // A variable of a shell that is not set must not mean the current directory. `ls` says it itself.
    let mut options = parsed.operands.iter().take_while(|word| *word != b"--");
    if command == "lls" && options.any(|word| word == b"--json") {
        return Err(format!("{typed} has no JSON: leave out --json"));
    }
    if command != "lls" && parsed.operands.iter().any(Vec::is_empty) {
        return Err(format!(
            "{typed} was given an empty word; . is the current directory"
        ));
    }
    Ok(match command {
        "ls" => Command::List(list(parsed)),
        "find" => Command::Find(find(typed, parsed)?),
        "stat" => Command::Stat(some(typed, "path", parsed)?),
        "get" => Command::Get(get(typed, parsed)?),
        "cat" => Command::Cat(some(typed, "path", parsed)?),
        "less" => Command::Less(some(typed, "path", parsed)?),
        "du" => Command::DiskUsage(disk_usage(parsed)?),
        "tree" => Command::Tree(tree(typed, parsed)?),
        "archive" => Command::Archive(archive(typed, parsed)?),
        "cd" => Command::ChangeDirectory(at_most_one(typed, "directory", parsed)?),
        "lcd" => Command::ChangeLocalDirectory(at_most_one(typed, "directory", parsed)?.map(path)),
        "lls" => Command::ListLocal(
            parsed
                .operands
                .iter()
                .cloned()
                .map(OsString::from_vec)
                .collect(),
        ),
        "lmkdir" => match &parsed.operands[..] {
            [one] => Command::MakeLocalDirectory(path(one.clone())),
            _ => return Err(format!("{typed} needs one directory")),
        },
        "help" => Command::Help(help(typed, parsed)?),
        "completions" => Command::Completions(shell(parsed)?),
        "!" => return Err("! works only at the prompt or in a batch".to_owned()),
        other => {
            if !parsed.operands.is_empty() {
                return Err(format!("{typed} takes no arguments"));
            }
            match other {
                "pwd" => Command::PrintDirectory,
                "lpwd" => Command::PrintLocalDirectory,
                "status" => Command::Status,
                "man" => Command::Man,
                _ => Command::Quit,
            }
        }
    })
}

fn some(typed: &str, what: &str, parsed: &ParsedOptions) -> Result<Vec<Vec<u8>>, String> {
    if parsed.operands.is_empty() {
        return Err(format!("{typed} needs a {what}"));
    }
    Ok(parsed.operands.clone())
}

fn at_most_one(typed: &str, what: &str, parsed: &ParsedOptions) -> Result<Option<Vec<u8>>, String> {
    match &parsed.operands[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => Err(format!("{typed} takes only one {what}")),
    }
}

fn help(typed: &str, parsed: &ParsedOptions) -> Result<Option<CommandSpec>, String> {
    let Some(word) = at_most_one(typed, "command", parsed)? else {
        return Ok(None);
    };
    match commands::find(&word) {
        Some(command) => Ok(Some(command)),
        None => {
            let shown = Name::from(word).to_string();
            let instead = match (habits::for_command(&shown), commands::near(&shown)) {
                (Some(instead), _) => format!(": {instead}"),
                (None, Some(near)) => format!("; did you mean {near}?"),
                (None, None) => String::new(),
            };
            Err(format!("there is no command '{shown}'{instead}"))
        }
    }
}

fn shell(parsed: &ParsedOptions) -> Result<&'static str, String> {
    let one = match &parsed.operands[..] {
        [one] => SHELLS.into_iter().find(|shell| shell.as_bytes() == one),
        _ => None,
    };
    one.ok_or_else(|| format!("completions exist for {}", SHELLS.join(", ")))
}

fn list(parsed: &ParsedOptions) -> List {
    let sort = match (parsed.has("time"), parsed.has("size")) {
        (true, _) => Sort::Modified,
        (false, true) => Sort::Size,
        (false, false) => Sort::Name,
    };
    List {
        paths: parsed.operands.clone(),
        format: list_format(parsed),
        sort,
        // Newest and largest first, as in `ls`.
        reverse: parsed.has("reverse") != (sort != Sort::Name),
        hidden: parsed.has("all"),
    }
}

fn disk_usage(parsed: &ParsedOptions) -> Result<DiskUsage, String> {
    let depth = match parsed.has("summarize") {
        true => Some(0),
        false => levels("max-depth", parsed)?,
    };
    Ok(DiskUsage {
        paths: parsed.operands.clone(),
        depth,
    })
}

fn tree(typed: &str, parsed: &ParsedOptions) -> Result<TreeView, String> {
    let depth = levels("levels", parsed)?;
    if depth == Some(0) {
        let option = parsed.typed("levels");
        return Err(format!("{option} must be 1 or more"));
    }
    Ok(TreeView {
        path: at_most_one(typed, "directory", parsed)?,
        depth,
        directories_only: parsed.has("directories"),
    })
}

fn levels(option: &str, parsed: &ParsedOptions) -> Result<Option<usize>, String> {
    let Some(word) = parsed.value(option) else {
        return Ok(None);
    };
    match word {
        b"0" => Ok(Some(0)),
        word => number(word)
            .map(|number| Some(number.get()))
            .ok_or_else(|| {
                let (option, word) = (parsed.typed(option), Name::from(word));
                format!("{option} takes a number of levels, not '{word}'")
            }),
    }
}

fn get(typed: &str, parsed: &ParsedOptions) -> Result<Get, String> {
    let parallel = match parsed.value("parallel") {
        None => NonZeroUsize::MIN,
        Some(word) => number(word)
            .filter(|number| number.get() <= MOST_PARALLEL)
            .ok_or_else(|| {
                let (option, word) = (parsed.typed("parallel"), Name::from(word));
                format!("{option} takes a number of downloads, 1 to {MOST_PARALLEL}, not '{word}'")
            })?,
    };
    Ok(Get {
        paths: some(typed, "path", parsed)?,
        parallel,
        recursive: parsed.has("recursive"),
        preserve: parsed.has("preserve"),
        save: save(parsed),
    })
}
