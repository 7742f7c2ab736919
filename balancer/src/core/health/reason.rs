//! States, and why they are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::failure::CheckFailure;
use crate::core::connect_failure::ConnectFailure;

/// What a backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// It takes sessions.
    Up,
    /// Its checks fail, or none has passed yet.
    Down,
    /// Its checks pass, but sessions fared badly: it takes none for a time.
    Ejected,
    /// An operator lets its sessions end: it takes no new ones.
    Draining,
    /// An operator has taken it out: it takes none and is not checked.
    Maintenance,
    /// The pool does not have it any more: it takes none, but those that it has go on.
    Leaving,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Up,
        Self::Down,
        Self::Ejected,
        Self::Draining,
        Self::Maintenance,
        Self::Leaving,
    ];

    /// As in the API, the metrics and the log.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Ejected => "ejected",
            Self::Draining => "draining",
            Self::Maintenance => "maintenance",
            Self::Leaving => "leaving",
        }
    }
}

/// What an operator wants of a backend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AdminState {
    /// To work as its health allows.
    #[default]
    Ready,
    /// To take no new sessions; checks go on.
    Drain,
    /// To be left alone: no sessions, no checks.
    Maintenance,
}

impl AdminState {
    /// As in the API.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maintenance => "maintenance",
        }
    }
}

/// Why a backend is in its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is known yet.
    NotChecked,
    /// No check has passed yet, and the latest one failed.
    NotUpYet(CheckFailure),
    /// The first check that passed.
    FirstCheckPassed,
    /// So many checks in a row passed.
    ChecksPassed(u32),
    /// So many checks in a row failed, the last one in this way.
    ChecksFailed(u32, CheckFailure),
    /// Checks pass again, but it went down so often of late that it stays down for so long.
    HeldDown(u32, Duration),
    /// So many sessions in a row could not connect, the last one in this way; for so long.
    ConnectsFailed(u32, ConnectFailure, Duration),
    /// So many sessions in a row were reset early and unasked; for so long.
    EarlyResets(u32, Duration),
    /// It was ejected for so long, and that is over.
    EjectionOver(Duration),
    /// It was ejected, but nobody else is usable any more.
    NobodyElse,
    /// An operator set it, by this name or address.
    Set(AdminState, Arc<str>),
    /// Neither the settings nor an answer of DNS name it any more.
    NotNamed,
}

impl Reason {
    /// A short stable word for the metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotChecked => "not-checked",
            Self::NotUpYet(_) => "not-up-yet",
            Self::FirstCheckPassed => "first-check-passed",
            Self::ChecksPassed(_) => "checks-passed",
            Self::ChecksFailed(..) => "checks-failed",
            Self::HeldDown(..) => "held-down",
            Self::ConnectsFailed(..) => "connects-failed",
            Self::EarlyResets(..) => "early-resets",
            Self::EjectionOver(_) => "ejection-over",
            Self::NobodyElse => "nobody-else",
            Self::Set(..) => "admin",
            Self::NotNamed => "not-named",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotChecked => f.write_str("not checked yet"),
            Self::NotUpYet(failure) => write!(f, "not up yet: {failure}"),
            Self::FirstCheckPassed => f.write_str("first check passed"),
            Self::ChecksPassed(count) => write!(f, "{} passed", Counted(*count, "check")),
            Self::ChecksFailed(count, failure) => {
                write!(f, "{} failed: {failure}", Counted(*count, "check"))
            }
            Self::HeldDown(times, time) => {
                let times = Counted(*times, "time");
                write!(f, "checks pass, held down for {time:?}: went down {times}")
            }
            Self::ConnectsFailed(count, failure, time) => {
                let sessions = Counted(*count, "session");
                write!(
                    f,
                    "{sessions} could not connect: {failure}; ejected for {time:?}"
                )
            }
            Self::EarlyResets(count, time) => {
                let sessions = Counted(*count, "session");
                write!(f, "{sessions} reset before an answer; ejected for {time:?}")
            }
            Self::EjectionOver(time) => write!(f, "ejection of {time:?} ended"),
            Self::NobodyElse => f.write_str("no other backend is usable"),
            Self::Set(state, who) => write!(f, "set to {} by {who}", state.label()),
            Self::NotNamed => f.write_str("no longer in the settings or in DNS"),
        }
    }
}

/// `1 check`, `2 checks`.
struct Counted(u32, &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, what) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {what}{plural}")
    }
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The state that ends.
    pub from: State,
    /// The state that begins.
    pub to: State,
    /// What brought it about.
    pub reason: Reason,
}
