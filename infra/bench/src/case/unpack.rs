//! A tree of source code copied into a directory in memory: by a client that unpacks an archive while it arrives, and by the
//! tools that people use for that.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::time::Instant;

use crate::cpu;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::file_server::{Lap, Server, blocking};
use crate::host::Host;
use crate::tool::need;

/// The client, beside this program.
const CLIENT: &str = "netsocket";

/// Files in the tree.
const FILES: usize = 10_000;

/// A file system in memory that every Linux has.
const MEMORY: &str = "/dev/shm";

/// Who copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copier {
    /// The client, with the options given.
    Client(&'static [&'static str]),
    /// `rsync -a` from its daemon.
    Rsync,
    /// `cp -a`, without any network.
    Cp,
}

/// Everyone, by name.
pub const COPIERS: [(&str, Copier); 4] = [
    ("netsocket", Copier::Client(&[])),
    ("netsocket tar", Copier::Client(&["--format", "tar"])),
    ("rsync -a", Copier::Rsync),
    ("cp -a", Copier::Cp),
];

/// Has one of them copy the first 10,000 files of `code`, both trees in memory.
///
/// # Errors
/// Where it fails, or not all of them arrive.
pub async fn run(host: &Host, code: &Path, copier: Copier) -> Outcome<Lap> {
    let place = tempfile::tempdir_in(MEMORY).explain(MEMORY)?;
    let (source, target) = (place.path().join("source"), place.path().join("target"));
    let (from, to) = (code.to_owned(), source.clone());
    blocking(move || copy_some(&from, &to)).await?;
    let (_server, program, mut arguments) = prepare(host, place.path(), &source, copier).await?;
    arguments.push(target.clone().into_os_string());
    blocking(move || {
        // The first copy finds caches cold that a later one finds warm.
        time(&program, &arguments, &target)?;
        fs::remove_dir_all(&target).explain("the copy")?;
        time(&program, &arguments, &target)
    })
    .await
}

/// The server that it needs, its program, and all arguments but the target.
async fn prepare(
    host: &Host,
    place: &Path,
    source: &Path,
    copier: Copier,
) -> Outcome<(Option<Server>, PathBuf, Vec<OsString>)> {
    let words = |words: &[&OsStr]| words.iter().map(OsString::from).collect();
    match copier {
        Copier::Client(options) => {
            let server = Server::start(host, source).await?;
            let address = server.address.to_string();
            let mut all = vec!["--server".as_ref(), address.as_ref(), "archive".as_ref()];
            all.extend(options.iter().map(OsStr::new));
            all.push("--extract".as_ref());
            let program = host.launcher.bench().with_file_name(CLIENT);
            let all = words(&all);
            Ok((Some(server), program, all))
        }
        Copier::Rsync => {
            let program = need(host.tools.rsync.as_ref(), "rsync")?.to_owned();
            let listen = host.ports.free()?;
            let user = rustix::process::geteuid().as_raw();
            let config = format!(
                "port = {}\naddress = {}\nuse chroot = no\nuid = {user}\n[tree]\npath = {}\n",
                listen.port(),
                listen.ip(),
                source.display()
            );
            let file = place.join("rsyncd.conf");
            fs::write(&file, config).explain("rsyncd.conf")?;
            let mut option = OsString::from("--config=");
            option.push(&file);
            let daemon = ["--daemon".into(), "--no-detach".into(), option];
            let process = host.launcher.start("rsyncd", &program, daemon)?;
            let server = Server::listening(process, listen).await?;
            let url = format!("rsync://{listen}/tree/");
            Ok((Some(server), program, words(&["-a".as_ref(), url.as_ref()])))
        }
        Copier::Cp => Ok((
            None,
            "cp".into(),
            words(&["-a".as_ref(), source.as_os_str()]),
        )),
    }
}

/// Runs a program that makes `target`, and looks at what came. Blocks the thread.
fn time(program: &Path, arguments: &[OsString], target: &Path) -> Outcome<Lap> {
    let name = program.display().to_string();
    let own = std::process::id();
    let (before, began) = (cpu::of_tree(own)?, Instant::now());
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .explain(&name)?;
    let seconds = began.elapsed().as_secs_f64();
    // Nothing else ran here: all of it is that of the program and of the server that it asked.
    let cpu = cpu::of_tree(own)? - before;
    let (files, bytes) = count(target)?;
    if !output.status.success() || files != FILES {
        let errors = String::from_utf8_lossy(&output.stderr);
        let failure = format!("{name}: {files} files, {}: {errors}", output.status);
        return Err(Failure::new(failure));
    }
    Ok(Lap {
        seconds,
        cpu,
        bytes,
        first_byte: None,
        memory: None,
    })
}

/// Copies the first files of a tree in the order of their paths.
fn copy_some(from: &Path, to: &Path) -> Outcome {
    let mut left = FILES;
    let mut work = vec![(from.to_owned(), to.to_owned())];
    while left > 0 {
        let next = work.pop();
        let (from, to) = next.ok_or_else(|| Failure::new(format!("{left} files too few")))?;
        if from.is_dir() {
            fs::create_dir_all(&to).explain("a directory")?;
            let mut names = Vec::new();
            for entry in fs::read_dir(&from).explain("a directory")? {
                names.push(entry.explain("a directory")?.file_name());
            }
            names.sort_unstable_by(|a, b| b.cmp(a));
            work.extend(names.iter().map(|name| (from.join(name), to.join(name))));
        } else {
            fs::copy(&from, &to).explain("a file")?;
            left -= 1;
        }
    }
    Ok(())
}

/// Files below a directory, and their bytes.
fn count(root: &Path) -> Outcome<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    let mut work = vec![root.to_owned()];
    while let Some(directory) = work.pop() {
        for entry in fs::read_dir(&directory).explain("the copy")? {
            let entry = entry.explain("the copy")?;
            let metadata = entry.metadata().explain("the copy")?;
            if metadata.is_dir() {
                work.push(entry.path());
            } else {
                files += 1;
                bytes += metadata.len();
            }
        }
    }
    Ok((files, bytes))
}
