//! Scenarios over real sockets on loopback, the server in this process; only `process` starts the program itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, also in the functions that tests share"
)]

mod admin;
mod archive_bytes;
mod faults;
mod finding;
mod get;
mod http_archives;
mod http_bounds;
mod http_client;
mod http_conditions;
mod http_files;
mod http_fuzz;
mod http_listing;
mod http_webdav;
mod limits;
mod listing;
mod new_client;
mod new_wire;
mod old_client;
mod old_frames;
mod old_wire;
mod process;
mod proxy_protocol;
mod races;
mod resume;
mod server;
mod stopping;
mod supervision;
mod tar_round_trip;
mod telemetry;
mod tls;
mod tls_client;
mod tokens;
mod tools;
mod tree;
