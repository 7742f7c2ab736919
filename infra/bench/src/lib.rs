//! Measures the balancer beside other relays, and the file server beside file tools ([`files`]): each case gives every peer the same work on this machine, in rounds that
//! take turns, and the report shows medians, spreads and ratios.
//!
//! Owns: the cases, the peers and their settings, how CPU time and memory are counted, the report. Does not own: the
//! load generators `iperf3` and `wrk`, nor the building of the balancer, which must be a release build.
//!
//! All that it starts listens on 127.0.0.1 only and ends with it.

pub mod backend;
pub mod case;
pub mod cpu;
pub mod curves;
mod date;
pub mod failure;
pub mod fetch;
pub mod figure;
pub mod file_server;
pub mod files;
pub mod host;
mod http;
pub mod hyper_alone;
mod iperf;
pub mod json;
pub mod machine;
pub mod measure;
pub mod memory;
pub mod million;
pub mod options;
pub mod peer;
pub mod plot;
pub mod port;
pub mod process;
pub mod report;
pub mod run;
pub mod scale;
pub mod soak;
pub mod sources;
mod stage;
pub mod stats;
pub mod table;
pub mod target;
pub mod tether;
pub mod tool;
mod wrk;
