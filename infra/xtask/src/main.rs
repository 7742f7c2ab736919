//! The project's tasks: `cargo xtask demo | test | readers | bench | lint | ci | programs | dist`.
//!
//! Owns: how the programs are built, started together, checked and tested on one machine. Does not own: any program's
//! own behaviour, nor the tests themselves.

mod bench;
mod cargo;
mod command;
mod deb;
mod demo;
mod dist;
mod examples;
mod failure;
mod files;
mod imports;
mod layout;
mod lint;
mod metrics;
mod process;
mod programs;
mod readers;
mod sample;
mod sbom;
mod signals;
mod test;

use std::process::ExitCode;

use failure::{Failure, Outcome};

const USAGE: &str = "\
Tasks of the project:

  cargo xtask demo [DIR] [--no-client] [--kafka HOST:PORT] [--programs DIR]
      Build the programs for release and start three file servers over DIR (default: a small sample tree) behind a
      balancer on 127.0.0.1:8081, with its status page on 127.0.0.1:8404. Then open the client's prompt.
      --no-client       do not open the prompt; run until Ctrl-C
      --kafka HOST:PORT send telemetry to this Kafka broker
      --programs DIR    build nothing; use the programs that `cargo xtask programs` put into DIR

  cargo xtask test [PART [NAME…]]
      Run all tests that this machine can run, and list those that it cannot. With NETSOCKET_REQUIRE_STACK=1 a skipped
      test is a failure.
      PART              test only this part: balancer, proxy-protocol, client, fileserver, protocol, telemetry,
                        credentials, settings, bench, xtask or e2e (the programs end to end)
      NAME…             run only tests whose name contains one of these

  cargo xtask readers [NAME… | --table]
      Let other people's tar, gzip and zstd readers read archives from a file server of this build, and compare what comes.
      Libraries are brought into ~/.cache/netsocket-readers; programs that are not installed are listed as skipped
      NAME…             only readers whose name contains one of these
      --table           only print the rows of docs/archives.md

  cargo xtask lint
      Check format, imports between files, clippy, rustdoc and its examples, dependencies, and every shipped configuration

  cargo xtask ci
      Run lint, then test

  cargo xtask bench [CASE…] [OPTIONS]
      Measure the balancer next to other proxies; `cargo xtask bench --help` lists cases and options

  cargo xtask programs [--release] --out DIR
      Build the four programs as static files: into DIR/bin, and their line tables into DIR/debug

  cargo xtask dist [--fast] [--out DIR] [--programs DIR]
      Make a release in DIR (default: target/dist): tarballs, Debian packages, checksums
      --fast            compress less, to try it sooner
      --programs DIR    build nothing; use the programs that `cargo xtask programs` put into DIR
";

/// What a command line asks for.
#[derive(Debug)]
enum Task {
    Demo(demo::Options),
    Bench(Vec<String>),
    Programs(programs::Options),
    Dist(dist::Options),
    Test(test::Options),
    Readers(Vec<String>),
    Lint,
    Ci,
}

impl Task {
    fn parse(words: &[&str]) -> Outcome<Self> {
        match words {
            ["demo", rest @ ..] => demo::Options::parse(rest).map(Self::Demo),
            ["bench", rest @ ..] => Ok(Self::Bench(owned(rest))),
            ["readers", "--table"] => Ok(Self::Readers(owned(&words[1..]))),
            ["readers", rest @ ..] => match rest.iter().find(|word| word.starts_with('-')) {
                Some(flag) => Err(Failure::usage(format!("readers: unknown flag '{flag}'"))),
                None => Ok(Self::Readers(owned(rest))),
            },
            ["programs", rest @ ..] => programs::Options::parse(rest).map(Self::Programs),
            ["dist", rest @ ..] => dist::Options::parse(rest).map(Self::Dist),
            ["test", rest @ ..] => test::Options::parse(rest).map(Self::Test),
            ["lint"] => Ok(Self::Lint),
            ["ci"] => Ok(Self::Ci),
            [] => Err(Failure::usage(USAGE)),
            [task, ..] => Err(Failure::usage(format!(
                "there is no task '{task}', or it takes no arguments\n\n{USAGE}"
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
            Self::Test(options) => test::run(&options).map(done),
            Self::Readers(names) => readers::run(&names),
            Self::Lint => lint::run().map(done),
            Self::Ci => lint::run()
                .and_then(|()| test::run(&test::Options::default()))
                .map(done),
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Whether the usage lists that task.
fn is_task(word: &str) -> bool {
    let mut lines = USAGE.lines();
    let task = |line: &str| {
        line.strip_prefix("  cargo xtask ")?
            .split(' ')
            .next()
            .map(|task| task == word)
    };
    lines.any(|line| task(line) == Some(true))
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
        // It has a help of its own.
        ["bench", ..] => Task::parse(&words).and_then(Task::run),
        // A task alone may lack an argument that it needs; with others, they must be right.
        [task, "--help" | "-h"] if is_task(task) => Ok(help()),
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
        assert_eq!(tasks.len(), 8, "{tasks:?}");
        for task in tasks {
            let words = match task {
                "programs" => vec![task, "--out", "x"],
                task => vec![task],
            };
            assert!(Task::parse(&words).is_ok(), "{task}");
        }
        for wrong in [&[][..], &["tests"], &["lint", "x"], &["readers", "-x"]] {
            assert_eq!(Task::parse(wrong).unwrap_err().code, 2, "{wrong:?}");
        }
    }
}
