//! Settings: their keys, defaults and limits, and the user's directories on this machine.
//!
//! Belongs here: merging flags, environment and settings file into validated settings. Does not belong here: the
//! definition of the flags (`command_line`).
//!
//! # Examples
//!
//! ```
//! use clap::Parser as _;
//! use netsocket_client::command_line::args::Args;
//! use netsocket_client::config::settings;
//! use netsocket_client::config::user_directories::UserDirectories;
//!
//! let args = Args::parse_from(["netsocket", "--server", "files.example:1"]);
//! let settings = settings::load(&args, &UserDirectories::default(), |_| None)?;
//! assert_eq!(settings.service.servers.to_string(), "files.example:1");
//! # Ok::<(), netsocket_settings::Problems>(())
//! ```

pub(crate) mod security;
pub mod settings;
pub mod user_directories;
