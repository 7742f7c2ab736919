//! `cargo xtask test`: builds the programs and the tests once, then runs all of them or one part.
//!
//! Owns: which commands run, in which order, with which features. Does not own: how programs are linked (`programs`), nor
//! the tests.

use std::num::NonZero;

use crate::failure::{Failure, Outcome};
use crate::{cargo, programs};

/// The parts that can be tested alone, each with its package.
const PARTS: [(&str, &str); 11] = [
    ("balancer", "netsocket-balancer"),
    ("proxy-protocol", "netsocket-proxy-protocol"),
    ("client", "netsocket-client"),
    ("fileserver", "netsocket-fileserver"),
    ("protocol", "netsocket-protocol"),
    ("telemetry", "netsocket-telemetry"),
    ("credentials", "netsocket-credentials"),
    ("settings", "netsocket-settings"),
    ("bench", "bench"),
    ("xtask", "xtask"),
    (END_TO_END, END_TO_END),
];

/// Packages with few dependencies.
const SMALL: [&str; 4] = [
    "netsocket-protocol",
    "netsocket-proxy-protocol",
    "netsocket-settings",
    "netsocket-credentials",
];

/// The part with real processes, which is also the name of its test.
const END_TO_END: &str = "e2e";

/// Named beside a package, it makes cargo compile dependencies with the features that the whole workspace has: those that
/// are there already.
const ALL_FEATURES: [&str; 2] = ["--package", "workspace-hack"];

/// Tests of a crate at the same time, for each core: they wait for something half of the time.
const TESTS_PER_CORE: usize = 2;
/// Where Rust's tests look for their number; libtest's own variable.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// What to test.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// A part of [`PARTS`], else all.
    part: Option<&'static str>,
    /// Only tests with one of these in their names.
    names: Vec<String>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let Some((part, names)) = words.split_first() else {
            return Ok(Self::default());
        };
        let found = PARTS.iter().find(|(name, _)| name == part);
        let (part, _) = found.ok_or_else(|| {
            let names = PARTS.map(|(name, _)| name).join(", ");
            Failure::usage(format!("test: no part '{part}'; the parts are {names}"))
        })?;
        if let Some(flag) = names.iter().find(|name| name.starts_with('-')) {
            return Err(Failure::usage(format!("test: unknown flag '{flag}'")));
        }
        Ok(Self {
            part: Some(part),
            names: names.iter().map(ToString::to_string).collect(),
        })
    }
}

/// Runs them; fails with the first command that does.
pub(crate) fn run(options: &Options) -> Outcome {
    let linked = programs::linked_statically()?;
    let threads = test_threads();
    let mut variables = linked.variables();
    variables.push((TEST_THREADS, &threads));
    let run = |what: &str, words: &[&str]| {
        eprintln!("\n{what}");
        cargo::run(words, &variables)
    };
    let Some(part) = options.part else {
        return all(run);
    };
    let package = PARTS.iter().find(|(name, _)| *name == part);
    let package = package.map_or(part, |(_, package)| package);
    let names: Vec<&str> = options.names.iter().map(String::as_str).collect();
    if part == END_TO_END {
        run(
            "Step 1 of 2: build the programs.",
            &["build", "--workspace", "--bins"],
        )?;
        keep_programs()?;
    }
    let mut words = vec!["test", "--package", package];
    words.extend(ALL_FEATURES);
    if part == END_TO_END {
        words.extend(["--test", END_TO_END, "--"]);
        let what = "Step 2 of 2: test the programs end to end.";
        if names.is_empty() {
            return run(what, &words);
        }
        // This test takes one name at a time.
        let each = |name: &&str| run(what, &[&words[..], &[*name]].concat());
        return names.iter().try_for_each(each);
    }
    if !names.is_empty() {
        words.push("--");
        words.extend(&names);
    }
    run(&format!("Build and test {package}."), &words)
}

/// What the caller says, else by the number of cores.
fn test_threads() -> String {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    std::env::var(TEST_THREADS).unwrap_or_else(|_| (TESTS_PER_CORE * cores()).to_string())
}

/// All parts: those first that need the fewest dependencies, so that the first result comes early.
fn all(run: impl Fn(&str, &[&str]) -> Outcome) -> Outcome {
    let crates = ["--lib", "--bin", "xtask", "--test", "it"];
    let mut first = vec!["test", "--lib"];
    first.extend(ALL_FEATURES);
    let mut rest = vec!["test", "--workspace"];
    for package in SMALL {
        first.extend(["--package", package]);
        rest.extend(["--exclude", package]);
    }
    rest.extend(crates);
    run(
        "Step 1 of 5: build and test the small crates. From nothing, this takes 1 to 3 minutes on 2 cores.",
        &first,
    )?;
    run(
        "Step 2 of 5: build the programs and all other tests. From nothing, this takes 3 to 6 minutes.",
        &["test", "--workspace", "--no-run"],
    )?;
    keep_programs()?;
    run(
        "Step 3 of 5: test each other crate. This takes 2 to 4 minutes.",
        &rest,
    )?;
    run(
        "Step 4 of 5: run the examples in the documentation. This takes about 1 minute.",
        &["test", "--workspace", "--doc"],
    )?;
    run(
        "Step 5 of 5: test the programs end to end. This takes 7 to 12 minutes where nothing is skipped.",
        &["test", "--workspace", "--test", END_TO_END],
    )
}

/// Copies the programs to where tests of images and releases look for them.
fn keep_programs() -> Outcome {
    programs::keep("debug", &cargo::binary("static", "")?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::command::printed;

    #[test]
    fn a_part_may_be_followed_by_names() {
        assert_eq!(Options::parse(&[]).unwrap(), Options::default());
        let options = Options::parse(&["e2e", "relay", "tls"]).unwrap();
        assert_eq!(options.part, Some("e2e"));
        assert_eq!(options.names, ["relay", "tls"]);
        for wrong in [&["relay"][..], &["e2e", "--nocapture"]] {
            assert_eq!(Options::parse(wrong).unwrap_err().code, 2, "{wrong:?}");
        }
    }

    #[test]
    fn every_part_is_in_the_usage_and_every_package_has_a_part() {
        let (_, parts) = crate::USAGE.split_once("test only this part:").unwrap();
        let (parts, _) = parts.split_once(" (the programs").unwrap();
        let words = parts.split([' ', ',', '\n']);
        let words: Vec<&str> = words.filter(|word| !matches!(*word, "" | "or")).collect();
        assert_eq!(words, PARTS.map(|(name, _)| name));
        let manifest = fs::read_to_string(cargo::workspace().join("Cargo.toml")).unwrap();
        let (_, members) = manifest.split_once("members = [").unwrap();
        let (members, _) = members.split_once(']').unwrap();
        let members = members.split('"').skip(1).step_by(2);
        let folders: BTreeSet<&str> = members.filter_map(|path| path.rsplit('/').next()).collect();
        let mut parts = BTreeSet::from(PARTS.map(|(name, _)| name));
        parts.insert("workspace-hack");
        assert_eq!(parts, folders);
    }

    /// Dependencies with their features, as a selection of packages has them.
    fn dependencies(selection: &[&str]) -> BTreeSet<String> {
        let mut tree = cargo::command();
        tree.current_dir(cargo::workspace())
            .args(["tree", "--locked", "--prefix=none", "--format={p} {f}"])
            .args(selection);
        let text = String::from_utf8(printed(tree).unwrap()).unwrap();
        let lines = text.lines().map(|line| line.trim_end_matches(" (*)"));
        // Our own packages have their place in parentheses.
        let lines = lines.filter(|line| !line.is_empty() && !line.contains("(/"));
        lines.map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_part_has_the_dependencies_of_the_whole() {
        let whole = dependencies(&["--workspace"]);
        let hack = dependencies(&["--package=workspace-hack", "--edges=normal,build"]);
        let missing: Vec<_> = whole.difference(&hack).collect();
        assert!(
            missing.is_empty(),
            "infra/workspace-hack/Cargo.toml does not ask for these features: {missing:#?}"
        );
    }
}
