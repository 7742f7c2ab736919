//! The original commands: `dirlist`, `w24fn` and the archive commands.

use std::path::{Path, PathBuf};

use netsocket_protocol::message::{Compression, Request};

use super::context::{Context, Done, Failure};
use crate::command_line::archive_names::{self, Format};
use crate::outcome::answer::Answer;
use crate::outcome::error::Error;
use crate::output::console::Stdout;
use crate::text::shown;
use crate::transfer::destination::{Destination, OutputOptions};

impl Context {
    /// Runs an original command.
    pub(super) async fn ask(
        &mut self,
        word: &str,
        request: &Request,
        output: Option<PathBuf>,
    ) -> Done {
        let options = match request {
            Request::Archive { .. } => self.options(word, output)?,
            // Their answers are printed, not saved.
            _ => OutputOptions::to(Destination::Stdout),
        };
        let stdout = match request {
            Request::Archive { .. } => options.destination.stdout(),
            _ => Stdout::Free,
        };
        let performed = self
            .session
            .perform(request, &options, &mut self.console)
            .await;
        let lacking = std::mem::take(&mut self.session.lacking);
        let answered = performed.and_then(|answer| {
            match answer {
                Answer::Archive(None) => {
                    self.console.no_original_archive(word, &lacking, stdout)?
                }
                _ => {
                    self.console.answer(word, &answer, stdout)?;
                    // Scripts of before expect one line, also with --json.
                    self.console.warn_of_lacking(&lacking);
                }
            }
            Ok(answer.exit())
        });
        answered.map_err(|error| Failure { error, stdout })
    }

    /// Where an original command saves its archive.
    fn options(&mut self, word: &str, output: Option<PathBuf>) -> Result<OutputOptions, Error> {
        if let Some(output) = output.or_else(|| self.output.clone()) {
            check_name(word, &output)?;
            self.warn_of_no_archive(&output);
            return self.destination(&output).map(OutputOptions::to);
        }
        let path = self
            .directories
            .archive()
            .ok_or_else(|| Error::Usage("no home directory to save to: use -o FILE".to_owned()))?;
        Ok(OutputOptions {
            make_directory: true,
            ..OutputOptions::to(Destination::File(path))
        })
    }
}

/// Refuses a name that says another format than the one of the original commands.
fn check_name(word: &str, output: &Path) -> Result<(), Error> {
    let format = match Format::of_name(output) {
        Format::Ours(Compression::Gzip) | Format::Unknown => return Ok(()),
        Format::Ours(compression) => archive_names::name(compression),
        Format::Other(format) => format,
    };
    let (name, made) = (shown(output), archive_names::name(Compression::Gzip));
    Err(Error::Usage(format!(
        "{name} would be no {format}: {word} makes a .{made}"
    )))
}
