//! The program around the commands: runs one command, a batch or the prompt, and reacts to signals.
//!
//! Belongs here: what decides which command runs next, and when the program ends. Does not belong here: the commands
//! (`cmd`), their parsing (`command_line`), and editing a line (`prompt`).
//!
//! # Examples
//!
//! ```
//! use netsocket_client::outcome::exit::Exit;
//! use netsocket_client::program::run_command::Outcome;
//!
//! // `quit` ends the session; a failed command does not.
//! let quit = Outcome { exit: Exit::Done, is_end: true };
//! let failed = Outcome { exit: Exit::NothingFound, is_end: false };
//! assert!(quit.is_end && !failed.is_end);
//! ```

mod batch;
mod batch_line;
mod interactive;
mod one_shot;
mod output_flag;
pub mod run_command;
pub mod signals;
