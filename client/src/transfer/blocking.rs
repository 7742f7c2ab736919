//! Blocking I/O beside the runtime: a full disk or a slow pipe must not delay a signal.

use std::io;

use tokio::task::spawn_blocking;

/// Runs blocking I/O on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
