//! `!`: runs a command in the local shell, on the terminal of the prompt.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use netsocket_settings::reason;

use super::context::{Context, Done, Failure};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;

/// The shell if `$SHELL` is not set.
const SHELL: &str = "/bin/sh";

impl Context {
    /// Runs the command, or an interactive shell if it is empty. Ctrl-C reaches the command as well: it is in the same process group.
    pub(crate) async fn shell(
        &mut self,
        command: &[u8],
        shell: Option<OsString>,
        has_terminal: bool,
        end: impl Future<Output = ()>,
    ) -> Done {
        let mut process = Command::new(shell.unwrap_or_else(|| SHELL.into()));
        if !command.is_empty() {
            process.arg("-c").arg(OsStr::from_bytes(command));
        }
        if let Some(local) = &self.at.local {
            process.current_dir(local);
        }
        if !has_terminal {
            // It must not consume the rest of the batch.
            process.stdin(Stdio::null());
        }
        let waiting = tokio::task::spawn_blocking(move || process.status());
        let status = tokio::select! {
            status = waiting => status,
            () = end => return Err(Error::Interrupted.into()),
        };
        let status = status.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        match status {
            Ok(status) if status.success() => Ok(Exit::Done),
            Ok(status) => Err(ended(status)),
            Err(error) => {
                Err(Error::Shell(format!("cannot run the shell: {}", reason(&error))).into())
            }
        }
    }
}

fn ended(status: ExitStatus) -> Failure {
    let said = match (status.code(), status.signal()) {
        (Some(code), _) => format!("the command exited with {code}"),
        (None, Some(signal)) => format!("signal {signal} ended the command"),
        (None, None) => "the command failed".to_owned(),
    };
    Error::Shell(said).into()
}
