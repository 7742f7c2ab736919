//! Other programs, run to their end.

use std::path::Path;
use std::process::{Command, Output};

use crate::failure::{Failure, Outcome};

/// Runs a command that must succeed; what it says goes to the terminal.
pub(crate) fn succeed(mut command: Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(&command, &format!("failed ({status})"))),
        Err(error) => Err(failed(&command, &error.to_string())),
    }
}

/// What a command prints, which must succeed; else what it said about that.
pub(crate) fn printed(mut command: Command) -> Outcome<Vec<u8>> {
    match command.output() {
        Ok(Output { status, stdout, .. }) if status.success() => Ok(stdout),
        Ok(Output { stderr, .. }) => {
            let why = String::from_utf8_lossy(&stderr);
            Err(failed(&command, why.trim()))
        }
        Err(error) => Err(failed(&command, &error.to_string())),
    }
}

fn failed(command: &Command, why: &str) -> Failure {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    Failure::new(format!("{}: {why}", words.join(" ")))
}
