//! A TCP balancer: accepts every client, picks a backend, relays bytes both ways, and knows nothing of what they mean.
//!
//! The way of a start: [`Config::load`] -> [`Startup::bind`] (sockets startup, real addresses known) -> [`run()`] until its
//! token is cancelled and the sessions are over.
//!
//! ```text
//! worker threads, one per core             control side, on the caller's runtime
//!   accept -> pick -> connect -> relay       health checks, admin HTTP, telemetry
//!             session record -> log, counters
//!                 pool: a snapshot swapped in + atomics per backend
//! ```
//!
//! Selection ([`balance`]), health ([`health`]) and membership ([`discovery`]) are decided in plain code without sockets or clocks; [`SessionRecord`] and
//! [`Termination`] define what is told about a session.
//!
//! # Examples
//!
//! A whole one, on ports that the system chooses:
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
//! // A server that greets.
//! let server = TcpListener::bind("127.0.0.1:0").await?;
//! let address = server.local_addr()?;
//! tokio::spawn(async move {
//!     while let Ok((mut stream, _)) = server.accept().await {
//!         // A health check may be gone already.
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

pub use crate::command_line::{Command, Flags};
pub use crate::config::ListenOptions;
pub use crate::config::{BackendAddress, Config};
pub use crate::control::discovery;
pub use crate::control::handover::{
    InheritError, Inherited, Program, RestartError, VARIABLE as INHERITED_VARIABLE,
};
pub use crate::control::lifecycle::LifecycleHandle;
pub use crate::control::reload::{BackendChanges, Changes, ReloadError};
pub use crate::control::resolve::BindError;
pub use crate::control::run::Summary;
pub use crate::control::run_error::RunError;
pub use crate::control::services::HISTORY_SPAN;
pub use crate::control::startup::Startup;
pub use crate::control::systemd::{ActivationError, Manager};
pub use crate::core::connect_failure::ConnectFailure;
pub use crate::core::proxy_protocol::{ProxyRules, ProxySend};
pub use crate::core::session_record::SessionRecord;
pub use crate::core::termination::Termination;
pub use crate::core::{admission, backend, balance, health, pool};
pub use crate::observe::metrics;

/// Serves until `shutdown`, or until a restart has brought a successor; then accepts nothing more, lets sessions end
/// until the drain deadline, and ends the rest. Must be polled within a tokio runtime with I/O and time. If the future is
/// dropped the workers drain by themselves.
///
/// # Errors
/// [`RunError`], before anything is served.
pub async fn run(bound: Startup, shutdown: CancellationToken) -> Result<Summary, RunError> {
    control::run::run(startup, shutdown, admin::serve).await
}
