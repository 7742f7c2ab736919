//! Which files a request asks for, and finding them by walking the tree.
//!
//! Belongs here: what each condition of a query means, the local times in it, the search by walk, the contents of one
//! directory. Does not belong here: the file system calls themselves (`tree`), the same search in memory (`index`),
//! pages of a long list (`service`).
//!
//! # Examples
//!
//! ```
//! use netsocket_fileserver::Root;
//! use netsocket_fileserver::query::Search;
//! use netsocket_protocol::query::Query;
//! use tokio_util::sync::CancellationToken;
//!
//! let tree = tempfile::tempdir()?;
//! for name in ["a.txt", "b.pdf", ".c.txt"] {
//!     std::fs::write(tree.path().join(name), name)?;
//! }
//! let query = Query { extensions: vec!["txt".into()], ..Query::default() };
//! let search = Search { query, limit: 10, check_readable: false };
//! let found = search.run(&Root::open(tree.path())?, &CancellationToken::new())?;
//! assert_eq!(found.files.len(), 1);
//! assert_eq!((&found.files[0].path[..], found.files[0].size), (&b"a.txt"[..], 5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod directory;
pub(crate) mod error;
pub(crate) mod local_time;
pub(crate) mod matcher;
pub(crate) mod search;

pub use search::{Found, FoundFile, Search};
