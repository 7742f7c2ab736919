//! `!`: a command of this machine's shell, on the terminal of the prompt.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use netsocket_settings::reason;

use super::context::{Context, Done, Failure};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;

/// The shell of those who have none.
const SHELL: &str = "/bin/sh";

impl Context {
    /// Runs the command, or a shell where it is empty, to its end. Ctrl-C is the command's: the terminal gives it to both.
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
            // The rest of the batch is not for it.
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
            Err(error) => Err(Error::Shell(format!("cannot run it: {}", reason(&error))).into()),
        }
    }
}

fn ended(status: ExitStatus) -> Failure {
    let said = match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with {code}"),
        (None, Some(signal)) => format!("signal {signal} ended it"),
        (None, None) => "it did not end well".to_owned(),
    };
    Error::Shell(said).into()
}
