//! What the balancer decides, without the network: who is healthy, who is picked, who may come in, and what a session
//! was when it is over.
//!
//! | module | owns |
//! | --- | --- |
//! | [`backend`] | one server: its settings, published health and counters |
//! | [`full_name`] | what it is called among those of all pools |
//! | [`pool`] | all of them: the snapshot from which workers pick |
//! | [`balance`] | the policies |
//! | [`health`] | the state machine of a backend, ejection, and what a check expects |
//! | [`admission`] | limits, lists and the queue |
//! | [`session_id`], [`side`], [`traffic`] | a session: its number, its two sides, what it moved |
//! | [`relay_end`], [`session_record`], [`termination`] | why a relay is over, a session at its end, how it ended |
//! | [`connect_failure`], [`connect_times`] | why a connect failed, how long connects take |
//! | [`proxy_protocol`] | from whom a PROXY header is expected and to whom one is sent |
//! | [`limits`] | bounds that settings and decisions share |
//! | [`log_limiter`] | which log lines are left out |
//! | [`tls`] | how TLS ends here: which certificate, and why a handshake failed |
//! | [`shortage`] | resources of the system that ran out |
//!
//! Nothing in here opens a socket or a file, or needs a runtime. The only exceptions are types: `tokio::time::Instant` for
//! times, so that tests can pause the clock, and `tokio::sync::Notify` to wake whoever acts. Imports no other folder.

pub mod admission;
pub mod backend;
pub mod balance;
pub(crate) mod connect_failure;
pub(crate) mod connect_times;
pub(crate) mod full_name;
pub(crate) mod group_member;
pub mod health;
pub(crate) mod limits;
pub(crate) mod log_limiter;
pub(crate) mod own_rules;
pub mod pool;
pub(crate) mod proxy_protocol;
pub(crate) mod relay_end;
pub mod routing;
pub(crate) mod secret;
pub(crate) mod session_id;
pub(crate) mod session_record;
pub(crate) mod shortage;
pub(crate) mod side;
pub(crate) mod termination;
pub mod tls;
pub(crate) mod traffic;
