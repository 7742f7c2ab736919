//! A stateless file server over one directory tree.
//!
//! A request takes this path: a session detects the protocol from the first byte and reads a command; a [`query`]
//! selects files, from the index or by walking the tree; an [`archive`] of them is planned and streamed. Any number of
//! these servers over copies of the same tree give the same answers, byte for byte.
//!
//! The folders import one way, from the top of this list to the bottom:
//!
//! | folder | owns |
//! | --- | --- |
//! | `server` | bind, accept, drain |
//! | `observe` | metrics, admin HTTP, telemetry |
//! | `session` | both protocols on one connection |
//! | `http` | the same tree for browsers and download tools |
//! | `service` | answers, limits, counters and the access log that all sessions share |
//! | `config` | keys, defaults, checks |
//! | `index` | the tree in memory |
//! | `archive`, `compress` | plan and stream of archives, the compression threads |
//! | `query` | which files a request asks for |
//! | `security`, `tree` | credentials and sandbox; the files on disk |
//!
//! Owns: the tree below the root, who may read it, and the limits on that. Does not own: the bytes of the protocols
//! (`netsocket-protocol`), or which server a client is sent to (the balancer).
//!
//! `Config` → [`Bound::bind`] → [`run`]: tests start it as `main` does, on port 0.
//!
//! # Examples
//!
//! ```
//! use netsocket_fileserver::{Bound, Config, run};
//! use netsocket_protocol::old;
//! use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//! use tokio::net::TcpStream;
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tree = tempfile::tempdir()?;
//! std::fs::create_dir(tree.path().join("music"))?;
//! let mut config = Config::new(tree.path());
//! config.listen = "127.0.0.1:0".parse()?;
//! let bound = Bound::bind(config)?;
//! let address = bound.address();
//! let shutdown = CancellationToken::new();
//! let server = tokio::spawn(run(bound, shutdown.clone()));
//!
//! // As a client of the old system asks.
//! let mut client = TcpStream::connect(address).await?;
//! client.write_all(&[old::SESSION_OPENING]).await?;
//! client.write_all(&old::frame(b"dirlist -a\n")).await?;
//! let mut answer = [0; old::LENGTH_DIGITS + 6];
//! client.read_exact(&mut answer).await?;
//! assert!(answer.ends_with(b"music\n"));
//!
//! shutdown.cancel();
//! server.await??;
//! # Ok(())
//! # }
//! ```

pub mod archive;
pub mod compress;
mod config;
mod http;
mod index;
mod observe;
pub mod query;
mod security;
mod server;
mod service;
mod session;
mod tree;

pub use config::{Config, Wires, misspelt_variables};
pub use security::credential_store::CredentialStore;
pub use security::credentials::{CredentialFiles, CredentialsError};
pub use security::sandbox::{SandboxError, SandboxMode};
pub use server::{Bound, Signals, StartError, run};
pub use tree::metadata::Timestamp;
pub use tree::root::{Root, RootError};
pub use tree::walk::WalkError;
