//! A Debian package of a staged tree, by cargo-deb. What Debian wants to know beside the files stands in the program's
//! `Cargo.toml`, and what runs when a server comes, is renewed and goes in `infra/debian`.

use std::path::{Path, PathBuf};

use crate::cargo;
use crate::command::succeed;
use crate::failure::Outcome;
use crate::layout::Package;

/// Where the files of a package are laid out: what a manifest calls `target/release/staged/NAME` is looked for here, as
/// cargo-deb is told that `work` is the directory of builds.
pub(crate) fn stage(work: &Path, package: &Package) -> PathBuf {
    work.join("release/staged").join(package.name)
}

/// Builds the package of what is staged below `work` into `out`; both must be absolute. A `fast` one is larger.
pub(crate) fn build(package: &Package, work: &Path, out: &Path, date: u64, fast: bool) -> Outcome {
    let mut command = cargo::command();
    command
        .env("CARGO_TARGET_DIR", work)
        .env("SOURCE_DATE_EPOCH", date.to_string())
        .args(["deb", "--no-build", "--no-strip", "--manifest-path"])
        .arg(package.manifest())
        .arg("--output")
        .arg(out);
    if fast {
        command.arg("--fast");
    }
    succeed(command)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::layout::PACKAGES;

    #[test]
    fn manifests_name_what_is_staged_and_scripts_that_are_there() {
        for package in &PACKAGES {
            let text = fs::read_to_string(package.manifest()).unwrap();
            let assets = format!("source = \"target/release/staged/{}/**/*\"", package.name);
            assert!(text.contains(&assets), "{text}");
            let units = package
                .files
                .iter()
                .any(|(_, target)| target.contains("/system/"));
            let scripts = format!(r#"maintainer-scripts = "../infra/debian/{}""#, package.name);
            assert_eq!(text.contains(&scripts), units, "{text}");
            for script in ["postinst", "prerm", "postrm"] {
                let place = cargo::workspace().join("infra/debian").join(package.name);
                let script = fs::read_to_string(place.join(script)).ok();
                assert_eq!(script.is_some(), units, "{}", package.name);
                assert!(script.is_none_or(|text| text.starts_with("#!/bin/sh\nset -e\n")));
            }
        }
    }
}
