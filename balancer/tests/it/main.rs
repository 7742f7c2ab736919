//! Scenario tests of the balancer, in process over real sockets on loopback. Every server binds port 0; every wait is
//! for a condition and has a limit.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test asserts by panicking, and nobody names its items from outside"
)]

mod admin;
mod admin_socket;
mod admission;
mod agents;
mod backpressure;
mod configuration;
mod ctl;
mod ctl_advice;
mod ctl_settings;
mod ctl_several;
mod descriptors;
mod discovery;
mod discovery_reload;
mod drain;
mod drain_backend;
mod events;
mod fairness;
mod half_close;
mod health;
mod idle;
mod integrity;
mod last_resort;
mod memory;
mod operator;
mod own_rules;
mod peers;
mod process;
mod program;
mod random;
mod redispatch;
mod reload;
mod reset;
mod restart;
mod round_robin;
mod routing;
mod run_time;
mod running;
mod secrets;
mod services;
mod sessions;
mod simulation;
mod supervision;
mod systemd;
mod unix_backends;
