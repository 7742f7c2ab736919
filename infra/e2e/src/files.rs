//! The files of the project that tests read as operators do.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A path below the root of the project.
///
/// # Panics
/// Where there is nothing.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    // Cargo says at run time which checkout it runs: two that share a target directory share what was compiled as well.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let path = package.join("../..").join(name);
    path.canonicalize()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of a file.
///
/// # Panics
/// Where it cannot be read.
#[must_use]
pub fn text(name: &str) -> String {
    let path = path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of a file with something else in some places: what it has, and what is to stand there.
///
/// # Panics
/// Where it cannot be read, or has nothing of the kind.
#[must_use]
pub fn text_with(name: &str, swaps: &[(&str, &str)]) -> String {
    let mut text = text(name);
    for (documented, here) in swaps {
        assert!(text.contains(documented), "{name}: {documented}");
        text = text.replace(documented, here);
    }
    text
}

/// The one YAML document of a file.
///
/// # Panics
/// Where it is no YAML, or several.
#[must_use]
pub fn document(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The YAML documents in a text that came from somewhere.
///
/// # Panics
/// Where it is no YAML; `from` says whose it was.
#[must_use]
pub fn yaml(from: &str, text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{from}: {error}"))
}

/// The files below a folder, sorted.
///
/// # Panics
/// Where one cannot be read.
#[must_use]
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry of a folder").path();
        match path.is_dir() {
            true => files.extend(below(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}
