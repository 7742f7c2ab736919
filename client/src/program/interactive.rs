//! The prompt: reads lines from the terminal and runs them until the user ends the session.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use netsocket_settings::Supervisor;
use tokio::time::timeout;

use crate::command_line::shell_words;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::listener::Listener as _;
use crate::program::run_command::Program;
use crate::program::signals::Interrupts;
use crate::prompt::line_editor::{Input, Prompt};
use crate::prompt::remote_completion::RemoteCompleter;
use crate::session::Session;

/// How long the prompt waits for a connection before the first line can be typed.
const FIRST_CONNECT: Duration = Duration::from_millis(500);

/// What is said where there is no connection yet.
fn not_yet(error: &Error) -> String {
    match error {
        Error::Connect { server, reason } => format!("{server} does not answer yet: {reason}"),
        Error::Unreachable(_) => format!("no server answers yet: {error}"),
        error => error.to_string(),
    }
}

impl Program {
    /// Runs the prompt if both standard input and standard output are a terminal, else a batch.
    pub async fn prompt_or_batch(&mut self, interrupts: &mut Interrupts) -> Exit {
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            self.prompt(interrupts).await
        } else {
            self.batch(interrupts).await
        }
    }

    /// Runs the prompt. The user has seen what failed, so the exit code does not report it.
    pub async fn prompt(&mut self, interrupts: &mut Interrupts) -> Exit {
        let context = &mut self.context;
        context.console.prefix = "";
        let session = Session::new(context.session.service().clone());
        let names = RemoteCompleter::over(session, Supervisor::default());
        let has_colours = context.console.colours.is_some();
        let history = context.directories.history_file();
        let home = context.directories.home.clone();
        let mut prompt = match Prompt::open(history, home, names, has_colours) {
            Ok(prompt) => prompt,
            Err(error) => return self.unreadable(&error),
        };
        let server = context.session.servers();
        let welcome =
            format!("NetSocket at {server}. Type help for the commands, quitc or Ctrl-D to quit.");
        context.console.notice(&welcome);
        // A server that needs longer is waited for by the first command.
        if let Ok(Err(error)) = timeout(FIRST_CONNECT, context.session.connect()).await {
            context.console.notice(&not_yet(&error));
        }
        loop {
            let typed = tokio::select! {
                biased;
                () = interrupts.program() => {
                    prompt.restore_terminal();
                    return Exit::Interrupted;
                }
                typed = prompt.read(self.context.at.clone()) => typed,
            };
            match typed {
                Input::Line(text) => {
                    interrupts.forget().await;
                    if let Some(exit) = self.run_lines(&text, interrupts).await {
                        return exit;
                    }
                }
                Input::Cleared => {}
                Input::End => return Exit::Done,
                Input::Failed(said) => return self.unreadable(&said),
            }
        }
    }

    /// Runs each line of a text that was typed or pasted, until one is interrupted. Returns the exit code of a line that
    /// ends the session.
    async fn run_lines(&mut self, text: &str, interrupts: &mut Interrupts) -> Option<Exit> {
        for line in shell_words::lines(text.as_bytes()) {
            let outcome = self.run_line(line, true, interrupts).await;
            if outcome.is_end {
                return Some(outcome.exit);
            }
            if outcome.exit == Exit::Interrupted {
                break;
            }
        }
        None
    }
}
