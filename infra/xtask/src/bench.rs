//! `cargo xtask bench`: builds what is measured and what measures, in release, and hands over.

use std::process::{Command, ExitCode};

use crate::cargo;
use crate::failure::{Failure, Outcome};

/// Runs the benchmark with these words; its exit code is ours.
pub(crate) fn run(words: &[String]) -> Outcome<ExitCode> {
    cargo::run(
        &[
            "build",
            "--release",
            "--quiet",
            "--package",
            "netsocket-balancer",
            "--package",
            "netsocket-fileserver",
            "--package",
            "bench",
        ],
        &[],
    )?;
    let program = cargo::binary("release", "bench")?;
    let status = Command::new(&program).args(words).status();
    let status = status.map_err(Failure::at(&program))?;
    Ok(cargo::exit_code(status))
}
