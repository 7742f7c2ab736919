//! `dist`: makes a release: a tarball of programs, units, settings, manual pages, completions and lists of parts, Debian
//! packages of the same files, and a tarball of line tables. The same programs give the same bytes wherever this runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{printed, succeed};
use crate::failure::{Failure, Outcome};
use crate::files::{make, remove, write};
use crate::layout::{BIN, DOCUMENTS, PACKAGES, Package};
use crate::{cargo, deb, programs, sbom};

/// The version of the workspace, which all its packages share.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where a shell looks for completions, and what the file of a program is called there.
const COMPLETIONS: [(&str, &str, &str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions", "", ""),
    ("zsh", "usr/share/zsh/vendor-completions", "_", ""),
    ("fish", "usr/share/fish/vendor_completions.d", "", ".fish"),
];

/// Where debuggers look for the line tables of programs in `BIN`.
const DEBUG: &str = "usr/lib/debug/usr/bin";

/// Subcommands of cargo that a release is made with, and how each is installed.
const TOOLS: [(&str, &str); 2] = [
    ("deb", "cargo-deb@3.8.0"),
    ("cyclonedx", "cargo-cyclonedx@0.5.9"),
];

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    out: PathBuf,
    /// Where `cargo xtask programs` has put programs and line tables.
    programs: Option<PathBuf>,
    /// Whether packages and tarballs may be larger, to be there sooner.
    fast: bool,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let (mut out, mut programs, mut fast) = (None, None, false);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let place = match *word {
                "--out" => &mut out,
                "--programs" => &mut programs,
                "--fast" => {
                    fast = true;
                    continue;
                }
                other => return Err(Failure::usage(format!("dist: unknown word '{other}'"))),
            };
            let value = words.next();
            *place = Some(value.ok_or_else(|| Failure::usage(format!("dist: {word} takes DIR")))?);
        }
        let out = match out {
            Some(out) => PathBuf::from(out),
            None => cargo::binary("dist", "")?,
        };
        Ok(Self {
            out,
            programs: programs.map(PathBuf::from),
            fast,
        })
    }
}

/// Makes all of it in `options.out`.
pub(crate) fn run(options: &Options) -> Outcome {
    installed()?;
    // The tools run elsewhere.
    let out = std::path::absolute(&options.out).map_err(Failure::at(&options.out))?;
    let work = out.join("work");
    remove(&work)?;
    make(&work)?;
    let programs = match &options.programs {
        Some(programs) => programs.clone(),
        None => {
            let (release, out) = (true, work.join("programs"));
            programs::run(&programs::Options {
                release,
                out: out.clone(),
            })?;
            out
        }
    };
    let date = date()?;
    let mirror = work.join("mirror");
    sbom::mirror(&mirror)?;
    let name = format!("netsocket-{VERSION}-{}-linux", std::env::consts::ARCH);
    let tree = work.join(&name);
    make(&tree)?;
    for package in &PACKAGES {
        let own = deb::stage(&work, package);
        let list = sbom::of(&mirror, package, date)?;
        stage(package, &programs.join("bin"), &list, &own)?;
        deb::build(package, &work, &out, date, options.fast)?;
        merge(&own, &tree)?;
    }
    checksums(&tree)?;
    let level = if options.fast { "-1" } else { "-6" };
    let tarball = out.join(format!("{name}.tar.gz"));
    pack(&work, &name, &tarball, date, level)?;
    let debug = format!("{name}-debug");
    for package in &PACKAGES {
        let file = format!("{}.debug", package.name);
        let target = work.join(&debug).join(DEBUG).join(&file);
        install(&programs.join("debug").join(file), &target, 0o644)?;
    }
    // Not `.tar.gz`: the documents unpack the release by `netsocket-*.tar.gz`.
    let tarball = out.join(format!("{debug}.tgz"));
    pack(&work, &debug, &tarball, date, level)?;
    remove(&work)?;
    sum(&out)
}

/// Whether the tools are here.
fn installed() -> Outcome {
    let missing = TOOLS.iter().filter(|(tool, _)| !cargo::has(tool));
    let missing: Vec<String> = missing
        .map(|(tool, install)| format!("cargo-{tool} (cargo install --locked {install})"))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        names => Err(Failure::new(format!(
            "dist: not installed: {}",
            names.join(", ")
        ))),
    }
}

/// Puts everything of a package below a root.
fn stage(package: &Package, bin: &Path, list: &str, root: &Path) -> Outcome {
    let name = package.name;
    let program = bin.join(name);
    install(&program, &root.join(BIN).join(name), 0o755)?;
    for (source, target) in package.files {
        install(&cargo::workspace().join(source), &root.join(target), 0o644)?;
    }
    let documents = root.join("usr/share/doc").join(name);
    for document in DOCUMENTS {
        let source = cargo::workspace().join(document);
        install(&source, &documents.join(document), 0o644)?;
    }
    write(&documents.join(format!("{name}.cdx.json")), list.as_bytes())?;
    let page = root.join(format!("usr/share/man/man1/{name}.1"));
    write(&page, &said(&program, &["man"])?)?;
    for (shell, folder, before, after) in COMPLETIONS {
        let file = format!("{folder}/{before}{name}{after}");
        write(&root.join(file), &said(&program, &["completions", shell])?)?;
    }
    Ok(())
}

/// Adds all files of a staged package to the tree of the tarball.
fn merge(own: &Path, tree: &Path) -> Outcome {
    let mut command = Command::new("cp");
    command
        .args(["--recursive", "--link", "--"])
        .arg(own.join("."))
        .arg(tree);
    succeed(command)
}

/// What a program prints about itself.
fn said(program: &Path, words: &[&str]) -> Outcome<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(words).env_clear();
    printed(command)
}

/// The second in which everything was made, as far as files tell: that of the commit, or `SOURCE_DATE_EPOCH`.
fn date() -> Outcome<u64> {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        let wrong =
            |_| Failure::usage(format!("SOURCE_DATE_EPOCH={given} is no number of seconds"));
        return given.parse().map_err(wrong);
    }
    let mut git = Command::new("git");
    git.current_dir(cargo::workspace());
    let output = git.args(["log", "-1", "--format=%ct"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().parse());
    match text {
        Ok(Ok(seconds)) => Ok(seconds),
        _ => Err(Failure::new(
            "no commit tells the date: set SOURCE_DATE_EPOCH",
        )),
    }
}

/// The sums of every file, in the form of sha256sum(1), beside them.
fn checksums(tree: &Path) -> Outcome {
    let list = "find . -type f ! -name SHA256SUMS -print0 | LC_ALL=C sort -z | xargs -0 sha256sum > SHA256SUMS";
    let mut command = Command::new("sh");
    command.current_dir(tree).args(["-ec", list]);
    succeed(command)
}

/// The sums of what was made, for whoever fetches it.
fn sum(out: &Path) -> Outcome {
    let mut command = Command::new("sh");
    let list =
        "LC_ALL=C; export LC_ALL; sha256sum -- *.tar.gz *.tgz *.deb > SHA256SUMS; cat SHA256SUMS";
    command.current_dir(out).args(["-ec", list]);
    succeed(command)
}

/// A tarball that says nothing of who made it and when, compressed at that level of gzip(1).
fn pack(folder: &Path, name: &str, tarball: &Path, date: u64, level: &str) -> Outcome {
    let partial = tarball.with_extension("partial");
    let file = fs::File::create(&partial).map_err(Failure::at(&partial))?;
    let mut tar = Command::new("tar");
    tar.current_dir(folder)
        .args(["--create", "--sort=name", "--format=gnu", "--numeric-owner"])
        .args(["--owner=0", "--group=0", "--mode=u+rw,go+r,go-w"])
        .arg(format!("--mtime=@{date}"))
        .arg(name)
        .stdout(Stdio::piped());
    let mut tar = tar
        .spawn()
        .map_err(|error| Failure::new(format!("tar: {error}")))?;
    let stream = tar.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let mut gzip = Command::new("gzip");
    gzip.args(["--no-name", level]).stdin(stream).stdout(file);
    succeed(gzip)?;
    let status = tar
        .wait()
        .map_err(|error| Failure::new(format!("tar: {error}")))?;
    if !status.success() {
        return Err(Failure::new(format!("tar failed ({status})")));
    }
    fs::rename(&partial, tarball).map_err(Failure::at(tarball))
}

/// Copies a file with these rights, whatever its own are.
fn install(source: &Path, target: &Path, rights: u32) -> Outcome {
    let bytes = fs::read(source).map_err(Failure::at(source))?;
    write(target, &bytes)?;
    fs::set_permissions(target, Permissions::from_mode(rights)).map_err(Failure::at(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_installs_the_same_tools() {
        for file in [".ci/run", "docs/contributing.md"] {
            let text = fs::read_to_string(cargo::workspace().join(file)).unwrap();
            for (_, install) in TOOLS {
                assert!(text.contains(&format!(" {install}")), "{file}: {install}");
            }
        }
    }

    #[test]
    fn options_name_places() {
        let options = Options::parse(&["--programs", "b", "--fast", "--out", "o"]).unwrap();
        assert_eq!(
            (options.out, options.programs, options.fast),
            ("o".into(), Some("b".into()), true)
        );
        let options = Options::parse(&[]).unwrap();
        assert!(options.out.ends_with("dist") && !options.fast);
        for wrong in [&["--out"][..], &["here"]] {
            assert_eq!(Options::parse(wrong).unwrap_err().code, 2, "{wrong:?}");
        }
    }
}
