//! What the rows of `ctl top` are sorted by, and which comes first.

use std::cmp::Ordering;

use super::super::answer::Backend;
use super::super::view;

/// What backends and sessions are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sort {
    #[default]
    Configured,
    Name,
    State,
    For,
    Check,
    Open,
    New,
    Rx,
    Tx,
    Median,
    Slowest,
    Errors,
    Weight,
    Reason,
}

impl Sort {
    /// In the order of the columns.
    const ALL: [Self; 14] = [
        Self::Configured,
        Self::Name,
        Self::State,
        Self::For,
        Self::Check,
        Self::Open,
        Self::New,
        Self::Rx,
        Self::Tx,
        Self::Median,
        Self::Slowest,
        Self::Errors,
        Self::Weight,
        Self::Reason,
    ];

    pub(super) fn label(self) -> &'static str {
        self.names().0
    }

    /// The head of the column of backends that has it.
    pub(super) fn column(self) -> Option<&'static str> {
        self.names().1
    }

    /// In the last line, and at the head of the column.
    fn names(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Configured => ("config", None),
            Self::Name => ("name", Some("NAME")),
            Self::State => ("state", Some("STATE")),
            Self::For => ("for", Some("FOR")),
            Self::Check => ("check", Some("CHECK")),
            Self::Open => ("open", Some("OPEN")),
            Self::New => ("new", Some("NEW")),
            Self::Rx => ("RX", Some("RX")),
            Self::Tx => ("TX", Some("TX")),
            Self::Median => ("P50", Some("P50")),
            Self::Slowest => ("P99", Some("P99")),
            Self::Errors => ("err", Some("ERR")),
            Self::Weight => ("weight", Some("WEIGHT")),
            Self::Reason => ("reason", Some("REASON")),
        }
    }

    /// Sessions have figures of their own.
    pub(super) fn column_of_sessions(self) -> &'static str {
        match self {
            Self::Rx => "RX",
            Self::Tx => "TX",
            _ => "RATE",
        }
    }

    /// Whether the highest comes first.
    pub(super) fn descends(self) -> bool {
        !matches!(
            self,
            Self::Configured | Self::Name | Self::State | Self::For | Self::Reason
        )
    }

    pub(super) fn next(self) -> Self {
        let mut all = Self::ALL.into_iter().cycle();
        all.find(|sort| *sort == self);
        all.next().unwrap_or_default()
    }

    /// Of figures the highest come first; of states those that need somebody.
    pub(super) fn compare(self, a: &Backend, b: &Backend) -> Ordering {
        let urgent = |backend: &Backend| match backend.state.as_str() {
            "down" => 0,
            "ejected" => 1,
            "up" => 3,
            _ => 2,
        };
        // Where nothing is known, it comes last.
        let known = |value: Option<f64>| value.unwrap_or(-1.0);
        let took = |it: &Backend| known(it.checks.last.as_ref().map(|last| last.took_ms));
        match self {
            Self::Configured => Ordering::Equal,
            Self::Name => a.full_name().cmp(&b.full_name()),
            Self::State => urgent(a).cmp(&urgent(b)),
            // What changed last comes first.
            Self::For => b.since.cmp(&a.since),
            Self::Check => took(b).total_cmp(&took(a)),
            Self::Open => b.active.cmp(&a.active),
            Self::New => b.rates.sessions.total_cmp(&a.rates.sessions),
            Self::Median => known(b.connect_p50_ms).total_cmp(&known(a.connect_p50_ms)),
            Self::Slowest => known(b.connect_p99_ms).total_cmp(&known(a.connect_p99_ms)),
            Self::Weight => b.weight.cmp(&a.weight),
            Self::Reason => view::reason(a).cmp(&view::reason(b)),
            Self::Rx => b.rates.bytes_up.total_cmp(&a.rates.bytes_up),
            Self::Tx => b.rates.bytes_down.total_cmp(&a.rates.bytes_down),
            Self::Errors => b.errors.cmp(&a.errors),
        }
    }
}

/// As other programs of this kind show it.
pub(super) fn arrow(descends: bool) -> &'static str {
    match descends {
        true => "▼",
        false => "▲",
    }
}
