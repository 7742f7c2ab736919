//! Which backends are healthy, and why.
//!
//! Plain code without I/O; the time is passed in. [`Health`] is the state machine of one backend. [`HealthRegistry`] knows
//! all backends of a pool and keeps the last usable one from being ejected. [`Checks`] says what an active check sends and
//! which answer passes. Does not own the connections of checks (`control/checks`) nor which healthy backend is picked
//! (`core/balance`).
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use netsocket_balancer::Config;
//! use netsocket_balancer::balance::BackendId;
//! use netsocket_balancer::ConnectFailure;
//! use netsocket_balancer::health::{CheckFailure, HealthRegistry, Share, Signal, State};
//! use tokio::time::Instant;
//!
//! let (server, mirror) = (BackendId(0), BackendId(1));
//! let share = Share::new(1, false);
//! let now = Instant::now();
//! let mut registry = HealthRegistry::new(Config::default().health);
//! registry.set_backends(&[(server, share), (mirror, share)], false, now);
//!
//! // One passed check is enough at first; later, several must fail in a row.
//! registry.observe(server, Signal::CheckPassed, now);
//! registry.observe(mirror, Signal::CheckPassed, now);
//! let failed = || Signal::CheckFailed(CheckFailure::Connect(ConnectFailure::Refused));
//! assert_eq!(registry.observe(server, failed(), now), []);
//! let (_, transition) = (1..10)
//!     .find_map(|second| {
//!         registry.observe(server, failed(), now + Duration::from_secs(second)).pop()
//!     })
//!     .expect("a change of state");
//! assert_eq!((transition.from, transition.to), (State::Up, State::Down));
//! assert_eq!(transition.reason.to_string(), "3 checks failed: connection refused");
//! assert_eq!(registry.eligible(now).first, [(mirror, 10)]);
//! ```

mod agent;
mod check;
mod due;
mod failure;
mod machine;
mod penalty;
mod reason;
mod registry;
mod rules;
mod schedule;
mod signal;
mod streak;

pub(crate) use agent::MAX_LINE;
pub use agent::{AgentAnswer, AgentCheck, AgentState, AgentWish};
pub use check::{Checks, Close, Expect, InvalidPattern, Probe, Statuses, escape, unescape};
pub(crate) use check::{Verdict, evaluate_http, http_request};
pub use failure::{CheckFailure, Excerpt};
pub use machine::Health;
pub use penalty::Growth;
pub use reason::{AdminState, Reason, State, Transition};
pub(crate) use registry::Supply;
pub use registry::{Changes, EligibleBackends, HealthRegistry, Share};
pub use rules::{EjectionRules, HealthRules, Thresholds};
pub use schedule::{Intervals, Pace, Schedule};
pub use signal::{SessionSignal, Signal};
pub(crate) use streak::{Streak, Wake};
