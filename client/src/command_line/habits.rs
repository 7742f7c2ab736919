//! What people type who know sftp, lftp, ftp, scp, rclone, ls, fd, ripgrep, curl or wget, and what to use here instead.
//!
//! Owns: the tables of such words. Does not own: mistyped words ([`netsocket_settings::nearest`]), nor find(1)
//! ([`crate::command_line::posix_find`]).

mod commands;
mod flags;
pub(crate) mod habit;
mod options;
mod server;

use habit::{Habit, Place};
pub(crate) use server::{server, url};

/// All of them.
fn all() -> impl Iterator<Item = &'static Habit> {
    let tables = [commands::TABLE, options::TABLE, flags::TABLE];
    tables.into_iter().flatten()
}

fn instead(place: Place, word: &str) -> Option<&'static str> {
    all()
        .find(|habit| habit.place == place && habit.words.contains(&word))
        .map(|habit| habit.instead)
}

/// What to use in place of a command.
pub(crate) fn for_command(word: &str) -> Option<&'static str> {
    instead(Place::Command, &word.to_lowercase())
}

/// What to use in place of an option of a command, typed with its dashes.
pub(crate) fn for_option(command: &'static str, word: &str) -> Option<&'static str> {
    let own = instead(Place::OptionOf(command), word);
    // Its conditions are those of `find`.
    let of_find = || match command {
        "archive" if word.starts_with("--") => instead(Place::OptionOf("find"), word),
        _ => None,
    };
    own.or_else(of_find)
        .or_else(|| instead(Place::AnyOption, word))
}

/// What to use in place of a flag of the program, typed with its dashes.
pub(crate) fn for_flag(word: &str) -> Option<&'static str> {
    instead(Place::Flag, word)
}

#[cfg(test)]
mod tests;
