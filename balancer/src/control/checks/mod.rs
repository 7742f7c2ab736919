//! Active health checks on the network: connects to each backend on its schedule and tells the pool the result.
//!
//! Owns the connections of checks and the tasks that make them. Does not own what is sent, which answer passes, nor what
//! a result does to a backend: that is `core/health`.

mod agent;
mod connect;
mod run;
mod watch;

pub(crate) use watch::{all_checked, watch};
