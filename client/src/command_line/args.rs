//! The command line of the program.
//!
//! # Examples
//!
//! ```
//! use clap::Parser as _;
//! use netsocket_client::command_line::args::Args;
//!
//! let args = Args::parse_from(["netsocket", "--json", "find", "--larger", "1M"]);
//! assert!(args.json && !args.quiet);
//! // Everything after the command belongs to the command.
//! assert_eq!(args.words, ["find", "--larger", "1M"]);
//! ```

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use crate::command_line::help;
use crate::command_line::security_args::SecurityArgs;

/// Lists, finds and downloads files from a NetSocket file service.
#[derive(Debug, Parser)]
#[command(name = "netsocket", version)]
pub struct Args {
    /// Settings file (TOML) [default: netsocket/client.toml in the user's config directory, if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Validate the settings and exit
    #[arg(long)]
    pub check_config: bool,

    /// Address of the service [default: 127.0.0.1:8081]
    #[arg(long, value_name = "HOST:PORT")]
    pub server: Option<String>,

    /// TLS and the token.
    #[command(flatten)]
    pub security: SecurityArgs,

    /// Print each result as one JSON object per line
    #[arg(long)]
    pub json: bool,

    /// Print only results, warnings and errors
    #[arg(long, short)]
    pub quiet: bool,

    /// Where to save an archive or a file; - is standard output [default: see help COMMAND]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// A command and its arguments; none to get a prompt
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub words: Vec<OsString>,
}

impl Args {
    /// Parses the command line of this process. Exits for `--help`, `--version` and invalid flags (exit
    /// code 2).
    #[must_use]
    pub fn from_process() -> Self {
        let matches = Self::definition().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    fn definition() -> clap::Command {
        Self::command().after_help(format!(
            "{}\n\
             Flags go before the command: everything after its name belongs to the command.\n\n\
             Without a command and without a terminal, commands are read from standard\n\
             input, one per line. The first failure ends the batch, except on lines that\n\
             begin with -. Lines that begin with # are comments.\n\n\
             Exit codes: 0 found or done, 1 nothing found, 2 usage, 3 cannot connect,\n\
             4 transfer failed, 130 interrupted.",
            help::list()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        let words = std::iter::once("netsocket").chain(words.iter().copied());
        Args::from_arg_matches(&Args::definition().try_get_matches_from(words)?)
    }

    #[test]
    fn the_definition_is_sound() {
        Args::definition().debug_assert();
    }

    #[test]
    fn everything_behind_the_first_word_belongs_to_the_command() {
        for words in [
            &["dirlist", "-a"][..],
            &["w24fn", "--json"],
            &["w24ft", "pdf", "-o", "x", "--quiet"],
            &["w24fn", "--version"],
            &["w24fn", "--", "x"],
        ] {
            let args = parse(words).unwrap();
            assert_eq!(args.words, words);
            assert!(!args.json && !args.quiet && args.output.is_none());
        }
    }

    #[test]
    fn flags_stand_before_the_command() {
        let args = parse(&[
            "--json", "--quiet", "-o", "-", "--server", "a:1", "w24ft", "pdf",
        ]);
        let args = args.unwrap();
        assert!(args.json && args.quiet);
        assert_eq!(args.output, Some("-".into()));
        assert_eq!(args.server.as_deref(), Some("a:1"));
        assert_eq!(args.words, ["w24ft", "pdf"]);
    }

    #[test]
    fn an_unknown_flag_is_no_command() {
        let error = parse(&["--jsn", "dirlist", "-a"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
