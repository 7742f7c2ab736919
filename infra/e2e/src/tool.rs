//! The tools of the system, run with the eyes of a file server.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The user without rights that file servers run as where the tests run as root: root can read every file, so nothing
/// would be unreadable. 65534 is `nobody` (and `nogroup`) on every Linux.
pub const NOBODY: u32 = 65_534;

/// Whether this run is root's.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes a command run as the file servers do.
pub fn as_server_user(command: &mut Command) -> &mut Command {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// A system tool in the plain locale and in UTC, run from `/` so that its own working directory is readable.
#[must_use]
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command
        .current_dir("/")
        .env("LC_ALL", "C")
        .env("TZ", "UTC0")
        .stdin(Stdio::null());
    command
}

/// Whether `name` can be started at all.
#[must_use]
pub fn is_present(name: &str) -> bool {
    tool(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// What a tool writes to standard output.
///
/// # Panics
/// Where it cannot be started or fails.
pub fn output(command: &mut Command) -> Vec<u8> {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The user's cache directory, where what was fetched or built once is kept.
///
/// # Errors
/// Why there is none, in one line.
pub fn cache() -> Result<PathBuf, String> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = cache.or_else(home);
    cache.ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".to_owned())
}

/// The file that a name means in `PATH`.
#[must_use]
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
