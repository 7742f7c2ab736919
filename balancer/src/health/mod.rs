//! Who is fit to take sessions, and why.
//!
//! Decided in plain code, without I/O and with the time handed in: [`Health`], the state machine of one backend, and
//! [`Roster`], which knows all backends of a pool and keeps the last usable one from being taken out. The shell is
//! [`Checks`], which says how one check is made, and the tasks that watch the backends of a pool. Does not own who is picked
//! among the fit.

mod check;
mod due;
mod failure;
mod machine;
mod penalty;
mod reason;
mod roster;
mod rules;
mod schedule;
mod signal;
mod streak;
mod watch;

pub use check::{Checks, Close, Expect, InvalidPattern, Probe, Statuses, escape, unescape};
pub use failure::{CheckFailure, Excerpt};
pub use machine::Health;
pub use penalty::Growth;
pub use reason::{AdminState, Reason, State, Transition};
pub use roster::{Changes, Roster, Share, Slate};
pub use rules::{EjectionRules, HealthRules, Thresholds};
pub use schedule::{Intervals, Pace, Schedule};
pub use signal::{SessionSignal, Signal};
pub(crate) use streak::{Streak, Wake};
pub(crate) use watch::{all_checked, watch};
