//! `cargo xtask bench`: builds the programs and the benchmark for release, then starts the benchmark.

use std::process::{Command, ExitCode};

use crate::cargo;
use crate::failure::{Failure, Outcome};

/// The comparison of collectors, which needs a whole stack.
const PIPELINE: &str = "pipeline";
/// The environment variable in which that comparison looks for our programs.
const BIN_DIR: &str = "NETSOCKET_BIN_DIR";

/// Runs the benchmark with these words; its exit code is ours.
pub(crate) fn run(words: &[String]) -> Outcome<ExitCode> {
    if words == [PIPELINE] {
        return pipeline();
    }
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

fn pipeline() -> Outcome<ExitCode> {
    eprintln!(
        "Building the collector for release. From nothing, this takes about 5 minutes on 2 cores."
    );
    let collector = ["build", "--release", "--package", "netsocket-telemetry"];
    cargo::run(&collector, &[])?;
    let comparison = ["build", "--package", "e2e", "--bin", PIPELINE];
    cargo::run(&comparison, &[])?;
    let program = cargo::binary("debug", PIPELINE)?;
    let status = Command::new(&program)
        .env(BIN_DIR, cargo::binary("release", "")?)
        .status();
    let status = status.map_err(Failure::at(&program))?;
    Ok(cargo::exit_code(status))
}
