//! The original commands: `dirlist`, `w24fn` and the archive commands.

use std::path::PathBuf;

use netsocket_protocol::message::Request;

use super::context::{Context, Done, Failure};
use crate::outcome::answer::Answer;
use crate::outcome::error::Error;
use crate::output::console::Stdout;
use crate::transfer::destination::{Delivery, Destination};

impl Context {
    /// One of the original commands.
    pub(super) async fn ask(
        &mut self,
        word: &str,
        request: &Request,
        output: Option<PathBuf>,
    ) -> Done {
        let delivery = match request {
            Request::Archive { .. } => self.delivery(output)?,
            // These write nothing but their answer.
            _ => Delivery::to(Destination::Stdout),
        };
        let stdout = match (request, &delivery.destination) {
            (Request::Archive { .. }, Destination::Stdout) => Stdout::Archive,
            _ => Stdout::Free,
        };
        let performed = self
            .session
            .perform(request, &delivery, &mut self.console)
            .await;
        let answered = performed.and_then(|answer| {
            self.console.answer(word, &answer, stdout)?;
            Ok(Answer::exit(&answer))
        });
        answered.map_err(|error| Failure { error, stdout })
    }

    /// Where the archive of an original command goes.
    fn delivery(&self, output: Option<PathBuf>) -> Result<Delivery, Error> {
        if let Some(output) = output.or_else(|| self.output.clone()) {
            return self.destination(&output).map(Delivery::to);
        }
        let path = self.places.archive().ok_or_else(|| {
            Error::Usage("There is no home directory to save to: give -o FILE".to_owned())
        })?;
        Ok(Delivery {
            make_directory: true,
            ..Delivery::to(Destination::File(path))
        })
    }
}
