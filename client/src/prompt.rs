//! The line editor of the prompt, with a history that outlives it.

use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::config::Builder;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, Editor};

/// What stands before each line.
pub const PROMPT: &str = "netsocket> ";

/// Lines kept in the history.
const HISTORY_LINES: usize = 1000;

/// What a person has typed.
#[derive(Debug)]
pub enum Typed {
    /// A line.
    Line(String),
    /// Ctrl-C: the line is given up.
    Cleared,
    /// Ctrl-D on an empty line.
    End,
    /// The terminal cannot be read.
    Failed(String),
}

/// A prompt on the terminal of this process.
pub struct Prompt {
    // Away while it waits for a line on a thread of its own.
    editor: Option<LineEditor>,
    settings: Option<Termios>,
}

impl Prompt {
    /// A prompt that begins with the history in that file. A history that cannot be read or kept is done without.
    ///
    /// # Errors
    /// What the system says where the terminal cannot be used.
    pub fn open(history: Option<PathBuf>) -> Result<Self, ReadlineError> {
        Ok(Self {
            settings: tcgetattr(io::stdin()).ok(),
            editor: Some(LineEditor::open(history)?),
        })
    }

    /// Waits for a line.
    pub async fn read(&mut self) -> Typed {
        let Some(editor) = self.editor.take() else {
            return Typed::Failed("the line editor is gone".to_owned());
        };
        match tokio::task::spawn_blocking(move || editor.read()).await {
            Ok((editor, typed)) => {
                self.editor = Some(editor);
                typed
            }
            Err(error) => Typed::Failed(error.to_string()),
        }
    }

    /// Gives the terminal back as it was, where the program ends in the middle of a line.
    pub fn restore_terminal(&self) {
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, settings);
        }
    }
}

/// Reads lines from the terminal and remembers them.
struct LineEditor {
    editor: Editor<(), FileHistory>,
    history: Option<PathBuf>,
}

impl LineEditor {
    fn open(history: Option<PathBuf>) -> Result<Self, ReadlineError> {
        let config = Builder::new()
            .max_history_size(HISTORY_LINES)?
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .color_mode(ColorMode::Disabled)
            .build();
        let mut editor = Editor::with_config(config)?;
        if let Some(file) = &history {
            if let Some(directory) = file.parent() {
                let _ = fs::create_dir_all(directory);
            }
            let _ = editor.load_history(file);
        }
        Ok(Self { editor, history })
    }

    /// Waits for a line; blocks the thread. The editor comes back with it.
    fn read(mut self) -> (Self, Typed) {
        let typed = match self.editor.readline(PROMPT) {
            Ok(line) => {
                self.remember(&line);
                Typed::Line(line)
            }
            Err(ReadlineError::Interrupted) => Typed::Cleared,
            Err(ReadlineError::Eof) => Typed::End,
            Err(error) => Typed::Failed(error.to_string()),
        };
        (self, typed)
    }

    /// Kept at once, so that neither a signal nor another prompt loses a line.
    fn remember(&mut self, line: &str) {
        if let (Ok(true), Some(file)) = (self.editor.add_history_entry(line), &self.history) {
            let _ = self.editor.append_history(file);
        }
    }
}
