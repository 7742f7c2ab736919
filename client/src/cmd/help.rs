//! `help`, `completions` and `man`: texts about this program.

use super::context::{Context, Done};
use crate::command_line::commands::CommandSpec;
use crate::command_line::help;
use crate::outcome::exit::Exit;
use crate::output::console::Message;
use crate::output::json;

impl Context {
    pub(super) fn print(&mut self, bytes: &[u8]) -> Done {
        self.console.print(bytes)?;
        Ok(Exit::Done)
    }

    pub(super) fn help(&mut self, topic: Option<&CommandSpec>) -> Done {
        let text = topic.map_or_else(help::list, help::of).into_bytes();
        let json = json::help_line(topic);
        self.console.print_message(&Message { text, json })?;
        Ok(Exit::Done)
    }
}
