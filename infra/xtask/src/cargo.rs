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

/// The cargo that runs us, without what it has told us about our own package: build scripts that look at these variables
/// (ring's does) would run anew whenever one typed `cargo build` after `cargo xtask`, and everything on top of them too.
pub(crate) fn command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let own = std::env::vars_os().map(|(name, _)| name);
    for name in own.filter(|name| is_of_a_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

/// Whether cargo sets this variable for the package that it runs.
fn is_of_a_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cargo_that_we_run_does_not_hear_of_our_package() {
        // Cargo has set it for this test.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let command = command();
        let removed = command.get_envs().filter(|(_, value)| value.is_none());
        let removed: Vec<_> = removed.map(|(name, _)| name.to_string_lossy()).collect();
        assert!(removed.iter().any(|name| name == "CARGO_MANIFEST_DIR"));
        assert!(removed.iter().any(|name| name == "CARGO_PKG_NAME"));
        assert!(removed.iter().all(|name| is_of_a_package(name)));
    }
}
