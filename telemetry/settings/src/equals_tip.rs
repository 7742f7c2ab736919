//! What is said of the value of a flag that takes one only behind `=`: it is taken for a command.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::only_tip::with_only_tip;

/// The error about a command line, with how the value of the flag before the word is written. `line` are the words of the
/// command line.
///
/// # Examples
///
/// ```
/// use clap::{Arg, Command};
/// use netsocket_settings::with_equals_tip;
///
/// let flag = Arg::new("fast").long("fast").num_args(0..=1).require_equals(true);
/// let command = Command::new("x").arg(flag).subcommand(Command::new("run"));
/// let said = |word: &str| {
///     let line = ["x", "--fast", word];
///     let error = command.clone().try_get_matches_from(line).unwrap_err();
///     with_equals_tip(error, &command, line.map(str::to_owned)).to_string()
/// };
/// assert!(said("true").contains("tip: a value of --fast comes behind '=': '--fast=true'"));
/// ```
#[must_use]
pub fn with_equals_tip(
    error: clap::Error,
    program: &clap::Command,
    line: impl IntoIterator<Item = String>,
) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand && error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let word = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg];
    let word = word.into_iter().find_map(|kind| error.get(kind));
    let Some(ContextValue::String(word)) = word else {
        return error;
    };
    let line: Vec<String> = line.into_iter().collect();
    let before = line.windows(2).find(|pair| pair[1] == *word);
    let Some(flag) = before.and_then(|pair| pair[0].strip_prefix("--")) else {
        return error;
    };
    let needs_equals =
        |arg: &&clap::Arg| arg.get_long() == Some(flag) && arg.is_require_equals_set();
    if program.get_arguments().find(needs_equals).is_none() {
        return error;
    }
    let tip = format!("a value of --{flag} comes behind '=': '--{flag}={word}'");
    with_only_tip(error, tip)
}
