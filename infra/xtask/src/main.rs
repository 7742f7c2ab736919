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
mod layout;
mod metrics;
mod process;
mod programs;
mod sample;
mod sbom;
mod signals;

use std::io;
use std::path::Path;
use std::process::ExitCode;

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

  cargo xtask lint    format, clippy, rustdoc and its examples, dependencies, every shipped configuration
  cargo xtask ci      lint, then test

  cargo xtask programs [--release] --out DIR
      The four programs, each one static file, in DIR/bin; what images are made of
  cargo xtask dist [--out DIR] [--programs DIR]
      A release: tarball, Debian packages, checksums. --programs takes static programs that are built already
";

/// A task that did not succeed: one sentence for the person who started it.
#[derive(Debug)]
struct Failure {
    said: String,
    code: u8,
}

impl Failure {
    fn new(said: impl Into<String>) -> Self {
        Self {
            said: said.into(),
            code: 1,
        }
    }

    fn usage(said: impl Into<String>) -> Self {
        Self {
            said: said.into(),
            code: 2,
        }
    }

    /// What a file or directory refused.
    fn at(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |error| Self::new(format!("{}: {error}", path.display()))
    }
}

type Outcome<T = ()> = Result<T, Failure>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        words if programs::is_compiler() => programs::compile(words),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        ["demo", rest @ ..] => demo::Options::parse(rest).and_then(|options| demo::run(&options)),
        ["bench", rest @ ..] => bench::run(rest),
        ["programs", rest @ ..] => programs::Options::parse(rest)
            .and_then(|options| programs::run(&options))
            .map(|()| ExitCode::SUCCESS),
        ["dist", rest @ ..] => dist::Options::parse(rest)
            .and_then(|options| dist::run(&options))
            .map(|()| ExitCode::SUCCESS),
        ["test"] => checks::test().map(|()| ExitCode::SUCCESS),
        ["lint"] => checks::lint().map(|()| ExitCode::SUCCESS),
        ["ci"] => checks::lint()
            .and_then(|()| checks::test())
            .map(|()| ExitCode::SUCCESS),
        [task, ..] => Err(Failure::usage(format!(
            "no task '{task}', or it takes no arguments\n\n{USAGE}"
        ))),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("xtask: {}", failure.said);
        ExitCode::from(failure.code)
    })
}
