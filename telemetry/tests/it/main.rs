//! Scenarios of the telemetry crate over real sockets on loopback, with one fake peer per fault.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers as well"
)]

mod collector;
mod control_group;
mod eventually;
mod peers;
mod producer;
mod supervision;
