//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use netsocket_settings::{CommonCommand, Flag, Layers};

use crate::ctl;

/// Accepts every client, picks a backend, relays bytes both ways.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "netsocket-balancer", version)]
pub struct Flags {
    /// Settings file (TOML)
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only check the settings: print OK, or every problem, and exit
    #[arg(long)]
    pub check_config: bool,
    /// Where clients connect [default: 0.0.0.0:8081]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// A backend; repeat it for more
    #[arg(long = "backend", value_name = "NAME=HOST:PORT")]
    pub backends: Vec<String>,
    /// Where the status page, metrics and API are [default: 127.0.0.1:8404]
    #[arg(long, global = true, value_name = "ADDR|unix:PATH")]
    pub admin: Option<String>,
    /// Send telemetry to this Kafka broker
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,
    /// Something else than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Something else than to serve.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Ask a running balancer, or change it, through its admin HTTP
    Ctl(ctl::Arguments),
    /// What every server does besides its work.
    #[command(flatten)]
    Common(CommonCommand),
}

impl Flags {
    /// The layers that begin with this command line.
    #[must_use]
    pub fn layers(&self) -> Layers<'_> {
        let single = [
            ("listen", &self.listen),
            ("admin", &self.admin),
            ("kafka", &self.kafka),
        ];
        let mut flags: Vec<(&'static str, Flag)> = single
            .into_iter()
            .filter_map(|(key, value)| Some((key, Flag::One(value.clone()?))))
            .collect();
        if !self.backends.is_empty() {
            flags.push(("backends", Flag::Many(self.backends.clone())));
        }
        Layers {
            file: self.config.as_deref(),
            flags,
        }
    }
}
