//! Whether an existing local file may be replaced: only with `--force`, or if the person at the terminal agrees.

use std::io::{self, BufRead as _};
use std::path::Path;

use super::context::Context;
use crate::outcome::error::Error;
use crate::text::shown;

impl Context {
    /// Asks at a terminal.
    ///
    /// # Errors
    /// [`Error::Target`] if there is a file, and it is to be kept.
    pub(super) async fn may_replace(&mut self, path: &Path, force: bool) -> Result<(), Error> {
        // What is no regular file, such as a FIFO, is written and not replaced.
        if force || !std::fs::metadata(path).is_ok_and(|there| there.is_file()) {
            return Ok(());
        }
        let kept = |reason: &str| Error::Target {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        if !self.console.can_ask {
            return Err(kept("it is there already: --force overwrites it"));
        }
        self.console
            .ask(&format!("overwrite {}? [y/N] ", shown(path)));
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map(|_| line)
        });
        let answer = answer
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        let answer = answer.unwrap_or_default();
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(kept("not overwritten")),
        }
    }
}
