//! Ties a child to the process that started it: when that one dies, however it dies, the child gets SIGTERM.
//!
//! The signal has to be asked for by the child itself, between its start and the start of its program. Doing that in a
//! `fork` needs unsafe code; instead this program is started, asks for it, and then becomes the other program. The
//! kernel keeps the request over `exec` (prctl(2), `PR_SET_PDEATHSIG`).

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::failure::{Explain as _, Failure, Outcome};

/// The hidden subcommand of this program that does it.
pub const SUBCOMMAND: &str = "tether";

/// How the names of environment variables with settings begin.
const SETTINGS: &[u8] = b"NETSOCKET_";

/// A command that runs `program` tied to this process.
#[must_use]
pub fn command(bench: &Path, program: &Path, arguments: &[OsString]) -> Command {
    let mut command = Command::new(bench);
    command
        .arg(SUBCOMMAND)
        .arg(std::process::id().to_string())
        .arg(program)
        .args(arguments);
    forget_settings(&mut command);
    command
}

/// Keeps settings of the person who starts the run from a measured program.
pub(crate) fn forget_settings(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.as_encoded_bytes().starts_with(SETTINGS)) {
        command.env_remove(name);
    }
}

/// Becomes `program`, tied to the process `parent`.
///
/// # Errors
/// Where the parent is gone already, or the program cannot be started. It returns for no other reason.
pub fn become_program(parent: u32, program: &Path, arguments: &[OsString]) -> Outcome {
    set_parent_process_death_signal(Some(Signal::TERM))
        .explain("the signal of the parent's end")?;
    // It may have died before the request was made.
    let now = getppid().map(|pid| pid.as_raw_nonzero().get());
    if now != i32::try_from(parent).ok() {
        return Err(Failure::new(format!("process {parent} is gone")));
    }
    let error = Command::new(program).args(arguments).exec();
    Err(Failure::new(format!("{}: {error}", program.display())))
}
