//! `programs`: the four programs, each linked into one file that needs no library of the machine it runs on, and beside them
//! their line tables.
//!
//! Only the last step differs from a usual build: our programs are linked with glibc's static library. Dependencies stay
//! as they are built already, so cargo must not see other flags: it starts this very program in place of the compiler
//! for our own packages, which passes everything on.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::cargo;
use crate::command::succeed;
use crate::failure::{Failure, Outcome};
use crate::layout::{PACKAGES, Package};

/// What cargo starts in place of the compiler for packages of the workspace.
const WRAPPER: &str = "RUSTC_WORKSPACE_WRAPPER";

/// The name of this program when cargo starts it as that.
const LINKER: &str = "netsocket-linker";

/// Tells this program that it was started as that.
const STATIC: &str = "NETSOCKET_XTASK_LINKS";

/// Thin link-time optimisation names what it shares by the paths of what it was compiled from: programs built in different
/// directories would have other symbols. The other kind does not, and takes longer.
const LINK_TIME: (&str, &str) = ("CARGO_PROFILE_RELEASE_LTO", "fat");

/// Directories of images that no program's file makes, and their rights.
const DIRECTORIES: [(&str, u32); 2] = [("tree/tmp", 0o1777), ("home/netsocket", 0o755)];

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Whether they are made to be fast, or quickly.
    pub(crate) release: bool,
    pub(crate) out: PathBuf,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let (mut release, mut out) = (false, None);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--release" => release = true,
                "--out" => out = words.next().map(PathBuf::from),
                other => return Err(Failure::usage(format!("programs: unknown word '{other}'"))),
            }
        }
        let out = out.ok_or_else(|| Failure::usage("programs: --out DIR says where they go"))?;
        Ok(Self { release, out })
    }
}

/// Builds them, and puts them where `keep` says.
pub(crate) fn run(options: &Options) -> Outcome {
    let linked = linked_statically()?;
    // The whole workspace, as in every other build: else dependencies would have other features, and be built anew.
    let mut words = vec!["build", "--workspace", "--bins"];
    let mut variables = linked.variables();
    if options.release {
        // Features that only tests need are no part of a release.
        words.extend(["--exclude", "workspace-hack", "--release"]);
        variables.push(LINK_TIME);
    }
    cargo::run(&words, &variables)?;
    let folder = if options.release { "release" } else { "debug" };
    keep(folder, &options.out)
}

/// Copies the programs that were built in that profile's folder: into `out/bin` without what only a debugger reads, and that
/// into `out/debug`; and makes the directories of images beside them.
pub(crate) fn keep(folder: &str, out: &Path) -> Outcome {
    let (bin, debug) = (out.join("bin"), out.join("debug"));
    for folder in [&bin, &debug] {
        fs::create_dir_all(folder).map_err(Failure::at(folder))?;
    }
    for Package { name, .. } in &PACKAGES {
        let built = cargo::binary(folder, name)?;
        let bytes = fs::read(&built).map_err(Failure::at(&built))?;
        if let Some(loader) = loader(&bytes) {
            let message = format!("{} is not static: it needs {loader}", built.display());
            return Err(Failure::new(message));
        }
        split(
            &built,
            &bin.join(name),
            &debug.join(format!("{name}.debug")),
        )?;
    }
    for (name, rights) in DIRECTORIES {
        let directory = out.join(name);
        fs::create_dir_all(&directory)
            .and_then(|()| fs::set_permissions(&directory, Permissions::from_mode(rights)))
            .map_err(Failure::at(&directory))?;
    }
    Ok(())
}

/// Splits a program from its line tables. Neither names the other: the program has the same bytes wherever it was built,
/// and its line tables name the directory.
fn split(built: &Path, program: &Path, debug: &Path) -> Outcome {
    for (kept, target) in [("--strip-debug", program), ("--only-keep-debug", debug)] {
        // A new file: the old one may be running.
        let _ = fs::remove_file(target);
        let mut objcopy = Command::new("objcopy");
        objcopy.arg(kept).arg(built).arg(target);
        succeed(objcopy)?;
    }
    Ok(())
}

/// What makes cargo link programs statically.
#[derive(Debug)]
pub(crate) struct Linked {
    path: String,
}

impl Linked {
    /// Environment variables for cargo.
    pub(crate) fn variables(&self) -> Vec<(&str, &str)> {
        vec![(WRAPPER, LINKER), (STATIC, "1"), ("PATH", &self.path)]
    }
}

/// Puts this program where it can be found as [`LINKER`]. Cargo has the name of what it starts in the names of everything
/// that comes of it: a path would make other bytes in every other directory.
pub(crate) fn linked_statically() -> Outcome<Linked> {
    let own = std::env::current_exe();
    let own = own.map_err(|error| Failure::new(format!("where am I: {error}")))?;
    let folder = cargo::binary("linker", "")?;
    fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
    let target = folder.join(LINKER);
    let _ = fs::remove_file(&target);
    fs::copy(&own, &target).map_err(Failure::at(&target))?;
    let found = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&found));
    let path = std::env::join_paths(folders).ok();
    let path = path.and_then(|path| path.into_string().ok());
    let path =
        path.ok_or_else(|| Failure::new("PATH, or the name of the build directory, is not UTF-8"))?;
    Ok(Linked { path })
}

/// Whether this process was started by cargo in the place of the compiler. The variable alone does not say so: tests inherit
/// it, and start tasks of their own.
pub(crate) fn is_compiler() -> bool {
    let own = std::env::args_os().next().map(PathBuf::from);
    let named = own.is_some_and(|own| own.file_name() == Some(LINKER.as_ref()));
    named && std::env::var_os(STATIC).is_some()
}

/// Compiles as it was asked to, and links programs statically.
pub(crate) fn compile(words: &[&str]) -> Outcome<ExitCode> {
    let Some((compiler, words)) = words.split_first() else {
        return Err(Failure::usage("no compiler was named"));
    };
    let mut command = Command::new(compiler);
    command.args(words);
    if links_program(words) {
        command.args(["-C", "target-feature=+crt-static"]);
    }
    // It comes back only where there is no such program.
    let error = command.exec();
    Err(Failure::new(format!("{compiler}: {error}")))
}

/// Whether the compiler is asked for a program, and not for what kinds of output it knows.
fn links_program(words: &[&str]) -> bool {
    let has = |pair: [&str; 2]| words.windows(2).any(|words| words == pair);
    has(["--crate-type", "bin"]) && !words.iter().any(|word| word.starts_with("--print"))
}

/// The program that an ELF file wants to be loaded by (its `PT_INTERP`); none for one that is static.
fn loader(elf: &[u8]) -> Option<String> {
    // Offsets and sizes of the 64-bit little-endian form, as elf(5) gives them.
    const TYPE_INTERP: u64 = 3;
    let number = |at: usize, bytes: usize| -> Option<u64> {
        let field = elf.get(at..at.checked_add(bytes)?)?;
        let digits = field.iter().rev();
        Some(digits.fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    let place = |at: usize, bytes: usize| usize::try_from(number(at, bytes)?).ok();
    let (table, size, count) = (place(32, 8)?, place(54, 2)?, place(56, 2)?);
    for index in 0..count {
        let header = table.checked_add(index.checked_mul(size)?)?;
        if number(header, 4)? == TYPE_INTERP {
            let (start, length) = (
                place(header.checked_add(8)?, 8)?,
                place(header.checked_add(32)?, 8)?,
            );
            let name = elf.get(start..start.checked_add(length)?)?;
            return Some(
                String::from_utf8_lossy(name)
                    .trim_end_matches('\0')
                    .to_owned(),
            );
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_need_a_place() {
        let options = Options::parse(&["--release", "--out", "x"]).unwrap();
        assert_eq!((options.release, options.out), (true, "x".into()));
        for wrong in [&[][..], &["--out"], &["--fast", "--out", "x"]] {
            assert_eq!(Options::parse(wrong).unwrap_err().code, 2, "{wrong:?}");
        }
    }

    #[test]
    fn only_programs_are_linked_statically() {
        assert!(links_program(&[
            "--crate-name",
            "x",
            "--crate-type",
            "bin",
            "--emit=link"
        ]));
        assert!(!links_program(&[
            "--crate-name",
            "x",
            "--crate-type",
            "lib"
        ]));
        let asked = [
            "-",
            "--print=file-names",
            "--crate-type",
            "bin",
            "--crate-type",
            "proc-macro",
        ];
        assert!(!links_program(&asked));
    }

    #[test]
    fn a_dynamic_program_names_its_loader() {
        // This test is one.
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(loader(&own).unwrap().contains("ld-linux"));
        assert_eq!(loader(b""), None);
        assert_eq!(loader(&own[..60]), None);
    }
}
