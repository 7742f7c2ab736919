//! What lines are written to.

use std::io;

/// A target that lines are written to. It runs on the writer's thread and may block.
pub trait Sink: Send {
    /// Writes whole lines, each with its end.
    ///
    /// # Errors
    /// [`WriteFailure`]: some lines are lost. The next write may succeed.
    fn write(&mut self, lines: &[u8]) -> Result<(), WriteFailure>;

    /// Reopens the file after it was moved away.
    ///
    /// # Errors
    /// It cannot be opened; the old file stays in use.
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
