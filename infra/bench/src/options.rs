//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::case::{Case, http, services, tls};
use crate::files;
use crate::hyper_alone;
use crate::peer::{Peer, copy, floor, uring};
use crate::{curves, scale, soak, tether};

/// Rounds, where nobody says otherwise.
pub const DEFAULT_ROUNDS: u32 = 3;
/// Seconds of load in each part of a round.
pub const DEFAULT_SECONDS: u64 = 5;

/// Measures the balancer beside other relays on the same work
#[derive(Debug, Clone, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
pub struct Options {
    /// What to measure [default: every case but integrity]
    #[arg(value_name = "CASE")]
    pub cases: Vec<Case>,
    /// Rounds in which every peer has its turn [default: 3, integrity 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
    /// Seconds of load in each part of a round
    #[arg(long, value_name = "S", default_value_t = DEFAULT_SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Who takes part [default: all but the variants of netsocket; in integrity netsocket alone]
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    pub peers: Vec<Peer>,
    /// Write the report to this file, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw an SVG picture of each table into this directory
    #[arg(long, value_name = "DIR")]
    pub plot: Option<PathBuf>,
    /// Repeat the random sizes and pauses of another run
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// The Kafka of the peer netsocket-kafka
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,
    /// Only list the cases and the peers, and what is missing here
    #[arg(long)]
    pub list: bool,
    /// What this program is when it is started by itself.
    #[command(subcommand)]
    pub role: Option<Role>,
}

/// What this program is when it is started by itself; and the group of cases that has no peers.
#[derive(Debug, Clone, Subcommand)]
pub enum Role {
    /// Becomes another program that ends with the process that started it.
    #[command(name = tether::SUBCOMMAND, hide = true)]
    Tether {
        /// The process to end with.
        parent: u32,
        /// The other program.
        program: PathBuf,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measures the file server beside find, fd, tar, pigz, zstd and nginx, on trees that are made once
    #[command(name = files::SUBCOMMAND)]
    Files {
        /// What to measure [default: everything]
        #[arg(value_name = "PART")]
        parts: Vec<files::Part>,
        /// Rounds in which everyone has a turn
        #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// Measures the file server over HTTP beside nginx, miniserve, dufs and hyper alone
    #[command(name = http::SUBCOMMAND)]
    Http {
        /// Rounds in which everyone has a turn
        #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// Measures 100 services of 100 backends, and picks among 1,000 backends
    #[command(name = services::SUBCOMMAND)]
    Services {
        /// Rounds
        #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// Measures the balancer beside HAProxy where both end TLS, with the same certificate
    #[command(name = tls::SUBCOMMAND)]
    Tls {
        /// Rounds in which both have a turn
        #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Seconds of new handshakes
        #[arg(long, value_name = "S", default_value_t = DEFAULT_SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
    /// Measures one balancer with many sessions while it reloads, restarts, drains and shows its page
    #[command(name = scale::SUBCOMMAND)]
    Scale(scale::Size),
    /// Measures one balancer for an hour under everything at once, while file servers are killed; judges bytes and memory
    #[command(name = soak::SUBCOMMAND)]
    Soak(soak::Size),
    /// Measures what a connection and a gigabyte cost as sessions, backends or flows become more
    #[command(name = curves::SUBCOMMAND)]
    Curves {
        /// Rounds in which everyone has a turn
        #[arg(long, value_name = "N", default_value_t = DEFAULT_ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Draw an SVG picture of each table into this directory
        #[arg(long, value_name = "DIR")]
        plot: Option<PathBuf>,
    },
    /// The plain relay.
    #[command(name = copy::SUBCOMMAND, hide = true)]
    Copy(RelayArguments),
    /// The minimal relay.
    #[command(name = floor::SUBCOMMAND, hide = true)]
    Floor(RelayArguments),
    /// The minimal server.
    #[command(name = hyper_alone::SUBCOMMAND, hide = true)]
    HyperAlone {
        /// Where clients connect.
        listen: SocketAddr,
    },
    /// The minimal relay on io_uring.
    #[command(name = uring::SUBCOMMAND, hide = true)]
    Uring(RelayArguments),
}

/// What one of our own relays is told.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct RelayArguments {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where they are led.
    pub backend: SocketAddr,
    /// Threads.
    pub threads: usize,
}

impl Options {
    /// The cases to run.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        if !self.cases.is_empty() {
            return self.cases.clone();
        }
        let is_usual = |case: &Case| !case.is_a_check();
        Case::ALL.into_iter().filter(is_usual).collect()
    }

    /// The peers of a case.
    #[must_use]
    pub fn peers(&self, case: Case) -> Vec<Peer> {
        if !self.peers.is_empty() {
            return self.peers.clone();
        }
        if case.is_a_check() {
            return vec![Peer::Netsocket];
        }
        Peer::USUAL.to_vec()
    }

    /// The rounds of a case.
    #[must_use]
    pub fn rounds(&self, case: Case) -> usize {
        let usual = if case.is_a_check() { 1 } else { DEFAULT_ROUNDS };
        usize::try_from(self.rounds.unwrap_or(usual)).unwrap_or(usize::MAX)
    }

    /// Whether a run is not whole without `peer`.
    #[must_use]
    pub fn needs(&self, peer: Peer) -> bool {
        peer == Peer::Netsocket || self.peers.contains(&peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_run_measures_and_does_not_check() {
        let options = Options::parse_from(["bench"]);
        assert_eq!(options.cases().len(), Case::ALL.len() - 1);
        assert_eq!(options.peers(Case::Bulk1), Peer::USUAL);
        assert_eq!(options.rounds(Case::Bulk1), 3);
        let check = Options::parse_from(["bench", "integrity"]);
        assert_eq!(check.peers(Case::Integrity), [Peer::Netsocket]);
        assert_eq!(check.rounds(Case::Integrity), 1);
    }

    #[test]
    fn what_is_said_wins() {
        let words = "bench bulk1 connect --peers floor,netsocket --rounds 2 --seconds 1 --seed 7";
        let options = Options::parse_from(words.split(' '));
        assert_eq!(options.cases(), [Case::Bulk1, Case::Connect]);
        assert_eq!(options.peers(Case::Connect), [Peer::Floor, Peer::Netsocket]);
        assert_eq!((options.rounds(Case::Integrity), options.seconds), (2, 1));
        assert!(options.needs(Peer::Floor) && !options.needs(Peer::Nginx));
        for wrong in ["bench bulk2", "bench --rounds 0", "bench --peers apache"] {
            assert!(
                Options::try_parse_from(wrong.split(' ')).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn arguments_of_a_tethered_program_are_its_own() {
        let options = Options::parse_from(["bench", "tether", "7", "/bin/x", "--list", "-c"]);
        assert!(!options.list);
        let Some(Role::Tether { arguments, .. }) = options.role else {
            panic!("another role");
        };
        assert_eq!(arguments, ["--list", "-c"]);
    }
}
