//! What lines are written to.

use std::io;

/// Takes lines. It runs on the writer's thread and may wait.
pub trait Sink: Send {
    /// Writes whole lines, each with its end.
    ///
    /// # Errors
    /// [`WriteFailure`]: some of them are lost. The next may go well again.
    fn write(&mut self, lines: &[u8]) -> Result<(), WriteFailure>;

    /// Opens anew what may have been moved away.
    ///
    /// # Errors
    /// It cannot be opened; what was open stays in use.
    fn reopen(&mut self) -> io::Result<()>;
}

/// Lines that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{lost} access log lines lost: {error}")]
pub struct WriteFailure {
    /// How many.
    pub lost: u64,
    /// Why.
    #[source]
    pub error: io::Error,
}

/// How many lines end in these bytes.
pub(super) fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte == b'\n')).sum()
}
