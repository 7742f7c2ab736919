//! The commands of `ctl`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The part of the command line behind `ctl`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// A file whose first line is the token for changes from another machine
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Print the answer of the API as it is
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Action {
    /// The balancer in a few lines
    Status,
    /// A line for each backend
    Backends,
    /// Let a backend take no new sessions
    Drain {
        /// The backend
        name: String,
        /// Close what is left then, such as 30s; without it sessions end when they end
        #[arg(long, value_name = "TIME")]
        deadline: Option<String>,
        /// Close them over this end of the deadline [default: a third of it]
        #[arg(long, value_name = "TIME", requires = "deadline")]
        spread: Option<String>,
        /// Come back when no session is left
        #[arg(long)]
        wait: bool,
    },
    /// Put a backend back into service
    Ready {
        /// The backend
        name: String,
    },
    /// Take a backend out: no new sessions, no checks
    Maintenance {
        /// The backend
        name: String,
    },
    /// Change the weight of a backend until the configuration is read again
    Weight {
        /// The backend
        name: String,
        /// 0 to 256; 0: no new sessions
        weight: u32,
    },
    /// The open sessions, the oldest first
    Sessions {
        /// Only those of this backend
        #[arg(long, value_name = "NAME")]
        backend: Option<String>,
    },
    /// End a session, or all of a backend
    Kill {
        /// The session, as `ctl sessions` names it
        #[arg(required_unless_present = "backend", conflicts_with = "backend")]
        id: Option<String>,
        /// All of this backend
        #[arg(long, value_name = "NAME")]
        backend: Option<String>,
    },
    /// How bytes are relayed, or change it: auto, copy or splice
    Relay {
        /// The new mode
        mode: Option<String>,
    },
    /// The latest changes of backends' states
    Transitions,
    /// Have the balancer read its configuration again
    Reload,
    /// Figures that follow the balancer, a frame a second
    Top {
        /// End after so many frames
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
}
