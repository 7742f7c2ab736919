//! What the user sees: results on standard output, notices, progress and errors on standard error, as text or JSON.
//!
//! Belongs here: the console, text and JSON forms of results, lists in columns, colours, progress lines. Does not belong
//! here: obtaining a result, and reading from the terminal (`prompt`).
//!
//! # Examples
//!
//! ```
//! use netsocket_client::output::console::{Console, Form};
//!
//! let file = tempfile::NamedTempFile::new()?;
//! let mut console = Console {
//!     out: Box::new(file.reopen()?),
//!     ..Console::of_process(Form::Json, true)
//! };
//! console.print(b"{}\n")?;
//! assert_eq!(std::fs::read_to_string(file.path())?, "{}\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod colours;
pub mod console;
pub(crate) mod entries;
pub(crate) mod json;
pub mod listener;
pub(crate) mod messages;
pub(crate) mod pager;
pub mod progress;
pub(crate) mod status;
pub(crate) mod tree;
