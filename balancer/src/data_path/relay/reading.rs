//! What a read from a socket brought.

/// What reading brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// So many bytes; never 0.
    Bytes(usize),
    /// So many bytes, and the end behind them.
    Last(usize),
    /// The end.
    End,
    /// Nothing for now.
    Nothing,
}
