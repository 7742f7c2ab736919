//! What all four programs (balancer, file server, client, collector) share at start-up: layered settings first of all. It
//! lives under `telemetry/` because the top-level folders are fixed and the telemetry crate is the lowest one that needs it.
//!
//! Owns: where a value comes from (a flag beats the environment beats the file beats the default), how unknown keys
//! and wrong values are collected and reported all at once, the text form of durations, sizes and admin addresses, the log,
//! the descriptor limit, the supervision of long-lived tasks ([`Supervisor`]), the completion scripts for
//! shells, which names have no address, and the subcommands that every server has ([`CommonCommand`]). Does not own: any program's keys,
//! which each program lists as [`Key`]s beside its own raw struct.
//!
//! How a value is read: [`load`] takes the program's command line and its [`Key`] table and returns the program's raw serde
//! struct; a [`Check`] then turns each raw entry into its validated type and collects every problem.
//!
//! # Examples
//!
//! ```
//! use std::net::SocketAddr;
//! use std::time::Duration;
//!
//! use netsocket_settings::{COLLECTOR, Flag, Key, Layers, Problems, Scalar, load};
//!
//! const KEYS: [Key; 2] = [
//!     Key { name: "listen", env: Some("NETSOCKET_LISTEN"), flag: Some("--listen") },
//!     Key { name: "idle", env: Some("NETSOCKET_IDLE"), flag: None },
//! ];
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Raw {
//!     listen: Option<Scalar>,
//!     idle: Option<Scalar>,
//! }
//!
//! #[derive(Debug)]
//! struct Settings {
//!     listen: SocketAddr,
//!     idle: Duration,
//! }
//!
//! fn settings(
//!     layers: &Layers<'_>,
//!     variable: impl Fn(&str) -> Option<String>,
//! ) -> Result<Settings, Problems> {
//!     let (raw, mut check) = load::<Raw>(&KEYS, &COLLECTOR, layers, variable)?.into_check();
//!     let everywhere = SocketAddr::from(([0, 0, 0, 0], 8081));
//!     let bounds = Duration::from_secs(1)..=Duration::from_secs(3600);
//!     let settings = Settings {
//!         listen: check.parse("listen", raw.listen.as_ref(), everywhere, "IP:PORT"),
//!         idle: check.duration("idle", raw.idle.as_ref(), Duration::from_secs(60), bounds),
//!     };
//!     check.finish(settings)
//! }
//!
//! // A flag beats the environment; a key that is not set keeps its default.
//! let variable = |name: &str| (name == "NETSOCKET_LISTEN").then(|| "[::1]:1".to_owned());
//! let flags = vec![("listen", Flag::One("127.0.0.1:2".to_owned()))];
//! let given = settings(&Layers { file: None, flags }, variable)?;
//! assert_eq!(given.listen.to_string(), "127.0.0.1:2");
//! assert_eq!(given.idle, Duration::from_secs(60));
//!
//! // Every problem is reported at once.
//! let problems = settings(&Layers::default(), |_| Some("soon".to_owned())).unwrap_err();
//! assert_eq!(
//!     problems.to_string(),
//!     "NETSOCKET_LISTEN: listen = \"soon\": IP:PORT\n\
//!      NETSOCKET_IDLE: idle = \"soon\": a duration from 1s to 1h, such as 500ms, 2s or 10m",
//! );
//! # Ok::<(), Problems>(())
//! ```

mod address;
mod check;
mod common_commands;
mod completion_script;
mod config_check;
mod descriptors;
mod document;
mod duration;
mod equals_tip;
mod file_place;
mod flag_habits;
mod judged;
mod key_tip;
mod layers;
mod load_only;
mod log;
mod meant_value;
mod misspelt;
mod nearest;
mod no_such;
mod only_tip;
mod others;
mod places;
mod problem;
mod programs;
mod reason;
mod scalar;
mod short_token;
mod signals;
mod size;
mod sources;
mod supervisor;
mod syntax;
mod toml_file;
mod unclosed;
mod unknown_key;
mod unresolved;
mod words_of_others;
mod wrong_type;

pub use address::{
    AdminAddress, AdminStream, AdminTarget, NoAdminAddress, NoAdminTarget, address_form,
    addresses_overlap, meant_address, parse_socket_address,
};
pub use check::Check;
pub use common_commands::{CommonCommand, CommonCommandError};
pub use completion_script::completion_script;
pub use config_check::report_config;
pub use descriptors::raise_descriptor_limit;
pub use document::Document;
pub use duration::{DurationError, duration_text, parse_duration};
pub use equals_tip::with_equals_tip;
pub use judged::Judged;
pub use key_tip::with_key_tip;
pub use layers::{Flag, Key, Layers, Loaded, load, load_document};
pub use load_only::load_only;
pub use log::{
    LOG_KEYS, LogFilter, LogFilterError, LogFormat, LogGuard, complain, dropped_lines, flush_log,
    init_log,
};
pub use misspelt::misspelt_variables;
pub use nearest::nearest;
pub use no_such::no_such;
pub use only_tip::with_only_tip;
pub use problem::{Problem, Problems};
pub use programs::{BALANCER, CLIENT, COLLECTOR, FILE_SERVER, Program};
pub use reason::{file_reason, reason};
pub use scalar::{Scalar, with_commas};
pub use short_token::short_token;
pub use signals::{StopSignals, on_each_signal};
pub use size::{SizeError, parse_size};
pub use supervisor::Supervisor;
pub use unknown_key::unknown_key;
pub use unresolved::unresolved;
