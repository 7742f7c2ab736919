//! The line of a shell that does what was typed at the prompt: `netsocket --server HOST:PORT get documents/a -o -`.
//!
//! Owns: which flags, paths and `-o` such a line needs, so that it can be pasted. Does not own: what follows it, such as
//! `| tar tz` ([`crate::command_line::shell_operators`]).

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::command_line::command::{Get, Invocation};
use crate::command_line::commands::{self, ARCHIVE_COMMANDS, CommandSpec, Group};
use crate::command_line::options::{self, OptionSpec, ParsedOptions};
use crate::command_line::parse_search::{has_name, may_be_name, names_and_places};
use crate::command_line::posix_find;
use crate::command_line::quote::pasteable;
use crate::command_line::sftp_options;

/// Where a line was typed, which a shell does not know.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    /// The flags that the program was started with.
    pub(crate) flags: &'a [Vec<u8>],
    /// The directory on the server, relative to its root.
    pub(crate) remote: &'a [u8],
    /// The local directory if it is no longer that of the shell.
    pub(crate) local: Option<&'a Path>,
    /// The `-o` that the program was started with.
    pub(crate) output: Option<&'a Path>,
}

impl Place<'_> {
    /// A path on the server as a program that has just been started resolves it.
    fn absolute(&self, typed: &[u8]) -> Vec<u8> {
        match typed {
            [b'/', ..] => typed.to_vec(),
            _ if self.remote.is_empty() => typed.to_vec(),
            b"." => self.remote.to_vec(),
            typed => [self.remote, b"/", typed].concat(),
        }
    }

    /// The `-o` that a command which saves a file needs.
    fn output(&self, to_stdout: bool) -> Option<String> {
        match to_stdout {
            true => Some("-".to_owned()),
            false => self.output.map(|path| local(path.as_os_str().as_bytes())),
        }
    }
}

/// The line that does in a shell what these words do here; with `to_stdout` what would be saved goes to standard output.
/// `None` if there is none: the command is wrong, or means only the prompt.
pub(crate) fn equal(words: &[Vec<u8>], to_stdout: bool, place: &Place<'_>) -> Option<String> {
    let (typed, rest) = words.split_first()?;
    let command = commands::find(typed)?;
    Invocation::parse(words).ok()?;
    let said = match (command.group, command.name) {
        (Group::Original, "quitc") => return None,
        (Group::Original, name) => original(name, rest, to_stdout, place),
        (_, "help" | "status" | "completions" | "man") => as_it_is(command.name, rest),
        (_, "pwd") if place.remote.is_empty() => as_it_is(command.name, rest),
        (Group::Remote, name) if !matches!(name, "cd" | "pwd") => {
            current(&command, rest, to_stdout, place)?
        }
        _ => return None,
    };
    let directory = place.local.map(|path| path.as_os_str().as_bytes());
    let directory = directory.map(|path| format!("cd {} &&", pasteable(path)));
    let flags = place.flags.iter().map(|flag| pasteable(flag));
    let line: Vec<String> = directory
        .into_iter()
        .chain(["netsocket".to_owned()])
        .chain(flags)
        .chain(said)
        .collect();
    Some(line.join(" "))
}

fn as_it_is(name: &str, rest: &[Vec<u8>]) -> Vec<String> {
    let rest = rest.iter().map(|word| pasteable(word));
    [name.to_owned()].into_iter().chain(rest).collect()
}

/// The original commands know no directory.
fn original(name: &str, rest: &[Vec<u8>], to_stdout: bool, place: &Place<'_>) -> Vec<String> {
    let mut line = as_it_is(name, rest);
    let has_output = rest.iter().any(|word| word == b"-o");
    if ARCHIVE_COMMANDS.contains(&name)
        && !has_output
        && let Some(output) = place.output(to_stdout)
    {
        line.extend(["-o".to_owned(), output]);
    }
    line
}

fn current(
    command: &CommandSpec,
    rest: &[Vec<u8>],
    to_stdout: bool,
    place: &Place<'_>,
) -> Option<Vec<String>> {
    let specs: Vec<&'static OptionSpec> = command.options().collect();
    let is_search = matches!(command.name, "find" | "archive");
    let rest = match command.name {
        "get" => sftp_options::translated(&specs, rest),
        _ if is_search => posix_find::translated(rest).ok()?,
        _ => rest.to_vec(),
    };
    let parsed = options::parse(&specs, &rest).ok()?;
    let keeps = specs.iter().any(|spec| spec.long == "output");
    let has_place = parsed.has("output") || parsed.has("extract");
    let mut line = vec![command.name.to_owned()];
    let operands = match command.name {
        "get" if to_stdout && !has_place => {
            if parsed.has("recursive") {
                return None;
            }
            // Standard output takes one file from `get`, any number from `cat`.
            if parsed.operands.len() > 1 || parsed.operands.iter().any(|word| is_pattern(word)) {
                line = vec!["cat".to_owned()];
                line.extend(
                    parsed
                        .operands
                        .iter()
                        .map(|word| pasteable(&place.absolute(word))),
                );
                return Some(line);
            }
            remote(&parsed, place)
        }
        "get" => of_get(&parsed, place)?,
        _ if is_search => of_search(&parsed, place, &mut line)?,
        _ if parsed.operands.is_empty() && !place.remote.is_empty() => vec![place.remote.to_vec()],
        _ => remote(&parsed, place),
    };
    let mut options = given(&parsed);
    if keeps
        && !has_place
        && let Some(output) = place.output(to_stdout)
    {
        options.extend(["-o".to_owned(), output]);
    }
    let has_dash = operands.iter().any(|word| word.starts_with(b"-"));
    let operands = operands.iter().map(|word| pasteable(word));
    match has_dash {
        true => {
            line.extend(options);
            line.push("--".to_owned());
            line.extend(operands);
        }
        false => {
            line.extend(operands);
            line.extend(options);
        }
    }
    Some(line)
}

/// The operands of `get`; `None` if the last of them may be local.
fn of_get(parsed: &ParsedOptions, place: &Place<'_>) -> Option<Vec<Vec<u8>>> {
    let (last, before) = parsed.operands.split_last()?;
    let may_be_local = !before.is_empty() && !parsed.has("output");
    if !may_be_local || place.remote.is_empty() {
        return Some(remote(parsed, place));
    }
    if !Get::is_local_by_form(last) {
        return None;
    }
    let before = before.iter().map(|word| place.absolute(word));
    Some(before.chain([last.clone()]).collect())
}

/// The operands of a search, of which those that are places begin at the root; adds where names are looked for. `None` if
/// the last of several may be a place or a name.
fn of_search(
    parsed: &ParsedOptions,
    place: &Place<'_>,
    line: &mut Vec<String>,
) -> Option<Vec<Vec<u8>>> {
    let (mut names, mut places) = names_and_places(parsed);
    let is_doubtful = names.is_empty()
        && !has_name(parsed)
        && !place.remote.is_empty()
        && places.last().is_some_and(|word| may_be_name(word));
    match places.len() {
        1 if is_doubtful => names.append(&mut places),
        _ if is_doubtful => return None,
        _ => {}
    }
    let below = match (parsed.value("below"), &places[..]) {
        (Some(typed), _) => place.absolute(typed),
        (None, []) => place.remote.to_vec(),
        (None, _) => Vec::new(),
    };
    if !below.is_empty() {
        line.extend(["--below".to_owned(), pasteable(&below)]);
    }
    let places = places.iter().map(|word| place.absolute(word));
    Some(places.chain(names).collect())
}

fn remote(parsed: &ParsedOptions, place: &Place<'_>) -> Vec<Vec<u8>> {
    let operands = parsed.operands.iter();
    operands.map(|word| place.absolute(word)).collect()
}

fn is_pattern(word: &[u8]) -> bool {
    word.iter().any(|byte| b"*?[{".contains(byte))
}

/// The options, but for the directory to search.
fn given(parsed: &ParsedOptions) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_after_letters = false;
    for (spec, value) in parsed.given().filter(|(spec, _)| spec.long != "below") {
        let letter = spec.short.filter(|_| value.is_none());
        match (words.last_mut(), letter) {
            (Some(letters), Some(letter)) if is_after_letters => letters.push(letter),
            _ => words.push(spec.shortest()),
        }
        is_after_letters = letter.is_some();
        words.extend(value.map(|value| match spec.long {
            "output" | "extract" => local(value),
            _ => pasteable(value),
        }));
    }
    words
}

/// A local path: the shell expands `~` only where it is not quoted.
fn local(path: &[u8]) -> String {
    match path {
        b"~" => "~".to_owned(),
        [b'~', b'/', rest @ ..] => format!("~/{}", pasteable(rest)),
        path => pasteable(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::shell_words::split;

    fn line(typed: &str, to_stdout: bool, place: &Place<'_>) -> Option<String> {
        equal(&split(typed.as_bytes()).unwrap(), to_stdout, place)
    }

    #[test]
    fn a_shell_needs_server_directory_and_output() {
        let flags = [b"--server".to_vec(), b"127.0.0.1:8081".to_vec()];
        let place = Place {
            flags: &flags,
            remote: b"documents",
            ..Place::default()
        };
        for (typed, to_stdout, said) in [
            (
                "archive --ext txt",
                true,
                "archive --below documents --ext txt -o -",
            ),
            (
                "archive --below 2024 x -x d",
                true,
                "archive --below documents/2024 x -x d",
            ),
            (
                "archive --below /music -o ~/x.tar",
                false,
                "archive --below /music -o ~/x.tar",
            ),
            ("get letter.txt", true, "get documents/letter.txt -o -"),
            ("get letter.txt -f", false, "get documents/letter.txt -f"),
            (
                "get letter.txt ./here",
                false,
                "get documents/letter.txt ./here",
            ),
            ("get *.txt", true, "cat 'documents/*.txt'"),
            ("get a b", true, "cat documents/a documents/b"),
            ("mget a -o b", true, "get documents/a -o b"),
            ("cat letter.txt", true, "cat documents/letter.txt"),
            ("ls -l", true, "ls documents -l"),
            ("ls ../music", true, "ls documents/../music"),
            ("tree", true, "tree documents"),
            (
                "find . -name '*.pdf' -ls",
                true,
                "find documents --name '*.pdf' -l",
            ),
            ("find 2024", true, "find --below documents 2024"),
            ("find a /b *.pdf", true, "find documents/a /b '*.pdf'"),
            ("find -name a", true, "find --below documents --name a"),
            ("find -- -x", true, "find --below documents -- -x"),
            ("w24ft txt", true, "w24ft txt -o -"),
            ("w24ft txt -o x", true, "w24ft txt -o x"),
            ("dirlist -a", true, "dirlist -a"),
            ("help get", true, "help get"),
        ] {
            let said = format!("netsocket --server 127.0.0.1:8081 {said}");
            assert_eq!(line(typed, to_stdout, &place), Some(said), "{typed}");
        }
        for typed in [
            "get -r x",
            "cd x",
            "pwd",
            "lls",
            "quit",
            "nothing",
            "get --frce x",
        ] {
            assert_eq!(line(typed, true, &place), None, "{typed}");
        }
        assert_eq!(line("get a b", false, &place), None, "b may be local");
    }

    #[test]
    fn the_local_directory_and_the_output_of_the_session_are_said() {
        let place = Place {
            local: Some(Path::new("/a b")),
            output: Some(Path::new("x y")),
            ..Place::default()
        };
        let said = |typed, to_stdout| line(typed, to_stdout, &place).unwrap();
        assert_eq!(
            said("get a", false),
            "cd '/a b' && netsocket get a -o 'x y'"
        );
        assert_eq!(said("get a", true), "cd '/a b' && netsocket get a -o -");
        assert_eq!(said("pwd", true), "cd '/a b' && netsocket pwd");
    }
}
