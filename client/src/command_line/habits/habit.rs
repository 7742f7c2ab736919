//! An entry of the tables of habits, and what several of them say.

/// Where a word is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// As a command.
    Command,
    /// As an option of this command.
    OptionOf(&'static str),
    /// As an option of any command that has nothing else to say of it.
    AnyOption,
    /// As a flag of the program, before the command.
    Flag,
}

/// Words that do not exist here, and what to use instead.
pub(super) struct Habit {
    pub(super) place: Place,
    pub(super) words: &'static [&'static str],
    pub(super) instead: &'static str,
}

pub(super) const fn command(words: &'static [&'static str], instead: &'static str) -> Habit {
    Habit {
        place: Place::Command,
        words,
        instead,
    }
}

pub(super) const fn option(
    of: &'static str,
    words: &'static [&'static str],
    instead: &'static str,
) -> Habit {
    Habit {
        place: Place::OptionOf(of),
        words,
        instead,
    }
}

pub(super) const fn flag(words: &'static [&'static str], instead: &'static str) -> Habit {
    Habit {
        place: Place::Flag,
        words,
        instead,
    }
}

pub(super) const fn any_option(words: &'static [&'static str], instead: &'static str) -> Habit {
    Habit {
        place: Place::AnyOption,
        words,
        instead,
    }
}

pub(super) const RESUMES: &str = "get resumes by itself";
pub(super) const RECURSIVE: &str = "get -r DIR downloads a directory";
pub(super) const PROGRESS: &str = "a terminal shows the progress by itself; --quiet hides it";
pub(super) const LOG: &str = "NETSOCKET_LOG=debug tells more";
pub(super) const TRUST: &str =
    "a server is always verified; netsocket --ca-file FILE names the CA to trust";
/// For what is an operator of find(1).
pub(crate) const EITHER: &str = "all conditions must match; {a,b} in a pattern matches either";
