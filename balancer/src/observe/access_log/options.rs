//! The settings of how lines are made.

use super::date::Zone;
use super::selection::Selection;

/// Bytes that a worker may buffer before it drops lines: about 8,000 lines of text.
pub(crate) const DEFAULT_BUFFER_CAPACITY: usize = 1 << 20;

/// The format of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// HAProxy's `tcplog`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Format {
    /// Its value in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// How lines are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Their format.
    pub format: Format,
    /// Which sessions are logged.
    pub selection: Selection,
    /// The time zone of dates in text lines.
    pub zone: Zone,
    /// Bytes that a worker may buffer before it drops lines.
    pub buffer_capacity: usize,
}

impl Default for Options {
    /// Every session, as text.
    fn default() -> Self {
        Self {
            format: Format::default(),
            selection: Selection::default(),
            zone: Zone::default(),
            buffer_capacity: DEFAULT_BUFFER_CAPACITY,
        }
    }
}
