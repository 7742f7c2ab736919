//! Other programs, run to their end.

use std::process::{Command, Output};

use crate::{Failure, Outcome};

/// Runs a command that must succeed; what it says goes to the terminal.
pub(crate) fn succeed(mut command: Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("{name} failed ({status})"))),
        Err(error) => Err(Failure::new(format!("{name}: {error}"))),
    }
}

/// What a command prints, which must succeed; else what it said about that.
pub(crate) fn printed(mut command: Command) -> Outcome<Vec<u8>> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let shown = words.join(" ");
    match command.output() {
        Ok(Output { status, stdout, .. }) if status.success() => Ok(stdout),
        Ok(Output { stderr, .. }) => {
            let why = String::from_utf8_lossy(&stderr);
            Err(Failure::new(format!("{shown}: {}", why.trim())))
        }
        Err(error) => Err(Failure::new(format!("{shown}: {error}"))),
    }
}
