//! `lls` and `lmkdir`: the local directory, without leaving the prompt.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use netsocket_settings::reason;

use super::context::{Context, Done};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;

impl Context {
    /// Runs `ls` in the local directory with these arguments.
    pub(crate) async fn list_local(&mut self, arguments: &[OsString]) -> Done {
        let mut ls = Command::new("ls");
        ls.args(arguments);
        if let Some(local) = &self.at.local {
            ls.current_dir(local);
        }
        let output = tokio::task::spawn_blocking(move || ls.output());
        let output = output
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let output =
            output.map_err(|error| Error::Shell(format!("cannot run ls: {}", reason(&error))))?;
        self.console.print(&output.stdout)?;
        if output.status.success() {
            return Ok(Exit::Done);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim_end().trim_start_matches("ls: ");
        Err(Error::Shell(said.to_owned()).into())
    }

    pub(crate) fn make_local_directory(&mut self, typed: &Path) -> Done {
        let path = self.local_path(typed);
        std::fs::create_dir(&path).map_err(|error| Error::target(&path, &error))?;
        Ok(Exit::Done)
    }
}
