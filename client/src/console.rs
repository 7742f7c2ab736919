//! Where words go: results to standard output, everything else to standard error, in the form that was asked for.

use std::io::{self, IsTerminal as _, Write};

use crate::answer::Answer;
use crate::error::Error;
use crate::json;
use crate::progress::Progress;
use crate::session::Listener;
use crate::wording::{self, Names};

/// The form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    Text,
    /// A JSON object a line, see [`crate::json`].
    Json,
}

/// Who may use standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// Results.
    Free,
    /// The bytes of an archive and nothing else: results go to standard error.
    Archive,
}

/// Both outputs of the program.
pub struct Console {
    /// Standard output.
    pub out: Box<dyn Write>,
    /// Standard error.
    pub err: Box<dyn Write>,
    /// The form of results.
    pub form: Form,
    /// Only results, warnings about them and errors.
    pub quiet: bool,
    /// Whether standard output is a terminal: names are made harmless then.
    pub out_is_terminal: bool,
    /// Whether standard error is a terminal: progress is shown then.
    pub err_is_terminal: bool,
    /// What a line on standard error begins with, unless it says itself what it is.
    pub prefix: &'static str,
}

impl Console {
    /// The console of this process.
    #[must_use]
    pub fn of_process(form: Form, quiet: bool) -> Self {
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            form,
            quiet,
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            prefix: "netsocket: ",
        }
    }

    /// Prints the answer to the command `word`.
    ///
    /// # Errors
    /// [`Error::Output`] or [`Error::ReaderGone`] where standard output cannot be written.
    pub fn answer(&mut self, word: &str, answer: &Answer, stdout: Stdout) -> Result<(), Error> {
        let names = if self.out_is_terminal || stdout == Stdout::Archive {
            Names::Escaped
        } else {
            Names::Exact
        };
        let lines = match self.form {
            Form::Json => json::answer_line(word, answer),
            // Whoever wants quiet sees by the exit code that all is well.
            Form::Text if self.quiet && matches!(answer, Answer::Archive(Some(_)) | Answer::Saved(Some(_))) => Vec::new(),
            Form::Text => wording::answer_lines(answer, names),
        };
        match stdout {
            Stdout::Free => self
                .out
                .write_all(&lines)
                .and_then(|()| self.out.flush())
                .map_err(|error| Error::output(&error, false))?,
            Stdout::Archive => self.say(&lines),
        }
        if let (Form::Text, Answer::Archive(Some(saved)) | Answer::Saved(Some(saved))) =
            (self.form, answer)
        {
            for sentence in wording::warning_sentences(saved) {
                self.say(format!("{sentence}\n").as_bytes());
            }
        }
        Ok(())
    }

    /// Prints why a command has no result.
    pub fn error(&mut self, error: &Error, stdout: Stdout) {
        if matches!(error, Error::ReaderGone { .. }) {
            return;
        }
        match (self.form, stdout) {
            (Form::Json, Stdout::Archive) => self.say(&json::error_line(error)),
            (Form::Json, Stdout::Free) => {
                self.line(&error.to_string());
                // The error is on standard error already.
                let _ = self
                    .out
                    .write_all(&json::error_line(error))
                    .and_then(|()| self.out.flush());
            }
            (Form::Text, _) => self.line(&error.to_string()),
        }
    }

    fn line(&mut self, text: &str) {
        let line = format!("{}{text}\n", self.prefix);
        self.say(line.as_bytes());
    }

    /// Standard error is the last resort: there is nowhere to say that it fails.
    fn say(&mut self, bytes: &[u8]) {
        let _ = self.err.write_all(bytes).and_then(|()| self.err.flush());
    }
}

impl Listener for Console {
    fn transfer(&mut self) -> Progress {
        if self.err_is_terminal && !self.quiet {
            Progress::on_terminal()
        } else {
            Progress::hidden()
        }
    }

    fn notice(&mut self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }
}
