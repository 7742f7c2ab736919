//! The states of a backend, and the reasons for them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::agent::AgentWish;
use super::failure::CheckFailure;
use crate::core::connect_failure::ConnectFailure;

/// The state of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// It takes sessions.
    Up,
    /// Its checks fail, or none has passed yet.
    Down,
    /// Its checks pass, but sessions failed: it takes none for a while.
    Ejected,
    /// An operator drains it: it takes no new sessions, and open ones may end.
    Draining,
    /// An operator has taken it out of service: no sessions, no checks.
    Maintenance,
    /// It has been removed from the pool: no new sessions, but open ones go on.
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

    /// Its label in the API, the metrics and the log.
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

/// The state an operator has set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AdminState {
    /// In service as its health allows.
    #[default]
    Ready,
    /// No new sessions; checks go on.
    Drain,
    /// Out of service: no sessions, no checks.
    Maintenance,
}

impl AdminState {
    /// Its label in the API.
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
    /// It has not been checked yet.
    NotChecked,
    /// No check has passed yet, and the latest one failed.
    NotUpYet(CheckFailure),
    /// Its first check passed.
    FirstCheckPassed,
    /// This many consecutive checks passed.
    ChecksPassed(u32),
    /// This many consecutive checks failed; the failure is that of the last one.
    ChecksFailed(u32, CheckFailure),
    /// Checks pass again, but it went down this often recently, so it is held down for this long.
    HeldDown(u32, Duration),
    /// This many consecutive sessions could not connect, the last with this failure; ejected for this long.
    ConnectsFailed(u32, ConnectFailure, Duration),
    /// This many consecutive sessions were reset early and unprovoked; ejected for this long.
    EarlyResets(u32, Duration),
    /// Its ejection of this length has ended.
    EjectionOver(Duration),
    /// It was ejected, but no other backend is usable any more.
    NobodyElse,
    /// An operator set this state: by whom or from where, with that preposition.
    Set(AdminState, Arc<str>),
    /// Its agent wants this.
    Agent(AgentWish),
    /// It is no longer in the settings.
    NotNamed,
    /// An operator has taken it out of the settings: by whom or from where, with that preposition.
    Removed(Arc<str>),
    /// Its address was found in DNS, and no longer is; or the settings no longer say to look for it.
    NotResolved,
}

impl Reason {
    /// A short, stable label for the metrics.
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
            Self::Agent(_) => "agent",
            // What it is called where it is counted does not depend on who named it.
            Self::NotNamed | Self::Removed(_) | Self::NotResolved => "not-named",
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
            Self::Set(state, who) => write!(f, "set to {} {who}", state.label()),
            Self::Agent(wish) => write!(f, "its agent says {wish}"),
            Self::NotNamed => f.write_str("no longer in the settings"),
            Self::Removed(who) => write!(f, "removed {who}"),
            Self::NotResolved => f.write_str("no longer in DNS or in the settings"),
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
    /// Why it changed.
    pub reason: Reason,
}
