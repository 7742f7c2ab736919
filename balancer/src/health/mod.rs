//! Who is fit to take sessions, and why.
//!
//! Owns the state machine of a backend ([`Health`], no I/O, no clock), when to check ([`Schedule`], the same), the
//! check itself and the task that ties them together. Does not own who is picked among the fit.

mod check;
mod monitor;
mod schedule;
mod state;

pub(crate) use monitor::monitor;
pub use schedule::Schedule;
pub use state::{Health, Reason, Signal, State, Thresholds, Transition};
