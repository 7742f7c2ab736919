//! The client against servers that behave, and against one fake server for each way not to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests assert by panicking, their peers and helpers too"
)]

mod batch;
mod binary;
mod client;
mod commands;
mod copies;
mod destinations;
mod faults;
mod fetch;
mod greetings;
mod half_copies;
mod incomplete;
mod json;
mod peer;
mod plain;
mod process;
mod prompt;
mod reconnect;
mod resume;
mod screen;
mod scripts;
mod shell_lines;
mod startup;
mod stream;
mod survival;
mod there_already;
mod tls;
mod tree;
mod unpack;
mod views;
mod wire;
