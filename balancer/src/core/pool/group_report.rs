//! What is told about a group: in the API, the metrics and the log.

use tokio::time::Instant;

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Servers, and all of them.
    Answered,
    /// Servers, but a part of the question got no answer.
    Partial,
    /// That there are none.
    Empty,
    /// No answer.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Answered, Self::Partial, Self::Empty, Self::Failed];

    /// As in the API and the metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Partial => "partial",
            Self::Empty => "empty",
            Self::Failed => "failed",
        }
    }
}

/// A group as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReport {
    /// What it is called.
    pub name: String,
    /// The label of the key `resolve`.
    pub resolve: &'static str,
    /// The name that is asked for, with the port where that is fixed.
    pub question: String,
    /// How many members it has.
    pub members: usize,
    /// What came of asking the last time; `None`: not asked yet.
    pub last: Option<Outcome>,
    /// When servers were named the last time; the time that the group was set, where that has never happened.
    pub named: Instant,
    /// How often in a row asking has failed.
    pub failures: u32,
    /// What was wrong the last time, if anything was.
    pub problem: Option<String>,
    /// How often each of [`Outcome::ALL`] came, in that order.
    pub outcomes: [u64; Outcome::ALL.len()],
}
