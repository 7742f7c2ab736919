//! The shared directory tree as it is on disk: opening below the root, listing, walking, metadata.
//!
//! Belongs here: every system call that opens or lists something below the root, and the order of paths. Does not
//! belong here: which files a request asks for (`query`), what is kept in memory (`index`), sockets.

pub(crate) mod metadata;
pub(crate) mod page_cache;
pub(crate) mod path_order;
pub(crate) mod root;
pub(crate) mod unreadable;
pub(crate) mod version;
pub(crate) mod walk;
