//! The line editor: persistent history, completion, hints.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::{Completer, Pair};
use rustyline::config::{Builder, CompletionType};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, Context, Editor, Helper};

use crate::command_line::shell_words;
use crate::prompt::completion;
use crate::prompt::local_completion;
use crate::prompt::remote_completion::RemoteCompleter;
use crate::session::working_directories::WorkingDirectories;
use crate::text::shown;

/// The name in the prompt.
const NAME: &str = "netsocket";

/// Maximum number of lines in the history.
const HISTORY_LINES: usize = 1000;

/// Hints are faint, to distinguish them from typed text.
const FAINT: &str = "2";

/// The result of reading a line.
#[derive(Debug)]
pub(crate) enum Input {
    /// A line, or several pasted ones.
    Line(String),
    /// Ctrl-C: the line was discarded.
    Cleared,
    /// Ctrl-D on an empty line.
    End,
    /// The terminal cannot be read.
    Failed(String),
}

/// A prompt on the terminal of this process.
pub(crate) struct Prompt {
    // `None` while a blocking thread reads a line.
    editor: Option<LineEditor>,
    settings: Option<Termios>,
}

impl Prompt {
    /// Opens a prompt with the history in that file. Works without a history if the file cannot be read or written. `home`
    /// is what `~` means.
    /// Hints are shown only if `colours` is set, as they look like typed text otherwise.
    ///
    /// # Errors
    /// The system's error if the terminal cannot be used.
    pub(crate) fn open(
        history: Option<PathBuf>,
        home: Option<PathBuf>,
        names: RemoteCompleter,
        colours: bool,
    ) -> Result<Self, ReadlineError> {
        Ok(Self {
            settings: tcgetattr(io::stdin()).ok(),
            editor: Some(LineEditor::open(history, home, names, colours)?),
        })
    }

    /// Waits for a line.
    pub(crate) async fn read(&mut self, at: WorkingDirectories) -> Input {
        let Some(editor) = self.editor.take() else {
            return Input::Failed("the line editor is gone".to_owned());
        };
        match tokio::task::spawn_blocking(move || editor.read(at)).await {
            Ok((editor, typed)) => {
                self.editor = Some(editor);
                typed
            }
            Err(error) => Input::Failed(error.to_string()),
        }
    }

    /// Restores the terminal settings if the program ends while a line is being edited.
    pub(crate) fn restore_terminal(&self) {
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, settings);
        }
    }
}

/// Reads lines from the terminal and keeps a history.
struct LineEditor {
    editor: Editor<PromptHelper, FileHistory>,
    history: Option<PathBuf>,
}

impl LineEditor {
    fn open(
        history: Option<PathBuf>,
        home: Option<PathBuf>,
        names: RemoteCompleter,
        colours: bool,
    ) -> Result<Self, ReadlineError> {
        let config = Builder::new()
            .max_history_size(HISTORY_LINES)?
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .color_mode(if colours {
                ColorMode::Enabled
            } else {
                ColorMode::Disabled
            })
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(PromptHelper {
            names,
            home,
            at: WorkingDirectories::default(),
            history: colours.then(HistoryHinter::new),
        }));
        if let Some(file) = &history {
            if let Some(directory) = file.parent() {
                let _ = fs::create_dir_all(directory);
            }
            let _ = editor.load_history(file);
        }
        Ok(Self { editor, history })
    }

    /// Waits for a line; blocks the thread. Returns the editor with it.
    fn read(mut self, at: WorkingDirectories) -> (Self, Input) {
        let prompt = prompt(&at.remote);
        if let Some(help) = self.editor.helper_mut() {
            help.at = at;
        }
        let typed = match self.editor.readline(&prompt) {
            Ok(line) => {
                self.remember(&line);
                Input::Line(line)
            }
            Err(ReadlineError::Interrupted) => Input::Cleared,
            Err(ReadlineError::Eof) => Input::End,
            Err(error) => Input::Failed(error.to_string()),
        };
        (self, typed)
    }

    /// Written immediately, so that neither a signal nor another prompt loses a line.
    fn remember(&mut self, line: &str) {
        // A quoted newline is part of an entry; the history file escapes it.
        for line in shell_words::lines(line.as_bytes()) {
            let Ok(line) = std::str::from_utf8(line) else {
                continue;
            };
            if let (Ok(true), Some(file)) = (self.editor.add_history_entry(line), &self.history) {
                let _ = self.editor.append_history(file);
            }
        }
    }
}

/// The prompt in that directory on the server.
fn prompt(remote: &[u8]) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    match remote {
        b"" => format!("{NAME}> "),
        remote => {
            let path = Path::new(std::ffi::OsStr::from_bytes(remote));
            format!("{NAME}:{}> ", shown(path))
        }
    }
}

/// Completion and hints for the line editor.
struct PromptHelper {
    names: RemoteCompleter,
    home: Option<PathBuf>,
    at: WorkingDirectories,
    history: Option<HistoryHinter>,
}

impl completion::NameSource for PromptHelper {
    fn remote(&self, directory: &[u8], prefix: &str) -> Vec<String> {
        self.names.names(directory, prefix)
    }

    fn local(&self, directory: &Path, prefix: &str) -> Vec<String> {
        // As when the line is run.
        let directory = match (directory.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => match &self.at.local {
                Some(local) => local.join(directory),
                None => Path::new(".").join(directory),
            },
        };
        local_completion::in_directory(&directory, prefix)
    }

    fn at(&self) -> &[u8] {
        &self.at.remote
    }
}

impl Completer for PromptHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..position).unwrap_or(line);
        let (start, candidates) = completion::complete(typed, self);
        let pairs = candidates.into_iter().map(|candidate| Pair {
            display: candidate.shown,
            replacement: candidate.written,
        });
        Ok((start, pairs.collect()))
    }
}

/// A faint hint after the cursor.
struct FaintHint {
    text: String,
    /// Whether the right arrow key accepts it.
    can_be_taken: bool,
}

impl Hint for FaintHint {
    fn display(&self) -> &str {
        &self.text
    }

    fn completion(&self) -> Option<&str> {
        self.can_be_taken.then_some(&self.text)
    }
}

impl Hinter for PromptHelper {
    type Hint = FaintHint;

    fn hint(&self, line: &str, position: usize, context: &Context<'_>) -> Option<FaintHint> {
        let history = self.history.as_ref()?;
        if position < line.len() {
            return None;
        }
        if let Some(text) = history
            .hint(line, position, context)
            .filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
        {
            return Some(FaintHint {
                text,
                can_be_taken: true,
            });
        }
        completion::arguments(line).map(|arguments| FaintHint {
            text: arguments.to_owned(),
            can_be_taken: false,
        })
    }
}

impl Highlighter for PromptHelper {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(crate::output::colours::painted(hint, Some(FAINT)))
    }
}

impl Validator for PromptHelper {}
impl Helper for PromptHelper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_tells_the_directory_and_drives_no_terminal() {
        assert_eq!(prompt(b""), "netsocket> ");
        assert_eq!(prompt(b"music/a\x1b"), "netsocket:music/a\\u{1b}> ");
    }
}
