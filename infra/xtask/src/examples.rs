//! What is public shows how it is used: each public module has an example, which `cargo test` runs.
//!
//! Owns: which modules are public, and what counts as an example. Does not own: whether it is right (the doctests), nor
//! whether anything but the module as a whole needs one (the reviewer).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use crate::cargo;
use crate::failure::{Failure, Outcome};

/// Which modules of a crate readers look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The root and every `pub mod` below it.
    Modules,
    /// Also the private modules whose items the root re-exports: others build on these crates, mostly from the root.
    Reexports,
}

/// Every library of ours but the tools.
const CRATES: [(&str, Reach); 8] = [
    ("balancer", Reach::Modules),
    ("balancer/proxy-protocol", Reach::Modules),
    ("client", Reach::Modules),
    ("fileserver", Reach::Modules),
    ("fileserver/protocol", Reach::Reexports),
    ("telemetry", Reach::Reexports),
    ("telemetry/credentials", Reach::Reexports),
    ("telemetry/settings", Reach::Reexports),
];

/// The words behind the fence of an example that is at least compiled; `compile_fail` shows how not to do it.
const RUST: [&str; 4] = ["rust", "no_run", "should_panic", "edition2024"];

/// The files of a crate by their path below `src`, with `/` between.
type Sources = BTreeMap<String, String>;

/// Fails with a line for each public module without an example.
pub(crate) fn check() -> Outcome {
    let mut lines = Vec::new();
    for (folder, reach) in CRATES {
        let mut sources = Sources::new();
        let src = cargo::workspace().join(folder).join("src");
        gather(&src, "", &mut sources)?;
        lines.extend(lacking(&sources, reach).into_iter().map(|(module, file)| {
            format!("{folder}/src/{file}: {module} is public and has no example")
        }));
    }
    if lines.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{}\nput a short one that runs into `//!` or into the `///` of the item that matters most, \
         or make the module private",
        lines.join("\n")
    )))
}

fn gather(folder: &Path, prefix: &str, sources: &mut Sources) -> Outcome {
    let unreadable = |error| Failure::new(format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() {
            gather(&path, &format!("{prefix}{name}/"), sources)?;
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).map_err(unreadable)?;
            sources.insert(format!("{prefix}{name}"), text);
        }
    }
    Ok(())
}

/// The public modules without an example, each with its file.
fn lacking(sources: &Sources, reach: Reach) -> Vec<(String, String)> {
    let mut lacking = Vec::new();
    let mut open = vec![("the crate".to_owned(), "lib.rs".to_owned(), String::new())];
    while let Some((module, file, folder)) = open.pop() {
        let Some(text) = sources.get(&file) else {
            lacking.push((module, file));
            continue;
        };
        let root = folder.is_empty();
        let reexported: Vec<&str> = declared(text, "mod ")
            .filter(|name| text.contains(&format!("\npub use {name}::")))
            .collect();
        // What a module re-exports is documented as its own; the root shows how the parts go together.
        let shown = |name: &&str| {
            let text = sources.get(&file_of(sources, &folder, name));
            !root && text.is_some_and(|text| has_example(text))
        };
        if !has_example(text) && !reexported.iter().any(shown) {
            lacking.push((module, file));
        }
        let owing = reexported
            .into_iter()
            .filter(|_| root && reach == Reach::Reexports);
        for name in declared(text, "pub mod ").chain(owing) {
            let file = file_of(sources, &folder, name);
            open.push((format!("`{name}`"), file, format!("{folder}{name}/")));
        }
        if root {
            for (inner, name) in lifted(text, sources) {
                let file = file_of(sources, &inner, &name);
                open.push((format!("`{name}`"), file, format!("{inner}{name}/")));
            }
        }
    }
    lacking.sort_by(|a, b| a.1.cmp(&b.1));
    lacking
}

/// The modules in files of their own that a text declares with these words.
fn declared<'a>(text: &'a str, words: &'a str) -> impl Iterator<Item = &'a str> {
    let rest = text
        .lines()
        .filter_map(move |line| line.strip_prefix(words));
    rest.filter_map(|rest| rest.strip_suffix(';'))
}

/// The modules of private folders that the root makes public by `pub use crate::folder::{a, b};`: each with its folder.
fn lifted(text: &str, sources: &Sources) -> Vec<(String, String)> {
    let uses = text.split("\npub use crate::").skip(1);
    let mut found = Vec::new();
    for rest in uses {
        let path = rest.split(';').next().unwrap_or_default();
        let Some((folder, names)) = path.rsplit_once("::") else {
            continue;
        };
        let folder = format!("{}/", folder.replace("::", "/"));
        let names = names.trim_matches(['{', '}']).split(',').map(str::trim);
        let modules = names.filter(|name| sources.contains_key(&file_of(sources, &folder, name)));
        found.extend(modules.map(|name| (folder.clone(), name.to_owned())));
    }
    found
}

/// Where a module below a folder stands: in a file of its name, or in a folder of it.
fn file_of(sources: &Sources, folder: &str, name: &str) -> String {
    let folded = format!("{folder}{name}/mod.rs");
    if sources.contains_key(&folded) {
        folded
    } else {
        format!("{folder}{name}.rs")
    }
}

/// Whether a documentation comment has a block of Rust that is compiled.
fn has_example(text: &str) -> bool {
    let mut fenced = false;
    for line in text.lines() {
        let line = line.trim_start();
        let Some(comment) = ["///", "//!"]
            .iter()
            .find_map(|sign| line.strip_prefix(sign))
        else {
            fenced = false;
            continue;
        };
        let Some(words) = comment.trim().strip_prefix("```") else {
            continue;
        };
        let mut words = words.split([',', ' ']).filter(|word| !word.is_empty());
        if !fenced && words.all(|word| RUST.contains(&word)) {
            return true;
        }
        fenced = !fenced;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const EXAMPLE: &str = "//! ```\n//! assert!(true);\n//! ```\n";

    fn files(files: &[(&str, &str)]) -> Sources {
        let owned = |(file, text): &(&str, &str)| ((*file).to_owned(), (*text).to_owned());
        files.iter().map(owned).collect()
    }

    fn lacking_files(sources: &Sources, reach: Reach) -> Vec<String> {
        let lacking = lacking(sources, reach);
        lacking.into_iter().map(|(_, file)| file).collect()
    }

    #[test]
    fn an_example_is_a_block_of_rust_that_is_compiled() {
        for fence in ["```", "```rust", "```no_run", "```rust,should_panic"] {
            for sign in ["///", "    //!"] {
                let text = format!("{sign} Says.\n{sign} {fence}\n{sign} f();\n{sign} ```\n");
                assert!(has_example(&text), "{text}");
            }
        }
        for fence in [
            "```text",
            "```ignore",
            "```rust,ignore",
            "```toml",
            "```compile_fail",
        ] {
            let text = format!("/// Says.\n/// {fence}\n/// f();\n/// ```\npub fn f() {{}}\n");
            assert!(!has_example(&text), "{text}");
        }
        assert!(!has_example(
            "// ```\n// f();\n// ```\nlet fence = \"```\";\n"
        ));
        // One of text, then one of Rust.
        assert!(has_example(
            "//! ```text\n//! a -> b\n//! ```\n//! ```\n//! f();\n//! ```\n"
        ));
    }

    #[test]
    fn each_public_module_down_from_the_root_needs_one() {
        let root = format!("{EXAMPLE}pub mod a;\nmod b;\npub mod c;\n");
        let sources = files(&[
            ("lib.rs", &root),
            ("a.rs", EXAMPLE),
            ("b.rs", "//! Private.\npub mod below;\n"),
            ("b/below.rs", "//! Nobody reaches it.\n"),
            ("c/mod.rs", "//! Says.\npub mod d;\npub mod e;\n"),
            ("c/d.rs", "//! Says.\n"),
            ("c/e/mod.rs", EXAMPLE),
        ]);
        assert_eq!(
            lacking_files(&sources, Reach::Modules),
            ["c/d.rs", "c/mod.rs"]
        );
        assert_eq!(lacking_files(&Sources::new(), Reach::Modules), ["lib.rs"]);
    }

    #[test]
    fn what_is_re_exported_counts_where_it_is_shown() {
        let root = "mod a;\nmod b;\npub mod c;\n\npub use a::A;\npub use c::d;\n";
        let sources = files(&[
            ("lib.rs", root),
            ("a.rs", "//! Says.\n"),
            ("b.rs", "//! Private.\n"),
            ("c.rs", "mod d;\npub use d::D;\n"),
            ("c/d.rs", EXAMPLE),
        ]);
        // The root wants one of its own, which shows how the parts go together.
        assert_eq!(lacking_files(&sources, Reach::Modules), ["lib.rs"]);
        assert_eq!(
            lacking_files(&sources, Reach::Reexports),
            ["a.rs", "lib.rs"]
        );
    }

    #[test]
    fn a_module_that_the_root_lifts_out_of_a_private_folder_needs_one() {
        let root = format!(
            "{EXAMPLE}mod a;\n\npub use crate::a::d::D;\npub use crate::a::{{\n    b, c,\n}};\npub use crate::a::e;\n"
        );
        let sources = files(&[
            ("lib.rs", &root),
            (
                "a/mod.rs",
                "//! Private.\npub mod b;\npub mod c;\nmod d;\npub mod e;\n",
            ),
            ("a/b.rs", EXAMPLE),
            ("a/c/mod.rs", "//! Says.\n"),
            ("a/d.rs", "//! Private.\n"),
            ("a/e.rs", "//! Says.\n"),
        ]);
        assert_eq!(
            lacking_files(&sources, Reach::Modules),
            ["a/c/mod.rs", "a/e.rs"]
        );
    }

    #[test]
    fn every_library_is_looked_at() {
        let manifest = fs::read_to_string(cargo::workspace().join("Cargo.toml")).unwrap();
        let (_, members) = manifest.split_once("members = [").unwrap();
        let (members, _) = members.split_once(']').unwrap();
        let members = members
            .split('"')
            .filter(|word| word.starts_with(char::is_alphabetic));
        let mut members: Vec<&str> = members.filter(|name| !name.starts_with("infra/")).collect();
        members.sort_unstable();
        assert_eq!(CRATES.map(|(folder, _)| folder)[..], members[..]);
    }
}
