//! Which files a request asks for, and finding them by walking the tree.
//!
//! Belongs here: what each condition of a query means, the local times in it, the search by walk, the contents of one
//! directory. Does not belong here: the file system calls themselves (`tree`), the same search in memory (`index`), pages
//! of a long list (`service`).

pub(crate) mod directory;
pub(crate) mod error;
pub(crate) mod local_time;
pub(crate) mod matcher;
pub(crate) mod search;

pub use search::{Found, FoundFile, Search};
