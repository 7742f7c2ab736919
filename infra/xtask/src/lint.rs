//! `cargo xtask lint`: what can be checked without running a test. What this machine cannot check is listed with its reason.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::layout::{PACKAGES, Package};
use crate::{cargo, examples, imports, programs};

/// Set to 1 where a check that cannot be made is a failure, as in CI.
const REQUIRE_STACK: &str = "NETSOCKET_REQUIRE_STACK";

/// Where the shipped configurations stand; each is named after the program it is for.
const CONFIGS: &str = "infra/config";

/// Format, imports, clippy, rustdoc and its examples, dependencies, and `--check-config` over every shipped configuration.
pub(crate) fn run() -> Outcome {
    let step = |what: &str| eprintln!("\n{what}");
    step("Step 1 of 5: check format, imports between files, and examples.");
    cargo::run(&["fmt", "--all", "--check"], &[])?;
    imports::check()?;
    examples::check()?;
    step("Step 2 of 5: run clippy. From nothing, this takes about 4 minutes on 2 cores.");
    cargo::run(
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    )?;
    step("Step 3 of 5: build the documentation.");
    cargo::run(
        &[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    step("Step 4 of 5: check licences, sources and advisories of dependencies.");
    dependencies()?;
    step("Step 5 of 5: build the programs, and let them check the shipped configurations.");
    let linked = programs::linked_statically()?;
    cargo::run(&["build", "--workspace", "--bins"], &linked.variables())?;
    configurations()
}

fn dependencies() -> Outcome {
    if !cargo::has("deny") {
        return skipped(
            "dependencies",
            "cargo-deny is not installed (cargo install --locked cargo-deny)",
        );
    }
    cargo::run(&["deny", "check", "bans", "licenses", "sources"], &[])?;
    // The advisories are a database to be fetched; without a network that is no verdict on our dependencies.
    let advisories = cargo::command()
        .args(["deny", "check", "advisories"])
        .output();
    let said = advisories
        .map_err(|error| Failure::new(format!("cargo deny check advisories: {error}")))?;
    let text = String::from_utf8_lossy(&said.stderr);
    if said.status.success() {
        eprintln!("advisories: none");
    } else if text.contains("failed to fetch advisory database")
        || text.contains("failed to load advisory database")
    {
        eprintln!("skipped: advisories: the advisory database cannot be fetched from here");
    } else {
        return Err(Failure::new(format!(
            "cargo deny check advisories failed\n{text}"
        )));
    }
    Ok(())
}

fn configurations() -> Outcome {
    let folder = cargo::workspace().join(CONFIGS);
    let mut checked = 0;
    for file in files_below(&folder)? {
        let stem = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let kind = stem.split('-').next();
        let package = PACKAGES.iter().find(|package| kind == Some(package.kind));
        let Some(Package { name: program, .. }) = package else {
            return Err(Failure::new(format!(
                "{}: is not named after a program of this project",
                file.display()
            )));
        };
        let mut command = Command::new(cargo::binary("debug", program)?);
        // The file alone is judged: neither flags nor our environment may mend it. But what is shared is on the reader's machine.
        let status = command
            .env_clear()
            .env("HOME", "/")
            .env("NETSOCKET_ROOT", "/")
            .arg("--config")
            .arg(&file)
            .arg("--check-config")
            .status();
        let status = status.map_err(|error| Failure::new(format!("{program}: {error}")))?;
        if !status.success() {
            return Err(Failure::new(format!(
                "{} is refused by {program}",
                file.display()
            )));
        }
        checked += 1;
    }
    if checked == 0 {
        Err(Failure::new(format!("no configuration below {CONFIGS}")))
    } else {
        Ok(())
    }
}

fn files_below(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Failure::at(folder))? {
        files.push(entry.map_err(Failure::at(folder))?.path());
    }
    files.retain(|file| file.extension() == Some(OsStr::new("toml")));
    files.sort();
    Ok(files)
}

fn skipped(what: &str, why: &str) -> Outcome {
    if std::env::var(REQUIRE_STACK).is_ok_and(|value| value == "1") {
        return Err(Failure::new(format!(
            "{what}: {why}, and {REQUIRE_STACK}=1 allows no skip"
        )));
    }
    eprintln!("skipped: {what}: {why}");
    Ok(())
}
