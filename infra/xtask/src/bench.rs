//! `cargo xtask bench`: builds the programs and the benchmark for release, then starts the benchmark.

use std::process::{Command, ExitCode};

use crate::cargo;
use crate::failure::{Failure, Outcome};

/// The comparison of collectors, which needs a whole stack.
const PIPELINE: &str = "pipeline";
/// What `--help` says of it.
const PIPELINE_HELP: &str = "\
cargo xtask bench pipeline: lets netsocket-collector and Telegraf, which is built from its Go module, empty the same Kafka
topic into an InfluxDB of their own each, and prints time, CPU and memory of both. Needs what the tests with Kafka and
InfluxDB need, kcat and go. NETSOCKET_PIPELINE_RECORDS is the number of records (300000).";
/// The environment variable in which that comparison looks for our programs.
const BIN_DIR: &str = "NETSOCKET_BIN_DIR";

/// Runs the benchmark with these words; its exit code is ours.
pub(crate) fn run(words: &[String]) -> Outcome<ExitCode> {
    match words {
        [case] if case == PIPELINE => return pipeline(),
        [case, flag] if case == PIPELINE && (flag == "--help" || flag == "-h") => {
            println!("{PIPELINE_HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
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
            "netsocket-client",
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
    // With the features of the whole workspace: what the tests have built is built.
    let packages = ["--package", "e2e", "--package", "workspace-hack"];
    cargo::run(
        &[&["build"], &packages[..], &["--bin", PIPELINE]].concat(),
        &[],
    )?;
    let program = cargo::binary("debug", PIPELINE)?;
    let status = Command::new(&program)
        .env(BIN_DIR, cargo::binary("release", "")?)
        .status();
    let status = status.map_err(Failure::at(&program))?;
    Ok(cargo::exit_code(status))
}
