//! How lines are made, as it is set.

use super::date::Zone;
use super::selection::Selection;

/// Bytes of lines that one worker may leave before it drops: about 8,000 lines of text.
pub(crate) const DEFAULT_BUFFER_CAPACITY: usize = 1 << 20;

/// The form of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// HAProxy's `tcplog`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Format {
    /// The word for it in settings.
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
    /// Their form.
    pub format: Format,
    /// Which sessions have one.
    pub selection: Selection,
    /// The clock of dates in text.
    pub zone: Zone,
    /// Bytes that one worker may leave before it drops lines.
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
