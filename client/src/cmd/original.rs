//! The original commands: `dirlist`, `w24fn` and the archive commands.

use std::path::PathBuf;

use netsocket_protocol::message::Request;

use super::context::{Context, Done, Failure};
use crate::outcome::answer::Answer;
use crate::outcome::error::Error;
use crate::output::console::Stdout;
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
            Request::Archive { .. } => self.options(output)?,
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
                Answer::Archive(None) => self.console.nothing_archived(word, &lacking, stdout)?,
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
    fn options(&self, output: Option<PathBuf>) -> Result<OutputOptions, Error> {
        if let Some(output) = output.or_else(|| self.output.clone()) {
            return self.destination(&output).map(OutputOptions::to);
        }
        let path = self
            .directories
            .archive()
            .ok_or_else(|| Error::Usage("No home directory to save to: use -o FILE".to_owned()))?;
        Ok(OutputOptions {
            make_directory: true,
            ..OutputOptions::to(Destination::File(path))
        })
    }
}
