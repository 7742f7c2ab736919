//! What `cargo xtask dist` makes, and the static programs that it is made of.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::Program;
use crate::scratch::Scratch;
use crate::tool;

/// Where `cargo xtask test` has put the static programs, ready for images: below the directory of all builds.
///
/// # Errors
/// What makes them, where they are not there.
pub fn static_programs() -> Result<PathBuf, String> {
    let folder = xtask()
        .parent()
        .and_then(Path::parent)
        .map(|target| target.join("static"));
    let folder = folder.filter(|folder| folder.join("bin").is_dir());
    folder.ok_or_else(|| {
        "no static programs: `cargo xtask programs --out $CARGO_TARGET_DIR/static`".to_owned()
    })
}

/// The program of the project's tasks.
#[must_use]
pub fn xtask() -> PathBuf {
    Program::Client.path().with_file_name("xtask")
}

/// A release in a directory of its own, compressed quickly: only its size differs from one that is published.
///
/// # Panics
/// Where it cannot be made.
#[must_use]
pub fn make() -> Scratch {
    let programs = static_programs().unwrap_or_else(|reason| panic!("{reason}"));
    let out = Scratch::new("release");
    let mut command = Command::new(xtask());
    command.args(["dist", "--fast", "--out"]).arg(out.path());
    command.arg("--programs").arg(programs);
    command.env("SOURCE_DATE_EPOCH", "1700000000");
    tool::output(&mut command);
    out
}
