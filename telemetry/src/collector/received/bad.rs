//! Messages that are not records.

/// Why a message is not a valid record; also the label of its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKind {
    /// A message without a value, as a deletion is on a compacted topic.
    Empty,
    /// Longer than any record that NetSocket sends.
    TooLarge,
    /// Not JSON, or not UTF-8.
    NotJson,
    /// Nested too deeply.
    TooDeep,
    /// A value has the wrong type or is out of range.
    WrongType,
    /// A required figure is missing.
    MissingField,
    /// Before 2020 or in the future.
    AbsurdTime,
    /// Kafka holds a batch that cannot be decoded: damaged, of an unknown codec or of an old format.
    Undecodable,
}

impl BadKind {
    /// All of them, in the order of their counters.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::TooLarge,
        Self::NotJson,
        Self::TooDeep,
        Self::WrongType,
        Self::MissingField,
        Self::AbsurdTime,
        Self::Undecodable,
    ];

    /// A stable name for counters and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::WrongType => "wrong_type",
            Self::MissingField => "missing_field",
            Self::AbsurdTime => "absurd_time",
            Self::Undecodable => "undecodable",
        }
    }
}

/// A message that is not a valid record. Retrying is useless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", kind.label())]
pub struct BadRecord {
    /// Its kind.
    pub kind: BadKind,
    /// What exactly.
    pub detail: String,
}

pub(super) fn bad(kind: BadKind, detail: impl Into<String>) -> BadRecord {
    BadRecord {
        kind,
        detail: detail.into(),
    }
}
