//! What the user types: program flags, commands with their options, and the help texts generated from them.
//!
//! Belongs here: the table of commands, splitting a line into words, parsing words into a command, `--help`, the man
//! page and shell completions. Does not belong here: settings files (`config`), the line editor (`prompt`), and what a
//! command does (`cmd`).
//!
//! # Examples
//!
//! ```
//! use netsocket_client::command_line::shell_words::split;
//!
//! assert_eq!(split(b"get 'annual report.pdf'")?, [&b"get"[..], b"annual report.pdf"]);
//! # Ok::<(), netsocket_client::command_line::shell_words::WordsError>(())
//! ```

pub(crate) mod age;
pub(crate) mod any_case;
pub(crate) mod archive_names;
pub mod args;
pub(crate) mod command;
pub(crate) mod command_options;
pub(crate) mod commands;
pub(crate) mod default_port;
pub(crate) mod find_refusals;
pub(crate) mod find_sizes;
pub(crate) mod find_times;
pub(crate) mod habits;
pub(crate) mod help;
pub(crate) mod leading_options;
pub(crate) mod manual;
pub(crate) mod option_values;
pub(crate) mod options;
pub(crate) mod parse;
pub(crate) mod parse_current;
pub(crate) mod parse_search;
pub(crate) mod parted_values;
pub(crate) mod posix_find;
pub mod quote;
pub(crate) mod security_args;
pub(crate) mod sftp_options;
pub(crate) mod shell_line;
pub(crate) mod shell_operators;
pub mod shell_words;
pub(crate) mod stat_times;
pub(crate) mod unknown_option;
