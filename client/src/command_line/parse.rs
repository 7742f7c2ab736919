//! Parses the words of a command line, or of a line at the prompt, into a command.
//!
//! The original commands are parsed and validated by the protocol crate and keep their original messages; `parse_current`
//! parses all others.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use netsocket_protocol::command::Command as OriginalCommand;
use netsocket_protocol::name::Name;

use crate::command_line::command::{Command, Invocation};
use crate::command_line::commands::{self, Group};
use crate::command_line::habits;
use crate::command_line::parse_current;
use crate::outcome::error::Error;

impl Invocation {
    /// Parses the words of a command.
    ///
    /// # Errors
    /// [`Error::Usage`] with a message, and the usage line if the command is known.
    pub(crate) fn parse(words: &[Vec<u8>]) -> Result<Self, Error> {
        let Some((name, rest)) = words.split_first() else {
            return Err(Error::Usage("no command given".to_owned()));
        };
        let command = commands::find(name).ok_or_else(|| Error::Usage(unknown(name, rest)))?;
        if command.group != Group::Original {
            return parse_current::parse(&command, name, rest);
        }
        Ok(Self {
            command: original(command.name, words)?,
            json: false,
            quiet: false,
        })
    }
}

/// Whether the words of a command, or of the program, that cannot be parsed ask for JSON. The original commands take the word for an operand.
pub(crate) fn asks_for_json(words: &[Vec<u8>]) -> bool {
    let command = words.first().and_then(|name| commands::find(name));
    let mut options = words.iter().take_while(|word| *word != b"--");
    command.is_none_or(|command| command.group != Group::Original)
        && options.any(|word| word == b"--json")
}

/// What to type instead of a word that is no command; `rest` follows it.
fn unknown(name: &[u8], rest: &[Vec<u8>]) -> String {
    let shown = Name::from(name).to_string();
    // Batches of sftp have it, for a line that is not to be shown.
    if let Some(quiet) = name.strip_prefix(b"@") {
        let quiet = Name::from(quiet);
        return format!("unknown command '{shown}': type {quiet}, no line is shown anyway");
    }
    if let Some(instead) = habits::for_command(&shown) {
        return format!("no command '{shown}': {instead}");
    }
    let next = rest.first().map(|word| String::from_utf8_lossy(word));
    let is_command = |word: &str| commands::find(word.as_bytes()).is_some();
    if let Some(server) = habits::server(&shown, next.as_deref(), is_command) {
        return format!("unknown command '{shown}': {server}");
    }
    let typed = shown.split_once(' ').map(|(first, _)| first);
    if typed.is_some_and(is_command) {
        return format!("unknown command '{shown}': without the quotes it is {shown}");
    }
    match commands::near(&shown) {
        Some(near) => format!("unknown command '{shown}'; did you mean {near}?"),
        None => format!("unknown command '{shown}'; help lists all commands"),
    }
}

/// Parses one of the eight original commands, with the original checks and messages.
fn original(word: &'static str, words: &[Vec<u8>]) -> Result<Command, Error> {
    let (words, output) = take_output(word, words)?;
    Ok(match OriginalCommand::parse(words)?.request() {
        Some(request) => Command::Original {
            word,
            request,
            output,
        },
        // Only the command that ends the session sends no request.
        None => Command::Quit,
    })
}

/// Removes a trailing `-o FILE` from an archive command.
fn take_output<'a>(
    word: &str,
    words: &'a [Vec<u8>],
) -> Result<(&'a [Vec<u8>], Option<PathBuf>), Error> {
    let is_archive = commands::ARCHIVE_COMMANDS.contains(&word);
    match words {
        [before @ .., flag, _] if is_archive && flag == b"-o" && before.contains(flag) => {
            Err(Error::Usage("-o given more than once".to_owned()))
        }
        [.., flag, file] if is_archive && flag == b"-o" && file.len() > 1 && file[0] == b'-' => {
            let file = Name::from(file.as_slice());
            Err(Error::Usage(format!(
                "-o needs a file name before {file}, or - for standard output; ./{file} if {file} is meant"
            )))
        }
        [before @ .., flag, file] if is_archive && flag == b"-o" => {
            Ok((before, Some(OsString::from_vec(file.clone()).into())))
        }
        [_, .., flag] if is_archive && flag == b"-o" => Err(Error::Usage(
            "-o needs a file name, or - for standard output".to_owned(),
        )),
        _ => Ok((words, None)),
    }
}

#[cfg(test)]
mod tests;
