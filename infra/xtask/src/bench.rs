//! `cargo xtask bench`: builds the programs and the benchmark for release, then starts the benchmark.

use std::process::{Command, ExitCode};

use crate::cargo;
use crate::failure::{Failure, Outcome};

/// Runs the benchmark with these words; its exit code is ours.
pub(crate) fn run(words: &[String]) -> Outcome<ExitCode> {
    eprintln!(
        "Building the programs for release. From nothing, this takes about 5 minutes on 2 cores."
    );
    cargo::run(
        &[
            "build",
            "--release",
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
