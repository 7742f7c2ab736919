//! What the end-to-end tests stand on: real programs started and ended, a tree of awkward files, and witnesses that
//! were written apart from the code that they judge.
//!
//! Owns: processes and their logs ([`process`], `reaper`), programs at a terminal ([`terminal`], [`screen`]), the set-up of file servers behind a balancer ([`fleet`]),
//! the tree ([`tree`]) and what `find`, `stat` and `tar` say of it ([`oracle`], [`archive`]), a client of the old wire
//! written from the description of the old system alone ([`old_client`]), what Grafana makes of our files ([`grafana`]), what
//! documents tell people to type ([`markdown`], [`console`], [`shell`]), the world's readers of archives ([`readers`]), and the peers that some tests need ([`kafka`], [`influx`], [`fault_proxy`]). Does not own: any expectation; those stand in
//! `tests/e2e`. Nothing in here uses the code under test.
//!
//! Every server binds port 0 and tells its address in its log. [`eventually()`] is the only place that waits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "all of this is test code, and a test fails by panicking"
)]

pub mod access_log;
pub mod admin;
pub mod archive;
pub mod booted_systemd;
pub mod browser;
pub mod client;
pub mod compose;
pub mod console;
pub mod dns;
pub mod docker;
pub mod dockerfile;
mod eventually;
pub mod fault_proxy;
pub mod files;
pub mod fleet;
pub mod grafana;
pub mod http;
pub mod influx;
pub mod kafka;
pub mod kubernetes;
pub mod lan;
pub mod loopback;
pub mod lying_dns;
pub mod markdown;
pub mod metrics;
pub mod netns;
pub mod new_wire;
pub mod old_client;
pub mod options;
pub mod oracle;
pub mod process;
pub mod program;
pub mod raw_backend;
pub mod readers;
mod reaper;
pub mod release;
pub mod requirement;
pub mod scratch;
pub mod screen;
pub mod shell;
pub mod slow_link;
pub mod terminal;
pub mod tool;
pub mod tree;

pub use eventually::{PATIENCE, eventually, within};
