//! Which directories relative paths start from, on the server and on this machine.

use std::path::PathBuf;

/// The working directories of a session: `cd` and `lcd` change them.
///
/// # Examples
///
/// ```
/// use netsocket_client::session::working_directories::WorkingDirectories;
///
/// let at = WorkingDirectories::default();
/// assert!(at.remote.is_empty() && at.local.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkingDirectories {
    /// The directory on the server, relative to its root; empty for the root.
    pub remote: Vec<u8>,
    /// The directory on this machine; `None` for the working directory of the process.
    pub local: Option<PathBuf>,
    /// The directory on the server before the last `cd`, for `cd -`.
    pub remote_before: Option<Vec<u8>>,
    /// The directory on this machine before the last `lcd`, for `lcd -`.
    pub local_before: Option<PathBuf>,
}
