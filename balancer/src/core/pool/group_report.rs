//! The state of a DNS group as the API, the metrics and the log show it.

use tokio::time::Instant;

/// The outcome of a DNS lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The complete list of servers.
    Answered,
    /// Some servers; part of the lookup got no answer.
    Partial,
    /// The name has no servers.
    Empty,
    /// No answer.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Answered, Self::Partial, Self::Empty, Self::Failed];

    /// Its label in the API and the metrics.
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

/// The current state of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReport {
    /// Its name.
    pub name: String,
    /// The label of the key `resolve`.
    pub resolve: &'static str,
    /// The name that is looked up, with the port if it is fixed.
    pub question: String,
    /// Number of backends in it.
    pub members: usize,
    /// The outcome of the latest lookup; `None` before the first one.
    pub last: Option<Outcome>,
    /// When DNS last returned servers, or when the group was configured if it never has.
    pub named: Instant,
    /// Number of consecutive failed lookups.
    pub failures: u32,
    /// What went wrong in the latest lookup, if anything.
    pub problem: Option<String>,
    /// Which of the two queries for addresses failed, if only one did: `A` or `AAAA`.
    pub failed_query: Option<&'static str>,
    /// How often each outcome occurred, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
}
