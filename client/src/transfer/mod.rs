//! Downloads: verifying what arrives, retrying and resuming, and writing it to its destination.
//!
//! Belongs here: everything that one file or archive needs on its way from the first request to the finished file. Does
//! not belong here: making connections (`connection`), and several files in parallel (`session`).
//!
//! # Examples
//!
//! ```
//! use netsocket_client::transfer::destination::{OutputOptions, Destination};
//!
//! let options = OutputOptions::to(Destination::Extract("pictures".into()));
//! assert!(options.resume && !options.force);
//! ```

pub(crate) mod blocking;
pub(crate) mod comparison;
pub(crate) mod descriptor;
pub mod destination;
pub(crate) mod extract;
pub(crate) mod journal;
pub(crate) mod last_block;
pub(crate) mod output_path;
pub mod partial_file;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod stream_check;
pub(crate) mod target;
pub(crate) mod verify;
pub(crate) mod writer;
