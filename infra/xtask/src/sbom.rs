//! The list of parts of a program (an SBOM) in the JSON form of CycloneDX 1.5: what is linked into it, from which release,
//! under which licence, with the sum that the lock file has. It holds no time and no random number, so that the same
//! sources have the same list.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use crate::dist::VERSION;
use crate::{Failure, Outcome, cargo};

/// One crate.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    name: String,
    version: String,
    licence: String,
}

/// The list for a program of this package.
pub(crate) fn of(package: &str, program: &str) -> Outcome<String> {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command
        .current_dir(cargo::workspace())
        .args([
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal",
        ])
        .args(["--prefix", "none", "--format", "{p}|{l}"]);
    let output = command.output();
    let output = output.map_err(|error| Failure::new(format!("cargo tree: {error}")))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(format!("cargo tree: {}", why.trim())));
    }
    let lock = cargo::workspace().join("Cargo.lock");
    let lock = std::fs::read_to_string(&lock)
        .map_err(|error| Failure::new(format!("{}: {error}", lock.display())))?;
    let parts = parts(&String::from_utf8_lossy(&output.stdout));
    Ok(list(program, &parts, &sums(&lock)))
}

/// The crates in the lines of `cargo tree`, each once: `tokio v1.54.0|MIT`, with a path behind the version for our own, and
/// a star for those that were named before.
fn parts(tree: &str) -> BTreeSet<Part> {
    tree.lines()
        .filter_map(|line| {
            let (package, licence) = line.split_once('|')?;
            let mut words = package.split_whitespace();
            let name = words.next()?.to_owned();
            let version = words.next()?.strip_prefix('v')?.to_owned();
            // An old form has a slash for OR.
            let licence = licence.trim_end_matches("(*)").trim().replace('/', " OR ");
            Some(Part {
                name,
                version,
                licence,
            })
        })
        .collect()
}

/// The sum of each crate that has one in the lock file, by name and version.
fn sums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut sums = BTreeMap::new();
    for block in lock.split("[[package]]") {
        let value = |key: &str| {
            let start = format!("{key} = \"");
            let line = block.lines().find_map(|line| line.strip_prefix(&start))?;
            line.strip_suffix('"').map(ToOwned::to_owned)
        };
        if let (Some(name), Some(version), Some(sum)) =
            (value("name"), value("version"), value("checksum"))
        {
            sums.insert((name, version), sum);
        }
    }
    sums
}

fn list(
    program: &str,
    parts: &BTreeSet<Part>,
    sums: &BTreeMap<(String, String), String>,
) -> String {
    let mut text = format!(
        "{{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n  \"version\": 1,\n  \"metadata\": \
         {{\"component\": {{\"type\": \"application\", \"name\": {}, \"version\": {}}}}},\n  \"components\": [",
        quoted(program),
        quoted(VERSION)
    );
    for (index, part) in parts.iter().enumerate() {
        let Part {
            name,
            version,
            licence,
        } = part;
        let place = quoted(&format!("pkg:cargo/{name}@{version}"));
        let comma = if index == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{comma}\n    {{\"type\": \"library\", \"bom-ref\": {place}, \"name\": {}, \"version\": {}, \"purl\": {place}",
            quoted(name),
            quoted(version)
        );
        if !licence.is_empty() {
            let _ = write!(
                text,
                ", \"licenses\": [{{\"expression\": {}}}]",
                quoted(licence)
            );
        }
        if let Some(sum) = sums.get(&(name.clone(), version.clone())) {
            let _ = write!(
                text,
                ", \"hashes\": [{{\"alg\": \"SHA-256\", \"content\": {}}}]",
                quoted(sum)
            );
        }
        text.push('}');
    }
    text.push_str("\n  ]\n}\n");
    text
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if u32::from(letter) < 0x20 => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "netsocket-x v0.1.0 (/somewhere)|MIT OR Apache-2.0\ntokio v1.54.0|MIT\n\
                        bytes v1.12.0|MIT/Apache-2.0\ntokio v1.54.0|MIT (*)\n";
    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"tokio\"\nversion = \"1.54.0\"\nchecksum = \"abc\"\n\
                        dependencies = [\n \"bytes\",\n]\n\n[[package]]\nname = \"netsocket-x\"\nversion = \"0.1.0\"\n";

    #[test]
    fn every_part_stands_once_with_licence_and_sum() {
        let parts = parts(TREE);
        let names: Vec<_> = parts
            .iter()
            .map(|part| (part.name.as_str(), part.licence.as_str()))
            .collect();
        let expected = [
            ("bytes", "MIT OR Apache-2.0"),
            ("netsocket-x", "MIT OR Apache-2.0"),
            ("tokio", "MIT"),
        ];
        assert_eq!(names, expected);
        let sums = sums(LOCK);
        assert_eq!(sums.len(), 1);
        let text = list("x", &parts, &sums);
        let tokio = text
            .lines()
            .find(|line| line.contains("\"tokio\""))
            .unwrap();
        assert!(
            tokio.contains("pkg:cargo/tokio@1.54.0") && tokio.contains("\"content\": \"abc\""),
            "{tokio}"
        );
        assert!(!text.contains("/somewhere"), "{text}");
    }

    #[test]
    fn strings_of_json() {
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
    }
}
