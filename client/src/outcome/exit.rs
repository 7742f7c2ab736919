//! Exit codes.

use std::process::ExitCode;

/// The exit codes; each number is part of the program's contract.
///
/// # Examples
///
/// ```
/// use netsocket_client::outcome::exit::Exit;
///
/// assert_eq!(Exit::Interrupted.code(), 130);
/// // One of several files does not exist, and another download failed.
/// assert_eq!(Exit::NothingFound.worse(Exit::TransferFailed), Exit::TransferFailed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Found, or done.
    Done = 0,
    /// The server has no such file.
    NothingFound = 1,
    /// The command line, a command or a setting is wrong.
    Usage = 2,
    /// No file server could be reached, or what was reached is none.
    CannotConnect = 3,
    /// The answer was incomplete or could not be saved.
    TransferFailed = 4,
    /// Ended by a signal: 128 plus the number of SIGINT, as in shells.
    Interrupted = 130,
}

/// Each exit code with its meaning, for help and the man page.
pub const EXITS: [(Exit, &str); 6] = [
    (Exit::Done, "found or done"),
    (Exit::NothingFound, "nothing found"),
    (
        Exit::Usage,
        "usage: the command line, a command or a setting is wrong",
    ),
    (Exit::CannotConnect, "cannot connect"),
    (Exit::TransferFailed, "transfer failed"),
    (Exit::Interrupted, "interrupted"),
];

impl Exit {
    /// The more serious of two exit codes of several files.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        self.max(other)
    }

    /// The number returned to the shell.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_contract() {
        let codes = [
            Exit::Done,
            Exit::NothingFound,
            Exit::Usage,
            Exit::CannotConnect,
            Exit::TransferFailed,
            Exit::Interrupted,
        ]
        .map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 4, 130]);
    }
}
