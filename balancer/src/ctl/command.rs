//! The commands of `ctl`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::RelayMode;

/// In the help, what all commands have stands behind what only one has.
const BEHIND: usize = 100;

/// The arguments of `ctl`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// File whose first line is the token
    #[arg(long, global = true, value_name = "FILE", display_order = BEHIND)]
    pub token_file: Option<PathBuf>,
    /// Use TLS and trust these CAs [default: settings]
    #[arg(long, global = true, value_name = "FILE", display_order = BEHIND)]
    pub ca_file: Option<PathBuf>,
    /// Name in the certificate, if not that of --admin
    #[arg(long, global = true, value_name = "NAME", requires = "ca_file", display_order = BEHIND)]
    pub tls_name: Option<String>,
    /// Print the JSON answer of the API unchanged
    #[arg(long, global = true, display_order = BEHIND)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

const SET_POOL: &str = r#"Example:
  netsocket-balancer ctl set-pool p '{"backends": ["a=10.0.0.9:9000"]}'"#;
const SET_SERVICE: &str = r#"Example:
  netsocket-balancer ctl set-service s '{"listen": "0.0.0.0:80", "pool": "p"}'"#;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Action {
    /// Show a summary of the balancer
    Status,
    /// List the backends
    Backends,
    /// Stop sending new sessions to backends
    Drain {
        /// The backends
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// Close the rest after this time, such as 30s
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        deadline: Option<String>,
        /// Spread that over this last part [default: 1/3]
        #[arg(
            long,
            value_name = "TIME",
            requires = "deadline",
            allow_hyphen_values = true
        )]
        spread: Option<String>,
        /// Wait until no session is left
        #[arg(long)]
        wait: bool,
    },
    /// Put backends back into service
    Ready {
        /// The backends
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Take backends out of service: no new sessions, no checks
    Maintenance {
        /// The backends
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Change the weight of backends until the next reload
    #[command(override_usage = "netsocket-balancer ctl weight [OPTIONS] <NAME>... <WEIGHT>")]
    Weight {
        /// The backends, then 0 to 256; 0: no new sessions
        // One list, so that what is missing or in the wrong place is known by what it is.
        #[arg(value_name = "NAME", allow_negative_numbers = true)]
        words: Vec<String>,
    },
    /// Add a backend to a pool, until the next reload or restart
    #[command(override_usage = "netsocket-balancer ctl add [OPTIONS] [POOL] <NAME=HOST:PORT>")]
    Add {
        /// The backend; before it the pool, unless default
        #[arg(value_name = "NAME=HOST:PORT", num_args = 1..=2, required = true)]
        place: Vec<String>,
        /// Its weight
        #[arg(long, allow_negative_numbers = true, value_parser = weight)]
        weight: Option<u32>,
        /// Use it only while no other is usable
        #[arg(long)]
        backup: bool,
        /// No new sessions until `ctl ready`
        #[arg(long)]
        drained: bool,
        /// Replace a backend that has this name
        #[arg(long)]
        replace: bool,
        /// Another key of the backend's table
        #[arg(long = "set", value_name = "KEY=VALUE")]
        keys: Vec<String>,
    },
    /// Remove backends, until the next reload or restart
    #[command(override_usage = "netsocket-balancer ctl remove [OPTIONS] [POOL] <NAME>...")]
    Remove {
        /// The backends; before them the pool, unless default
        #[arg(value_name = "NAME", required = true)]
        places: Vec<String>,
    },
    /// Add or change a pool, until the next reload or restart
    #[command(after_help = SET_POOL, override_usage = "netsocket-balancer ctl set-pool [OPTIONS] <NAME> <JSON>")]
    SetPool {
        /// The pool
        name: String,
        /// Its table, as JSON
        #[arg(value_name = "JSON")]
        table: Option<String>,
    },
    /// Remove pools, until the next reload or restart
    RemovePool {
        /// The pools
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Add or change a service, until the next reload or restart
    #[command(after_help = SET_SERVICE, override_usage = "netsocket-balancer ctl set-service [OPTIONS] <NAME> <JSON>")]
    SetService {
        /// The service
        name: String,
        /// Its table, as JSON
        #[arg(value_name = "JSON")]
        table: Option<String>,
    },
    /// Remove services, until the next reload or restart
    RemoveService {
        /// The services
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Show how the settings differ from the file or the flags
    Diff,
    /// Print the running settings as a file
    Save {
        /// Replace this file, also that of --config
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List open sessions, oldest first
    Sessions {
        /// Only sessions of this backend
        #[arg(long, value_name = "NAME")]
        backend: Option<String>,
    },
    /// Close sessions, or all sessions of a backend
    #[command(
        override_usage = "netsocket-balancer ctl kill [OPTIONS] <ID>...\n       netsocket-balancer ctl kill [OPTIONS] --backend <NAME>"
    )]
    Kill {
        /// The IDs of the sessions, from `ctl sessions`
        #[arg(
            value_name = "ID",
            required_unless_present = "backend",
            conflicts_with = "backend"
        )]
        ids: Vec<String>,
        /// Close all sessions of this backend
        #[arg(long, value_name = "NAME")]
        backend: Option<String>,
    },
    /// Show or change how bytes are relayed: auto, copy or splice
    Relay {
        /// The new mode
        #[arg(value_name = "auto|copy|splice", value_parser = RelayMode::ALL.map(RelayMode::as_str))]
        mode: Option<String>,
    },
    /// List the latest changes of backends
    Transitions,
    /// Reload the settings
    Reload,
    /// Show live figures, updated every second
    Top {
        /// Exit after N updates
        #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = frames)]
        count: Option<u64>,
    },
}

/// The highest weight. The balancer judges by its own: this one is for messages.
pub(super) const MAX_WEIGHT: u32 = 256;

fn weight(text: &str) -> Result<u32, String> {
    let weight = text.parse().ok().filter(|weight| *weight <= MAX_WEIGHT);
    weight.ok_or_else(|| format!("must be 0 to {MAX_WEIGHT}"))
}

fn frames(text: &str) -> Result<u64, String> {
    let frames = text.parse().ok().filter(|frames| *frames > 0);
    frames.ok_or_else(|| "must be a whole number from 1 on".to_owned())
}
