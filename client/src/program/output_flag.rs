//! `-o` before a command that saves nothing.

use crate::command_line::command::Command;
use crate::command_line::manual;

/// Why `-o` before the command is refused; `has_output` if it is there.
pub(super) fn no_output(command: &Command, has_output: bool) -> Option<String> {
    if !has_output || command.takes_output() {
        return None;
    }
    let names = manual::commands_with_option("output").join(", ");
    Some(format!(
        "-o (--output) works only with {names}; a shell's > FILE saves what others print"
    ))
}
