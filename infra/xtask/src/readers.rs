//! `cargo xtask readers`: builds the programs, then lets the readers of the world read their archives.

use std::process::{Command, ExitCode};

use crate::cargo;
use crate::failure::{Failure, Outcome};
use crate::programs;

/// The environment variable in which end-to-end tests look for the programs.
const BIN_DIR: &str = "NETSOCKET_BIN_DIR";

/// Runs those readers, or all; the exit code is that of the run.
pub(crate) fn run(names: &[String]) -> Outcome<ExitCode> {
    eprintln!("Building the programs. From nothing, this takes about 5 minutes on 2 cores.");
    let linked = programs::linked_statically()?;
    cargo::run(&["build", "--workspace", "--bins"], &linked.variables())?;
    let program = cargo::binary("debug", "readers")?;
    let mut command = Command::new(&program);
    command
        .args(names)
        .env(BIN_DIR, cargo::binary("debug", "")?);
    let status = command.status();
    let status = status.map_err(Failure::at(&program))?;
    Ok(cargo::exit_code(status))
}
