//! The list of parts of a program (an SBOM), by cargo-cyclonedx, in the JSON form of CycloneDX 1.5: what is linked into
//! it, from which release, under which licence, with the sum that the lock file has. The same sources have the same list.
//!
//! cargo-cyclonedx writes beside every `Cargo.toml`, counts in what tests switch on, and names our own packages by their
//! place on this machine. So it is shown a mirror of the workspace: manifests without tests, and links to the sources.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::cargo;
use crate::command::{printed, succeed};
use crate::failure::{Failure, Outcome};
use crate::files::write;
use crate::layout::Package;

/// Where cargo finds the targets of a package; nothing else of it is looked at.
const SOURCES: [&str; 4] = ["src", "tests", "benches", "examples"];

/// What only tests need, in any manifest.
const TEST_SECTIONS: [&str; 1] = ["dev-dependencies"];

/// Makes the mirror of the workspace.
pub(crate) fn mirror(mirror: &Path) -> Outcome {
    let top = cargo::workspace();
    let top = fs::canonicalize(&top).map_err(Failure::at(&top))?;
    for file in ["Cargo.toml", "Cargo.lock"] {
        copy(&top.join(file), &mirror.join(file), &TEST_SECTIONS)?;
    }
    let mut tree = cargo::command();
    tree.current_dir(&top)
        .args(["tree", "--locked", "--workspace"])
        .args(["--depth=0", "--prefix=none"]);
    for member in members(&String::from_utf8_lossy(&printed(tree)?)) {
        let own = match member.strip_prefix(&top) {
            Ok(below) => mirror.join(below),
            Err(_) => continue,
        };
        // What tools of ours ask for would count for programs that share a dependency with them.
        let left_out: &[&str] = if member.starts_with(top.join("infra")) {
            &["dependencies"]
        } else {
            &TEST_SECTIONS
        };
        copy(
            &member.join("Cargo.toml"),
            &own.join("Cargo.toml"),
            left_out,
        )?;
        for folder in SOURCES {
            let (source, link) = (member.join(folder), own.join(folder));
            if source.is_dir() {
                symlink(&source, &link).map_err(Failure::at(&link))?;
            }
        }
    }
    Ok(())
}

/// The list of a package's program, made in the mirror.
pub(crate) fn of(mirror: &Path, package: &Package, date: u64) -> Outcome<String> {
    let mut command = cargo::command();
    command
        .env("SOURCE_DATE_EPOCH", date.to_string())
        .args(["cyclonedx", "--format=json", "--spec-version=1.5"])
        .args(["--describe=binaries", "--no-build-deps", "--manifest-path"])
        .arg(mirror.join("Cargo.toml"));
    if !package.default_features {
        command.arg("--no-default-features");
    }
    succeed(command)?;
    let list = format!("{}_bin.cdx.json", package.name);
    let file = mirror.join(package.folder).join(list);
    let list = fs::read_to_string(&file).map_err(Failure::at(&file))?;
    without_place(&list, package.folder)
        .ok_or_else(|| Failure::new(format!("{}: names no {}", file.display(), package.folder)))
}

/// The directories in what `cargo tree` says of our own packages: `netsocket-client v0.1.0 (/somewhere/client)`.
fn members(tree: &str) -> Vec<PathBuf> {
    let places = tree.lines().filter_map(|line| {
        let (_, place) = line.split_once(" (")?;
        Some(PathBuf::from(place.strip_suffix(')')?))
    });
    places.collect()
}

/// Copies a file of cargo, a manifest without some of its sections.
fn copy(from: &Path, to: &Path, left_out: &[&str]) -> Outcome {
    let text = fs::read_to_string(from).map_err(Failure::at(from))?;
    write(to, without_sections(&text, left_out).as_bytes())
}

/// A manifest without the sections that have one of these in their names.
fn without_sections(manifest: &str, left_out: &[&str]) -> String {
    let mut kept = true;
    let lines = manifest.lines().filter(|line| {
        if line.starts_with('[') {
            kept = !left_out.iter().any(|name| line.contains(name));
        }
        kept
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The list without the place of the workspace, which stands in the name of every package of ours:
/// `path+file:///somewhere/client#netsocket-client@0.1.0`.
fn without_place(list: &str, folder: &str) -> Option<String> {
    const LOCAL: &str = "path+file://";
    let mut names = list.split(LOCAL).skip(1);
    let place = names.find_map(|name| {
        let (path, _) = name.split_once('#')?;
        path.strip_suffix(folder)
    })?;
    Some(list.replace(&format!("{LOCAL}{place}"), &format!("{LOCAL}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_packages_are_where_cargo_says() {
        let tree = "a v0.1.0 (/x y/a)\n\nb v0.1.0 (/x y/a/b)\n";
        assert_eq!(members(tree), [Path::new("/x y/a"), Path::new("/x y/a/b")]);
    }

    #[test]
    fn tests_bring_nothing_along() {
        let manifest =
            "[dependencies]\na = \"1\"\n\n[dev-dependencies]\nb = \"1\"\n\n[[bin]]\nname = \"x\"\n";
        assert_eq!(
            without_sections(manifest, &TEST_SECTIONS),
            "[dependencies]\na = \"1\"\n\n[[bin]]\nname = \"x\"\n"
        );
    }

    #[test]
    fn a_list_does_not_tell_where_it_was_made() {
        let list = "path+file:///x/a/b#b@1 path+file:///x/a#a@1 registry+https://y#c@1 path+file:///x/a#a@1 bin-target-0";
        assert_eq!(
            without_place(list, "a").unwrap(),
            "path+file:///a/b#b@1 path+file:///a#a@1 registry+https://y#c@1 path+file:///a#a@1 bin-target-0"
        );
        assert_eq!(without_place("registry+https://y#c@1", "a"), None);
    }
}
