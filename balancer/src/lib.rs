//! A TCP load balancer: accepts clients, picks a healthy backend for each and relays bytes both ways. It never looks into
//! the bytes.
//!
//! To run one: [`Config::load`], then [`Startup::bind`] (binds the sockets, so that their addresses are known), then
//! [`run()`], which returns when its token is cancelled and the sessions have ended.
//!
//! ```text
//! worker threads, one per core             control side, on the caller's runtime
//!   accept -> pick -> connect -> relay       health checks, admin HTTP, telemetry
//!             session record -> log, counters
//!                 pool: a snapshot swapped in + atomics per backend
//! ```
//!
//! | folder | owns |
//! | --- | --- |
//! | `core` | decisions: which backend, which state, who is admitted; no sockets |
//! | `observe` | metrics, access log, telemetry figures |
//! | `config` | keys, defaults, validated settings |
//! | `data_path` | the worker threads and everything that moves bytes |
//! | `control` | startup, health checks, discovery, reload, restart, drain |
//! | `admin`, [`ctl`] | the admin HTTP, and its command-line client |
//!
//! Imports go one way, from the end of this table to its beginning; [`ctl`] imports only `config` and `observe::units`.
//!
//! # Examples
//!
//! A complete balancer, on ports that the system chooses:
//!
//! ```
//! use std::time::Duration;
//!
//! use netsocket_balancer::backend::Attributes;
//! use netsocket_balancer::{BackendAddress, Startup, Config, run};
//! use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio::time::{sleep, timeout};
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A server that sends a greeting.
//! let server = TcpListener::bind("127.0.0.1:0").await?;
//! let address = server.local_addr()?;
//! tokio::spawn(async move {
//!     while let Ok((mut stream, _)) = server.accept().await {
//!         // A health check may have closed the connection already.
//!         let _ = stream.write_all(b"hello").await;
//!     }
//! });
//!
//! let backend = BackendAddress {
//!     name: "server".to_owned(),
//!     host: address.ip().to_string(),
//!     port: address.port(),
//!     attributes: Attributes::default(),
//! };
//! let mut config = Config { backends: vec![backend], ..Config::default() };
//! (config.listen, config.admin) = ("127.0.0.1:0".parse()?, "127.0.0.1:0".parse()?);
//! config.access_log.target = None;
//! let startup = Startup::bind(config)?;
//! let (listens, pool) = (startup.listen_address(), startup.pool());
//! let shutdown = CancellationToken::new();
//! let balancer = tokio::spawn(run(startup, shutdown.clone()));
//! let checked = async {
//!     while pool.up_count() == 0 {
//!         sleep(Duration::from_millis(1)).await;
//!     }
//! };
//! timeout(Duration::from_secs(20), checked).await?;
//!
//! let mut client = TcpStream::connect(listens).await?;
//! let mut greeting = [0; 5];
//! client.read_exact(&mut greeting).await?;
//! assert_eq!(&greeting, b"hello");
//! drop(client);
//!
//! shutdown.cancel();
//! assert_eq!(balancer.await??.sessions, 1);
//! # Ok(())
//! # }
//! ```

use tokio_util::sync::CancellationToken;

mod admin;
mod command_line;
pub mod config;
mod control;
mod core;
pub mod ctl;
mod data_path;
mod observe;
mod tips;

pub use crate::command_line::{Command, Flags};
pub use crate::config::{BackendAddress, Config};
pub use crate::config::{Listen, ListenAddress, ListenError, ListenOptions};
pub use crate::control::background::HISTORY_SPAN;
pub use crate::control::discovery;
pub use crate::control::handover::{
    InheritError, Inherited, Program, RestartError, VARIABLE as INHERITED_VARIABLE,
};
pub use crate::control::lifecycle::LifecycleHandle;
pub use crate::control::reload::{BackendChanges, Changes, ReloadError};
pub use crate::control::resolve::BindError;
pub use crate::control::run::Summary;
pub use crate::control::run_error::RunError;
pub use crate::control::signals::Signals;
pub use crate::control::startup::Startup;
pub use crate::control::systemd::{ActivationError, Manager};
pub use crate::control::unresolved_names::unresolved_names;
pub use crate::core::connect_failure::ConnectFailure;
pub use crate::core::proxy_protocol::{ProxyRules, ProxySend};
pub use crate::core::session_record::SessionRecord;
pub use crate::core::termination::Termination;
pub use crate::core::{admission, backend, balance, health, pool, routing, tls};
pub use crate::observe::metrics;
pub use crate::tips::with_tip;

/// The hash of a secret, as a line for the file of `admin_read_token_file`.
///
/// # Errors
/// The secret is empty, or the system has no random numbers.
pub fn hash_secret(secret: &str) -> std::io::Result<String> {
    if secret.is_empty() {
        return Err(std::io::Error::other("no secret on standard input"));
    }
    let mut salt = [0_u8; 16];
    rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty())?;
    Ok(core::secret::hashed(secret.as_bytes(), &salt))
}

/// Serves until `shutdown` is cancelled or a restart has handed over to a new process. Then it stops accepting, lets
/// sessions end until the drain deadline and closes the rest. Must be polled within a tokio runtime with I/O and time.
/// If the future is dropped, the workers drain on their own.
///
/// # Errors
/// [`RunError`] if it cannot start serving.
pub async fn run(startup: Startup, shutdown: CancellationToken) -> Result<Summary, RunError> {
    control::run::run(startup, shutdown, admin::serve).await
}
