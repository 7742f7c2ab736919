//! The interactive prompt: line editing, history, hints and completion.
//!
//! Belongs here: everything that happens while a line is being typed. Does not belong here: what happens once the line
//! is entered (`program`), and completions for shells (`command_line`).

pub(crate) mod completion;
pub(crate) mod line_editor;
pub(crate) mod local_completion;
pub(crate) mod remote_completion;
