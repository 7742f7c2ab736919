//! What is said of a flag that is none, but one of another server or a key of the settings file.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::flag_habits;
use crate::nearest::nearest;
use crate::only_tip::with_only_tip;
use crate::programs::Program;

/// The error about the command line of a program, with what does the same as an unknown flag, or the key that it is.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{BALANCER, with_key_tip};
///
/// let said = |flag: &str| {
///     let error = clap::Command::new("x").try_get_matches_from(["x", flag]).unwrap_err();
///     with_key_tip(error, &BALANCER).to_string()
/// };
/// let tip = "tip: a key of the settings file, not a flag: 'idle_timeout'";
/// assert!(said("--idle-timeout=5s").contains(tip));
/// assert!(said("--idle-timout").contains(tip));
/// assert!(said("--port=80").contains("tip: here this is '--listen ADDR'"));
/// assert!(!said("--zeal").contains("settings file"));
/// ```
#[must_use]
pub fn with_key_tip(error: clap::Error, program: &Program) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let is_like_a_flag = error.get(ContextKind::SuggestedArg).is_some();
    let flag = word.split('=').next().unwrap_or(word);
    let tip = match flag_habits::tip(flag, program) {
        Some(tip) => tip.to_owned(),
        None => match key(flag, program, is_like_a_flag) {
            Some(key) => format!("a key of the settings file, not a flag: '{key}'"),
            None => return error,
        },
    };
    with_only_tip(error, tip)
}

/// The key that is written as a flag. It may be mistyped, where the word is like no flag.
fn key(word: &str, program: &Program, is_like_a_flag: bool) -> Option<&'static str> {
    let name = word.strip_prefix("--")?.replace('-', "_");
    let exact = program.keys.iter().find(|key| **key == name).copied();
    match is_like_a_flag {
        true => exact,
        false => exact.or_else(|| nearest(&name, program.keys.iter().copied())),
    }
}
