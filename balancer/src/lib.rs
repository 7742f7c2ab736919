//! A TCP balancer: accepts every client, picks a backend, relays bytes both ways, and knows nothing of what they mean.
//!
//! The way of a start: [`Config::load`] -> [`Bound::bind`] (sockets bound, real addresses known) -> [`run()`] until its
//! token is cancelled and the sessions are over.
//!
//! ```text
//! worker threads, one per core             control side, on the caller's runtime
//!   accept -> pick -> connect -> relay       health checks, admin HTTP, telemetry
//!             session record -> log, counters
//!                 pool: a snapshot swapped in + atomics per backend
//! ```
//!
//! Selection ([`balance`]), health ([`health`]) and membership ([`discovery`]) are decided in plain code without sockets or clocks; [`record`] and
//! [`termination`] define what is told about a session.

mod acceptor;
pub mod access_log;
mod admin;
pub mod admission;
pub mod backend;
pub mod balance;
mod bound;
pub mod config;
pub mod connect;
pub mod connect_times;
mod control;
mod crew;
pub mod ctl;
mod descriptors;
mod dial;
pub mod discovery;
mod drain;
mod eager;
mod figures;
mod handover;
pub mod health;
mod inherited;
mod listen;
mod live;
mod log_gate;
mod mailbox;
pub mod metrics;
mod office;
mod open_sessions;
mod operations;
mod pid_file;
mod poller;
pub mod pool;
mod reactor;
pub mod record;
pub mod relay;
mod reload;
mod run;
mod session;
mod session_id;
mod sessions;
mod shared;
pub mod side;
mod socket_options;
mod systemd;
pub mod termination;
mod units;
mod wheel;
mod worker;

pub use bound::{BindError, Bound};
pub use config::{BackendAddress, Config, Flags};
pub use handover::{
    InheritError, Inherited, Program, RestartError, VARIABLE as INHERITED_VARIABLE,
};
pub use listen::ListenOptions;
pub use live::{ProxyRules, ProxySend};
pub use operations::Operations;
pub use record::SessionRecord;
pub use reload::{BackendChanges, Changes, ReloadError};
pub use run::{HISTORY_SPAN, RunError, Summary, run};
pub use systemd::{ActivationError, Manager};
pub use termination::Termination;
