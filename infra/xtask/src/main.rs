//! The project's tasks: `cargo xtask demo | test | bench | lint | ci | programs | dist`.
//!
//! Owns: how the programs are built, started together, checked and tested on one machine. Does not own: any program's
//! own behaviour, nor the tests themselves.

mod bench;
mod cargo;
mod checks;
mod command;
mod deb;
mod demo;
mod dist;
mod examples;
mod failure;
mod files;
mod imports;
mod layout;
mod metrics;
mod process;
mod programs;
mod sample;
mod sbom;
mod signals;

use std::process::ExitCode;

use failure::{Failure, Outcome};

const USAGE: &str = "\
The project's tasks:

  cargo xtask demo [DIR] [--no-client] [--kafka HOST:PORT]
      Builds release, starts three file servers over DIR (default: a small sample tree), a balancer on
      127.0.0.1:8081 with its status page on 127.0.0.1:8404, and opens the client's prompt.
      --no-client       stay up until Ctrl-C instead
      --kafka HOST:PORT send telemetry to that Kafka

  cargo xtask test    everything that can be checked on this machine; NETSOCKET_REQUIRE_STACK=1 makes a skip a failure
  cargo xtask bench [CASE…] [OPTIONS]
      Measures the balancer beside its peers, side by side; `cargo xtask bench --help` lists cases and options

  cargo xtask lint    format, imports, clippy, rustdoc and its examples, dependencies, every shipped configuration
  cargo xtask ci      lint, then test

  cargo xtask programs [--release] --out DIR
      The four programs, each one static file, in DIR/bin; what images are made of
  cargo xtask dist [--out DIR] [--programs DIR]
      A release: tarball, Debian packages, checksums. --programs takes static programs that are built already
";

/// What a command line asks for.
#[derive(Debug)]
enum Task {
    Demo(demo::Options),
    Bench(Vec<String>),
    Programs(programs::Options),
    Dist(dist::Options),
    Test,
    Lint,
    Ci,
}

impl Task {
    fn parse(words: &[&str]) -> Outcome<Self> {
        match words {
            ["demo", rest @ ..] => demo::Options::parse(rest).map(Self::Demo),
            ["bench", rest @ ..] => Ok(Self::Bench(rest.iter().map(ToString::to_string).collect())),
            ["programs", rest @ ..] => programs::Options::parse(rest).map(Self::Programs),
            ["dist", rest @ ..] => dist::Options::parse(rest).map(Self::Dist),
            ["test"] => Ok(Self::Test),
            ["lint"] => Ok(Self::Lint),
            ["ci"] => Ok(Self::Ci),
            [] => Err(Failure::usage(USAGE)),
            [task, ..] => Err(Failure::usage(format!(
                "no task '{task}', or it takes no arguments\n\n{USAGE}"
            ))),
        }
    }

    fn run(self) -> Outcome<ExitCode> {
        let done = |()| ExitCode::SUCCESS;
        match self {
            Self::Demo(options) => demo::run(&options),
            Self::Bench(words) => bench::run(&words),
            Self::Programs(options) => programs::run(&options).map(done),
            Self::Dist(options) => dist::run(&options).map(done),
            Self::Test => checks::test().map(done),
            Self::Lint => checks::lint().map(done),
            Self::Ci => checks::lint().and_then(|()| checks::test()).map(done),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let help = || {
        print!("{USAGE}");
        ExitCode::SUCCESS
    };
    let outcome = match words.as_slice() {
        words if programs::is_compiler() => programs::compile(words),
        [] | ["help" | "--help" | "-h"] => Ok(help()),
        // Its help is its own.
        ["bench", ..] => Task::parse(&words).and_then(Task::run),
        // Where all before it is understood; a task alone may lack what it cannot do without.
        [task, "--help" | "-h"] if USAGE.contains(&format!("cargo xtask {task} ")) => Ok(help()),
        [words @ .., "--help" | "-h"] => Task::parse(words).map(|_| help()),
        words => Task::parse(words).and_then(Task::run),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("xtask: {}", failure.message);
        ExitCode::from(failure.code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_of_the_usage_is_known() {
        let lines = USAGE.lines();
        let tasks: Vec<&str> = lines
            .filter_map(|line| line.strip_prefix("  cargo xtask ")?.split(' ').next())
            .collect();
        assert_eq!(tasks.len(), 7, "{tasks:?}");
        for task in tasks {
            let words = match task {
                "programs" => vec![task, "--out", "x"],
                task => vec![task],
            };
            assert!(Task::parse(&words).is_ok(), "{task}");
        }
        for wrong in [&[][..], &["tests"], &["lint", "x"]] {
            assert_eq!(Task::parse(wrong).unwrap_err().code, 2, "{wrong:?}");
        }
    }
}
