//! One thing that is wrong, and how bad it is.

use serde::Serialize;

/// How bad it is; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::admin) enum Severity {
    /// Clients are served, but something is wrong.
    Warning,
    /// Clients are not served, or only by chance.
    Emergency,
}

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(in crate::admin) struct Alert {
    pub(in crate::admin) severity: Severity,
    pub(in crate::admin) what: String,
    /// What clients get meanwhile.
    pub(in crate::admin) clients: String,
    /// `null` where that is not known.
    pub(in crate::admin) since: Option<String>,
    pub(in crate::admin) todo: Vec<String>,
}

/// Names in a sentence.
pub(super) const NAMED: usize = 3;

/// `a, b, c and 4 more`.
pub(super) fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown: Vec<_> = names.take(NAMED).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
