//! Commands of `cargo`: tasks of the project are parsed by the task itself; packages, examples and tests must exist.

use std::process::Command;

use e2e::process::{Ran, clean_command};
use e2e::program::Program;
use e2e::{PATIENCE, files, options, release, tool};
use serde_json::Value;

use super::{Typed, Verdict};

pub(super) const PROGRAMS: &[&str] = &["cargo"];

pub(super) fn judge(typed: &Typed) -> Verdict {
    match typed.call.arguments() {
        [xtask, words @ ..] if xtask == "xtask" => task(words),
        [name, words @ ..] => cargo(name, words),
        [] => Ok(()),
    }
}

/// `--help` at the end is answered only if everything before it was understood.
fn task(words: &[String]) -> Verdict {
    let (program, words) = match words {
        // The task would first build it for release.
        [bench, case, ..] if bench == "bench" && case == "pipeline" => (release::xtask(), words),
        [bench, words @ ..] if bench == "bench" => {
            (Program::Client.path().with_file_name("bench"), words)
        }
        words => (release::xtask(), words),
    };
    let mut command = clean_command(program);
    command.args(words).arg("--help");
    let ran = Ran::of(command, PATIENCE);
    match ran.code {
        Some(0) => Ok(()),
        _ => Err(ran.stderr),
    }
}

fn cargo(name: &str, words: &[String]) -> Verdict {
    // What comes with another package is in the lint.
    if name == "deny" {
        return Ok(());
    }
    let help = String::from_utf8(tool::output(command().args([name, "-h"]))).unwrap();
    let (own, beyond) = words.split_at(
        words
            .iter()
            .position(|word| word == "--")
            .unwrap_or(words.len()),
    );
    let (given, rest) = options::cut(&help, own)?;
    if name == "install" {
        return installed(rest);
    }
    if !rest.is_empty() {
        return Err(format!("cargo takes no {rest:?}"));
    }
    for (option, value) in given {
        let kind = match option {
            "-p" | "--package" => None,
            "--example" => Some("example"),
            _ => continue,
        };
        let value = value.unwrap_or_default();
        if !targets(kind).iter().any(|name| name == value) {
            return Err(format!("there is no {option} {value}"));
        }
    }
    let mut filters = beyond.iter().skip(1).filter(|word| !word.starts_with('-'));
    match filters
        .find(|filter| name == "test" && !crate::names().iter().any(|test| test.contains(*filter)))
    {
        Some(filter) => Err(format!("no test is called {filter}")),
        None => Ok(()),
    }
}

/// Pages and CI install the same versions.
fn installed(packages: &[String]) -> Verdict {
    let script = files::text(".ci/run");
    let mut installs = script.lines().filter(|line| line.contains("cargo install"));
    let is_there = |package: &String| {
        let ends = format!(" {package}");
        installs.any(|line| line.ends_with(&ends))
    };
    match packages.is_empty() || !packages.iter().all(is_there) {
        true => Err(".ci/run installs another version".to_owned()),
        false => Ok(()),
    }
}

fn command() -> Command {
    let mut command = tool::tool(&std::env::var("CARGO").unwrap_or("cargo".to_owned()));
    command.current_dir(files::path(""));
    command
}

/// The names of the packages, or of their targets of that kind.
fn targets(kind: Option<&str>) -> Vec<String> {
    let said =
        tool::output(command().args(["metadata", "--no-deps", "--offline", "--format-version=1"]));
    let said: Value = serde_json::from_slice(&said).unwrap();
    let packages = said["packages"].as_array().unwrap();
    let named = |value: &Value| value["name"].as_str().unwrap().to_owned();
    match kind {
        None => packages.iter().map(named).collect(),
        Some(kind) => packages
            .iter()
            .flat_map(|package| package["targets"].as_array().unwrap())
            .filter(|target| target["kind"][0] == kind)
            .map(named)
            .collect(),
    }
}
