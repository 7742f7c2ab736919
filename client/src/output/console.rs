//! Standard output and standard error: results go to the former, everything else to the latter, as text or JSON.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;

use netsocket_protocol::message::{Lacking, Warning};
use netsocket_protocol::name::Name;
use rustix::termios::tcgetwinsize;

use crate::command_line::command::ListFormat;
use crate::outcome::answer::{Answer, Saved};
use crate::outcome::error::Error;
use crate::output::colours::Colours;
use crate::output::entries::{Entry, Layout, ListStyle, with_newlines};
use crate::output::json;
use crate::output::listener::Listener;
use crate::output::messages::{self, Names};
use crate::output::pager;
use crate::output::progress::{Progress, ProgressDisplay};
use crate::output::tree::{Drawn, NameStyle, Tree};

/// Assumed width of a terminal that does not report one.
const COLUMNS: usize = 80;

/// The form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text for users.
    Text,
    /// One JSON object per line, see `json`.
    Json,
}

/// What standard output is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// Results.
    Free,
    /// The downloaded data and nothing else: results go to standard error.
    Data,
}

/// Both outputs of the program.
///
/// # Examples
///
/// ```
/// use netsocket_client::output::console::{Console, Form};
///
/// let file = tempfile::NamedTempFile::new()?;
/// let mut console = Console {
///     out: Box::new(file.reopen()?),
///     ..Console::of_process(Form::Text, true)
/// };
/// console.print(b"music\n")?;
/// assert_eq!(std::fs::read(file.path())?, b"music\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Console {
    /// Standard output.
    pub out: Box<dyn Write>,
    /// Standard error.
    pub err: Box<dyn Write>,
    /// The form of results.
    pub form: Form,
    /// The command that runs, for its errors as JSON.
    pub command: Option<String>,
    /// Print only results, warnings and errors.
    pub quiet: bool,
    /// Whether standard output is a terminal: names are escaped then.
    pub out_is_terminal: bool,
    /// Whether a person can be asked something: standard input and standard error are terminals.
    pub can_ask: bool,
    /// Where progress is shown.
    pub progress_display: ProgressDisplay,
    /// The prefix of lines on standard error.
    pub prefix: &'static str,
    /// The colours of names on a terminal; `None` for none.
    pub colours: Option<Colours>,
    /// The command that shows text page by page; `None` where standard output is no terminal, or there is none.
    pub pager: Option<OsString>,
}

/// A result in both forms.
#[derive(Debug)]
pub struct Message {
    /// The text for users.
    pub text: Vec<u8>,
    /// The JSON line for programs.
    pub json: Vec<u8>,
}

impl Console {
    /// The console of this process.
    #[must_use]
    pub fn of_process(form: Form, quiet: bool) -> Self {
        let progress_display = match (quiet, io::stderr().is_terminal()) {
            (true, _) => ProgressDisplay::Hidden,
            (false, true) => ProgressDisplay::on_terminal(),
            (false, false) => ProgressDisplay::Lines(Arc::new(|line: &str| {
                // There is nowhere to report a failure.
                let _ = writeln!(io::stderr(), "netsocket: {line}");
            })),
        };
        Self {
            progress_display,
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            form,
            command: None,
            quiet,
            out_is_terminal: io::stdout().is_terminal(),
            can_ask: !quiet && io::stdin().is_terminal() && io::stderr().is_terminal(),
            prefix: "netsocket: ",
            colours: Colours::new(|name| std::env::var(name).ok()),
            pager: pager::chosen(std::env::var_os("PAGER"), std::env::var_os("PATH"))
                .filter(|_| io::stdout().is_terminal()),
        }
    }

    /// How names are printed to standard output.
    #[must_use]
    pub fn names(&self) -> Names {
        if self.out_is_terminal {
            Names::Escaped
        } else {
            Names::Exact
        }
    }

    /// Prints a result.
    ///
    /// # Errors
    /// [`Error::Output`] or [`Error::ReaderGone`] if standard output cannot be written.
    pub fn print_message(&mut self, told: &Message) -> Result<(), Error> {
        match self.form {
            Form::Text => self.print(&told.text),
            Form::Json => self.print(&told.json),
        }
    }

    /// Prints bytes to standard output.
    ///
    /// # Errors
    /// As [`Self::print_message`].
    pub fn print(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out
            .write_all(bytes)
            .and_then(|()| self.out.flush())
            .map_err(|error| Error::output(&error))
    }

    /// Prints entries as the answer to the command `word`, in columns if `in_columns` is set and standard output is a
    /// terminal. Returns the number of names with a newline: in a pipe these look like two names.
    ///
    /// # Errors
    /// As [`Self::print_message`].
    pub fn entries(
        &mut self,
        word: &str,
        entries: &[Entry],
        format: ListFormat,
        in_columns: bool,
    ) -> Result<usize, Error> {
        if self.form == Form::Json {
            let lines = entries.iter().map(|entry| json::entry_line(word, entry));
            let lines = lines.collect::<Vec<_>>().concat();
            return self.print(&lines).map(|()| 0);
        }
        let layout = match (
            format.long,
            in_columns && self.out_is_terminal && !format.one,
        ) {
            (true, _) => Layout::Long,
            (false, true) => Layout::Columns(columns()),
            (false, false) => Layout::Lines,
        };
        let style = ListStyle {
            layout,
            null: format.null,
            names: self.names(),
            colours: self.colours.as_ref().filter(|_| self.out_is_terminal),
        };
        let lines = style.print(entries);
        let is_exact = style.names == Names::Exact && !format.null;
        self.print(&lines)?;
        Ok(if is_exact { with_newlines(entries) } else { 0 })
    }

    /// Prints a tree below its name. Returns the number of names with a newline, as [`Self::entries`] does.
    ///
    /// # Errors
    /// As [`Self::print_message`].
    pub(crate) fn tree(&mut self, top: &Name, tree: &Tree) -> Result<usize, Error> {
        let style = NameStyle {
            names: self.names(),
            colours: self.colours.as_ref().filter(|_| self.out_is_terminal),
        };
        let Drawn { text, broken } = tree.lines(top, style);
        let is_exact = style.names == Names::Exact;
        self.print(&text)?;
        Ok(if is_exact { broken } else { 0 })
    }

    /// Prints the answer to the command `word`.
    ///
    /// # Errors
    /// [`Error::Output`] or [`Error::ReaderGone`] if standard output cannot be written.
    pub fn answer(&mut self, word: &str, answer: &Answer, stdout: Stdout) -> Result<(), Error> {
        let names = if self.out_is_terminal || stdout == Stdout::Data {
            Names::Escaped
        } else {
            Names::Exact
        };
        let lines = match self.form {
            Form::Json => json::answer_line(word, answer),
            // With --quiet the exit code reports success.
            Form::Text
                if self.quiet
                    && matches!(answer, Answer::Archive(Some(_)) | Answer::Saved(Some(_))) =>
            {
                Vec::new()
            }
            Form::Text => messages::answer_lines(answer, names),
        };
        match stdout {
            Stdout::Free => self.print(&lines)?,
            Stdout::Data => self.say(&lines),
        }
        match answer {
            Answer::Archive(Some(saved)) => self.warnings(saved, messages::archive_warning),
            Answer::Saved(Some(saved)) => self.warnings(saved, messages::file_warning),
            Answer::Names(names) => {
                let broken = names.iter().filter(|name| self.splits(name)).count();
                self.warn_of_newlines(broken, "--json");
            }
            _ => {}
        }
        Ok(())
    }

    /// Prints that an archive was unpacked, that of the directory `path` of the server if it is one's.
    ///
    /// # Errors
    /// As [`Self::print_message`].
    pub fn unpacked(
        &mut self,
        word: &str,
        path: Option<&Name>,
        saved: &Saved,
    ) -> Result<(), Error> {
        let text = if self.quiet {
            Vec::new()
        } else {
            format!("{}\n", messages::unpacked_sentence(saved)).into_bytes()
        };
        let json = json::saved_line(word, path, Some(saved));
        let told = self.print_message(&Message { text, json });
        // The warnings matter even if the result cannot be printed.
        self.warnings(saved, messages::archive_warning);
        told
    }

    /// Prints that the file at `path` of the server was saved.
    ///
    /// # Errors
    /// As [`Self::print_message`].
    pub fn saved(
        &mut self,
        word: &str,
        path: &Name,
        saved: &Saved,
        stdout: Stdout,
    ) -> Result<(), Error> {
        match (self.form, stdout) {
            (Form::Text, _) => {
                return self.answer(word, &Answer::Saved(Some(saved.clone())), stdout);
            }
            (Form::Json, Stdout::Free) => {
                self.print(&json::saved_line(word, Some(path), Some(saved)))?;
            }
            (Form::Json, Stdout::Data) => {
                self.say(&json::saved_line(word, Some(path), Some(saved)));
            }
        }
        Ok(())
    }

    /// Prints why one of several downloads failed.
    ///
    /// # Errors
    /// As [`Self::print_message`].
    pub fn unfetched(&mut self, word: &str, path: &Name, error: &Error) -> Result<(), Error> {
        match error.names_its_file() {
            true => self.line(&error.to_string()),
            false => self.line(&format!("{path}: {error}")),
        }
        match self.form {
            Form::Text => Ok(()),
            Form::Json => self.print(&json::error_line(Some(word), Some(path), error)),
        }
    }

    /// Prints the warnings about a saved file as text; the JSON line contains them already.
    fn warnings(&mut self, saved: &Saved, sentence: fn(&Warning) -> String) {
        if self.form == Form::Text {
            self.warning_lines(&saved.warnings, saved.unlisted, sentence);
        }
    }

    fn warning_lines(
        &mut self,
        warnings: &[Warning],
        unlisted: u64,
        sentence: fn(&Warning) -> String,
    ) {
        for sentence in messages::warning_sentences(warnings, unlisted, sentence) {
            self.line(&sentence);
        }
    }

    /// Warns of what the answer to the command `word` lacks.
    ///
    /// # Errors
    /// As [`Self::print_message`].
    pub fn lacking(&mut self, word: &str, lacking: &Lacking) -> Result<(), Error> {
        if lacking.is_empty() {
            return Ok(());
        }
        match self.form {
            Form::Json => self.print(&json::lacking_line(word, lacking)),
            Form::Text => {
                self.warn_of_lacking(lacking);
                Ok(())
            }
        }
    }

    /// Warns of what a list lacks, on standard error.
    pub fn warn_of_lacking(&mut self, lacking: &Lacking) {
        let Lacking { warnings, unlisted } = lacking;
        self.warning_lines(warnings, *unlisted, messages::list_warning);
    }

    /// Prints that there is nothing to archive, in the words of `said`, and what is there perhaps.
    ///
    /// # Errors
    /// As [`Self::print_message`].
    pub fn nothing_archived(
        &mut self,
        word: &str,
        said: &str,
        lacking: &Lacking,
        stdout: Stdout,
    ) -> Result<(), Error> {
        let Lacking { warnings, unlisted } = lacking;
        if self.form == Form::Text {
            self.notice_line(said);
            self.warning_lines(warnings, *unlisted, messages::archive_warning);
            return Ok(());
        }
        let line = json::nothing_line(word, lacking);
        match stdout {
            Stdout::Free => self.print(&line),
            Stdout::Data => {
                self.say(&line);
                Ok(())
            }
        }
    }

    /// Prints that an original command has nothing to archive: its answer, as it always was.
    ///
    /// # Errors
    /// As [`Self::print_message`].
    pub fn no_original_archive(
        &mut self,
        word: &str,
        lacking: &Lacking,
        stdout: Stdout,
    ) -> Result<(), Error> {
        if self.form == Form::Text {
            self.answer(word, &Answer::Archive(None), stdout)?;
            let Lacking { warnings, unlisted } = lacking;
            self.warning_lines(warnings, *unlisted, messages::archive_warning);
            return Ok(());
        }
        self.nothing_archived(word, "", lacking, stdout)
    }

    /// Prints a notice that there is no result; programs use the exit code.
    pub fn notice_line(&mut self, text: &str) {
        if !self.quiet && self.form == Form::Text {
            self.line(text);
        }
    }

    /// Prints a warning, also with `--quiet`.
    pub(crate) fn warning_line(&mut self, text: &str) {
        self.line(&format!("warning: {text}"));
    }

    /// Prints where in a batch an error is.
    pub(crate) fn place_of_error(&mut self, text: &str) {
        self.line(text);
    }

    /// Prints a question, after which an answer is typed.
    pub(crate) fn ask(&mut self, question: &str) {
        // Nobody answers what nobody can read.
        let _ = write!(self.err, "{question}");
        let _ = self.err.flush();
    }

    /// Whether a name is printed as more than one line.
    #[must_use]
    pub(crate) fn splits(&self, name: &Name) -> bool {
        self.form == Form::Text && self.names() == Names::Exact && name.as_bytes().contains(&b'\n')
    }

    /// Warns about names with newlines; the command has the options `instead`.
    pub fn warn_of_newlines(&mut self, names: usize, instead: &str) {
        let said = match names {
            0 => return,
            1 => "1 name contains a newline".to_owned(),
            names => format!("{names} names contain a newline"),
        };
        self.warning_line(&format!("{said}: use {instead} to tell names apart"));
    }

    /// Prints an error.
    pub fn error(&mut self, error: &Error, stdout: Stdout) {
        self.error_of(None, error, stdout);
    }

    /// Prints the error of one of several operands, that at `path`.
    pub(crate) fn error_of(&mut self, path: Option<&Name>, error: &Error, stdout: Stdout) {
        if matches!(error, Error::ReaderGone { .. }) {
            return;
        }
        let object = json::error_line(self.command.as_deref(), path, error);
        match (self.form, stdout) {
            (Form::Json, Stdout::Data) => self.say(&object),
            (Form::Json, Stdout::Free) => {
                self.line(&error.to_string());
                // The error is on standard error already.
                let _ = self.out.write_all(&object).and_then(|()| self.out.flush());
            }
            (Form::Text, _) => self.line(&error.to_string()),
        }
    }

    fn line(&mut self, text: &str) {
        let line = format!("{}{text}\n", self.prefix);
        self.say(line.as_bytes());
    }

    /// Writes to standard error. There is nowhere to report a failure.
    fn say(&mut self, bytes: &[u8]) {
        let err = &mut self.err;
        let write = || err.write_all(bytes).and_then(|()| err.flush());
        let _ = self.progress_display.suspend(write);
    }
}

/// The current width of the terminal on standard output.
fn columns() -> usize {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => COLUMNS,
    }
}

impl Listener for Console {
    fn transfer(&mut self, name: &str) -> Progress {
        // `quiet` may be set for a single command.
        if self.quiet {
            return Progress::hidden();
        }
        self.progress_display.transfer(name)
    }

    fn notice(&mut self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }
}
