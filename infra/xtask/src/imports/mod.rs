//! The import lint: files do not import each other in circles, folders import one way, and the root of each `src` stays
//! small.
//!
//! Owns: the checks and their messages. Does not own: the tables (`rules`), nor how sources are read (`source`, `modules`).

mod circles;
mod modules;
mod rules;
mod source;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use crate::cargo;
use crate::failure::{Failure, Outcome};
use modules::{Edge, Modules};
use rules::{CRATES, Crate, Part};

/// The most entries that the root of a `src` may have.
const ENTRIES: usize = 14;

/// Checks every crate; fails with a message for each violation.
pub(crate) fn check() -> Outcome {
    let mut violations = Vec::new();
    for own in &CRATES {
        let src = cargo::workspace().join(own.folder).join("src");
        let name = format!("{}/src", own.folder);
        let edges = Modules::read(&src)
            .map_err(|failure| Failure::new(format!("{name}/{}", failure.message)))?
            .edges();
        violations.extend(circles(&name, &edges));
        if !own.parts.is_empty() {
            let entries = entries(&src)?;
            violations.extend(too_many(&name, &entries));
            violations.extend(strangers(&name, own.parts, &entries));
            violations.extend(wrong_way(&name, own.parts, &edges));
        }
    }
    violations.extend(undocumented(&text_of(TABLES)?));
    match violations.as_slice() {
        [] => Ok(()),
        violations => Err(Failure::new(violations.join("\n\n"))),
    }
}

fn text_of(file: &str) -> Outcome<String> {
    let path = cargo::workspace().join(file);
    std::fs::read_to_string(&path).map_err(Failure::at(&path))
}

/// What `TABLES` has to say of a crate.
fn table(own: &Crate) -> String {
    let code = |names: &[&str]| match names {
        [] => "–".to_owned(),
        names => format!("`{}`", names.join("`, `")),
    };
    let rows = own.parts.iter().map(|part| {
        let may_import = code(part.may_import);
        format!("| `{}` | {may_import} |\n", part.name)
    });
    let rows: String = rows.collect();
    format!(
        "| in `{}/src` | may import |\n| --- | --- |\n{rows}",
        own.folder
    )
}

/// Tables that people would read elsewhere than here.
fn undocumented(text: &str) -> Vec<String> {
    let tables = CRATES.iter().filter(|own| !own.parts.is_empty()).map(table);
    let missing = tables.filter(|table| !text.contains(table.as_str()));
    missing
        .map(|table| format!("{TABLES} does not have this table of {RULES}:\n{table}"))
        .collect()
}

/// The names in the root of a `src`.
fn entries(src: &Path) -> Outcome<BTreeSet<String>> {
    let entries = std::fs::read_dir(src).map_err(Failure::at(src))?;
    let names = entries.map(|entry| {
        let name = entry.map_err(Failure::at(src))?.file_name();
        Ok(name.to_string_lossy().into_owned())
    });
    names.collect()
}

fn circles(src: &str, edges: &[Edge]) -> Vec<String> {
    let circles = circles::find(edges).into_iter().map(|(circle, files)| {
        let chain: Vec<String> = circle
            .iter()
            .map(|edge| {
                let Edge {
                    from,
                    to,
                    line,
                    path,
                } = edge;
                format!("  {src}/{from}:{line} imports `{path}` from {to}")
            })
            .collect();
        let more = match files - circle.len() {
            0 => String::new(),
            _ => format!(" (the shortest among {files} files)"),
        };
        format!(
            "{src}: files import each other in a circle{more}:\n{}\n  \
             Move the item that both need into the lower file, or into a third one.",
            chain.join("\n")
        )
    });
    circles.collect()
}

fn too_many(src: &str, entries: &BTreeSet<String>) -> Option<String> {
    let found = entries.len();
    (found > ENTRIES).then(|| {
        format!("{src} has {found} entries; at most {ENTRIES} are allowed. Move files that belong together into a folder")
    })
}

/// Entries without a rule, and rules without an entry.
fn strangers(src: &str, parts: &[Part], entries: &BTreeSet<String>) -> Vec<String> {
    let found: BTreeSet<&str> = entries.iter().map(|entry| part_of(entry)).collect();
    let known: BTreeSet<&str> = parts.iter().map(|part| part.name).collect();
    let roots = BTreeSet::from(["lib", "main", "tests"]);
    let unruled = found
        .difference(&known)
        .filter(|name| !roots.contains(*name));
    let unruled = unruled
        .map(|name| format!("{src}/{name}: no rule says what it may import. Add one to {RULES}"));
    let gone = known.difference(&found);
    let gone =
        gone.map(|name| format!("{src}/{name}: does not exist. Remove its rule from {RULES}"));
    unruled.chain(gone).collect()
}

/// Imports that the table does not allow.
fn wrong_way(src: &str, parts: &[Part], edges: &[Edge]) -> Vec<String> {
    let wrong = edges.iter().filter_map(|edge| {
        let (from, to) = (part_of(&edge.from), part_of(&edge.to));
        let rule = parts.iter().find(|part| part.name == from)?;
        if from == to || rule.may_import.contains(&to) {
            return None;
        }
        let Edge { from: file, line, path, .. } = edge;
        let allowed = match rule.may_import {
            [] => "nothing".to_owned(),
            names => format!("only {}", names.join(", ")),
        };
        Some(format!(
            "{src}/{file}:{line} imports `{path}` from {}, but `{from}` may import {allowed} (see {TABLES})",
            edge.to
        ))
    });
    wrong.collect()
}

/// The folder directly below `src` that a file is in, or the file itself, without `.rs`.
fn part_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// Where the rules are, and where people read them.
const RULES: &str = "infra/xtask/src/imports/rules.rs";
const TABLES: &str = "docs/contributing.md";
