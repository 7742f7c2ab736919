//! How a command ends: with an answer or an error, and the exit code of either.
//!
//! Belongs here: the types that describe a result, free of I/O. Does not belong here: how a result is printed
//! (`output`), or whether a failed transfer is retried (`transfer`).
//!
//! # Examples
//!
//! ```
//! use netsocket_client::outcome::answer::Answer;
//! use netsocket_client::outcome::error::Error;
//! use netsocket_client::outcome::exit::Exit;
//!
//! assert_eq!(Answer::File(None).exit(), Exit::NothingFound);
//! assert_eq!(Error::Interrupted.exit(), Exit::Interrupted);
//! ```

pub mod answer;
pub(crate) mod damage;
pub mod error;
pub mod exit;
