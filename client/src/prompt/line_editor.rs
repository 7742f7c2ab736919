//! The line editor of the prompt: history that outlives it, completion, hints.

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

use crate::prompt::completion;
use crate::prompt::local_completion;
use crate::prompt::remote_completion::RemoteCompleter;
use crate::session::working_directories::WorkingDirectories;
use crate::text::shown;

/// What stands before each line.
const NAME: &str = "netsocket";

/// Lines kept in the history.
const HISTORY_LINES: usize = 1000;

/// Hints are faint, so that nobody takes them for typed.
const FAINT: &str = "2";

/// What a person has typed.
#[derive(Debug)]
pub(crate) enum Input {
    /// A line, or several where they were pasted.
    Line(String),
    /// Ctrl-C: the line is given up.
    Cleared,
    /// Ctrl-D on an empty line.
    End,
    /// The terminal cannot be read.
    Failed(String),
}

/// A prompt on the terminal of this process.
pub(crate) struct Prompt {
    // Away while it waits for a line on a thread of its own.
    editor: Option<LineEditor>,
    settings: Option<Termios>,
}

impl Prompt {
    /// A prompt that begins with the history in that file. A history that cannot be read or kept is done without.
    /// `colours` says whether hints can be told from what is typed; without that there are none.
    ///
    /// # Errors
    /// What the system says where the terminal cannot be used.
    pub(crate) fn open(
        history: Option<PathBuf>,
        names: RemoteCompleter,
        colours: bool,
    ) -> Result<Self, ReadlineError> {
        Ok(Self {
            settings: tcgetattr(io::stdin()).ok(),
            editor: Some(LineEditor::open(history, names, colours)?),
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

    /// Gives the terminal back as it was, where the program ends in the middle of a line.
    pub(crate) fn restore_terminal(&self) {
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, settings);
        }
    }
}

/// Reads lines from the terminal and remembers them.
struct LineEditor {
    editor: Editor<PromptHelper, FileHistory>,
    history: Option<PathBuf>,
}

impl LineEditor {
    fn open(
        history: Option<PathBuf>,
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

    /// Waits for a line; blocks the thread. The editor comes back with it.
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

    /// Kept at once, so that neither a signal nor another prompt loses a line.
    fn remember(&mut self, line: &str) {
        for line in line.lines() {
            if let (Ok(true), Some(file)) = (self.editor.add_history_entry(line), &self.history) {
                let _ = self.editor.append_history(file);
            }
        }
    }
}

/// What stands before a line typed in that directory of the server.
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

/// What the line editor asks while a line is typed.
struct PromptHelper {
    names: RemoteCompleter,
    at: WorkingDirectories,
    history: Option<HistoryHinter>,
}

impl completion::NameSource for PromptHelper {
    fn remote(&self, directory: &[u8], prefix: &str) -> Vec<String> {
        self.names.names(directory, prefix)
    }

    fn local(&self, directory: &Path, prefix: &str) -> Vec<String> {
        let directory = match &self.at.local {
            Some(local) => local.join(directory),
            None => Path::new(".").join(directory),
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

/// Something faint behind the cursor.
struct FaintHint {
    text: String,
    /// Whether the key at the end of the line takes it over.
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
