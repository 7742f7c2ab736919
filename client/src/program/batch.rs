//! Commands from standard input, for scripts; see `batch_line` for their format.

use std::io;

use netsocket_protocol::name::Name;
use netsocket_settings::reason;

use crate::outcome::exit::Exit;
use crate::program::batch_line;
use crate::program::run_command::Program;
use crate::program::signals::Interrupts;

impl Program {
    /// Runs commands from standard input until it ends or a command fails.
    pub async fn batch(&mut self, interrupts: &mut Interrupts) -> Exit {
        let mut number = 0;
        loop {
            let reading = tokio::task::spawn_blocking(move || {
                batch_line::next_line(&mut io::stdin().lock(), number)
            });
            let read = tokio::select! {
                biased;
                _ = interrupts.next() => return Exit::Interrupted,
                read = reading => read,
            };
            let line = read.unwrap_or_else(|error| Err(io::Error::other(error)));
            let line = match line {
                Ok(Some((line, at))) => {
                    number = at;
                    line
                }
                Ok(None) => return Exit::Done,
                Err(error) => return self.unreadable(&reason(&error)),
            };
            let outcome = self.run_line(&line.text, false, interrupts).await;
            let forgiven = line.may_fail && outcome.exit != Exit::Interrupted;
            let has_failed = !matches!(outcome.exit, Exit::Done | Exit::Interrupted);
            if has_failed && !forgiven {
                let text = Name::from(line.text.as_slice());
                self.context
                    .console
                    .place_of_error(&format!("in line {number}: {text}"));
            }
            if outcome.is_end || (outcome.exit != Exit::Done && !forgiven) {
                return outcome.exit;
            }
        }
    }
}
