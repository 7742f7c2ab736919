//! Runs cargo, the one that runs us, and knows where it puts what it builds.

use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

use crate::failure::{Failure, Outcome};

/// Builds or checks with the given arguments; what cargo says goes to the terminal.
pub(crate) fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let mut command = command();
    command.args(arguments).envs(environment.iter().copied());
    let shown = format!("cargo {}", arguments.join(" "));
    eprintln!("+ {shown}");
    let status = command
        .status()
        .map_err(|error| Failure::new(format!("{shown}: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{shown} failed ({status})")))
    }
}

/// Whether a cargo subcommand is installed.
pub(crate) fn has(subcommand: &str) -> bool {
    command()
        .args([subcommand, "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// A program of the workspace, built in that profile's folder (`debug` or `release`).
pub(crate) fn binary(folder: &str, name: &str) -> Outcome<PathBuf> {
    // We are <target>/debug/xtask ourselves, wherever the target directory is.
    let own =
        std::env::current_exe().map_err(|error| Failure::new(format!("where am I: {error}")))?;
    let target = own.parent().and_then(|folder| folder.parent());
    target
        .map(|target| target.join(folder).join(name))
        .ok_or_else(|| Failure::new(format!("no target directory above {}", own.display())))
}

/// What a program ended with, as our own end; 1 where a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    ExitCode::from(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    )
}

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    // Cargo says at run time which checkout it runs: two that share a target directory share what was compiled as well.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    package.join("../..")
}

/// The cargo that runs us.
pub(crate) fn command() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
