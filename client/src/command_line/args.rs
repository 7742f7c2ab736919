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

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};
use netsocket_protocol::name::Name;
use netsocket_settings::nearest;

use crate::command_line::habits;
use crate::command_line::help;
use crate::command_line::security_args::SecurityArgs;

/// Lists, finds and downloads files from a NetSocket file service.
#[derive(Debug, Parser)]
#[command(name = "netsocket", version)]
pub struct Args {
    /// Settings file (TOML)
    /// [default: ~/.config/netsocket/client.toml]
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub config: Option<PathBuf>,

    /// Validate the settings and exit
    #[arg(long)]
    pub check_config: bool,

    /// Address of the service
    /// [default: 127.0.0.1:8081]
    #[arg(long, value_name = "HOST:PORT", verbatim_doc_comment)]
    pub server: Option<String>,

    /// TLS and the token.
    #[command(flatten)]
    pub security: SecurityArgs,

    /// One JSON object per line for each result
    #[arg(long)]
    pub json: bool,

    /// Print only results, warnings and errors
    #[arg(long, short)]
    pub quiet: bool,

    /// Where to save an archive or a file;
    /// - is standard output
    #[arg(long, short, value_name = "FILE", verbatim_doc_comment)]
    pub output: Option<PathBuf>,

    /// A command and its arguments; none to get a prompt
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub words: Vec<OsString>,
}

impl Args {
    /// Parses a command line, the name of the program included. Exits for `--help` and `--version`.
    ///
    /// # Errors
    /// What is wrong with the flags.
    pub fn of_words(words: &[OsString]) -> Result<Self, String> {
        match Self::definition().try_get_matches_from(words) {
            Err(shown) if !shown.use_stderr() => shown.exit(),
            matches => Self::parsed(words, matches),
        }
    }

    fn parsed(
        words: &[OsString],
        matches: Result<ArgMatches, clap::Error>,
    ) -> Result<Self, String> {
        let given = matches.and_then(|matches| Self::from_arg_matches(&matches));
        let args = given.map_err(|error| refusal(&error, words))?;
        let before = words.len().saturating_sub(args.words.len());
        match words.iter().take(before).find_map(long_with_one_dash) {
            Some((typed, long)) => Err(format!("there is no flag {typed}; did you mean {long}?")),
            None => match separate_value(words.get(..=before).unwrap_or_default()) {
                Some((flag, value)) => Err(format!(
                    "{flag} takes its value with = only; did you mean {flag}={value}?"
                )),
                None => Ok(args),
            },
        }
    }

    /// Whether that is a long flag of the program, with its dashes.
    pub(crate) fn has_flag(word: &str) -> bool {
        Self::long_flags().iter().any(|flag| flag == word)
    }

    /// The long flags, with their dashes.
    fn long_flags() -> Vec<String> {
        let definition = Self::definition();
        let longs = definition.get_arguments().filter_map(clap::Arg::get_long);
        let longs = longs.chain(["help", "version"]);
        longs.map(|long| format!("--{long}")).collect()
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

/// `-output FILE`, which would save to a file `utput`: as typed, and as meant.
fn long_with_one_dash(word: &OsString) -> Option<(String, String)> {
    // At each start, of most words no more is looked at.
    let has_one_dash = |typed: &&str| typed.starts_with('-') && !typed.starts_with("--");
    let typed = word.to_str().filter(has_one_dash)?;
    if typed.len() <= 2 {
        return None;
    }
    let long = format!("-{typed}");
    Args::long_flags()
        .contains(&long)
        .then(|| (typed.to_owned(), long))
}

/// `--tls on`: a flag whose value may be left out, and the word behind it, the last of these, that is one of its values.
fn separate_value(words: &[OsString]) -> Option<(String, String)> {
    let [.., flag, value] = words else {
        return None;
    };
    let (flag, value) = (flag.to_str()?, value.to_str()?);
    let definition = Args::definition();
    let mut arguments = definition.get_arguments();
    let takes = arguments.find(|argument| {
        let is_meant = argument
            .get_long()
            .is_some_and(|long| flag.strip_prefix("--") == Some(long));
        is_meant && argument.is_require_equals_set()
    })?;
    let mut values = takes
        .get_value_names()?
        .iter()
        .flat_map(|names| names.split('|'));
    values
        .any(|name| name == value)
        .then(|| (flag.to_owned(), value.to_owned()))
}

/// Why the flags are refused: what to use instead, where that is known, or else what clap says.
fn refusal(error: &clap::Error, words: &[OsString]) -> String {
    let typed = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(typed))) => typed,
        _ => {
            let said = error.render().to_string();
            let said = said.strip_prefix("error: ").unwrap_or(&said);
            return said
                .lines()
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join("\n");
        }
    };
    // clap reads it letter by letter, and names the first that it does not know.
    let is_in = |(word, _): &(String, String)| match typed.strip_prefix('-') {
        Some(letter) if letter.chars().count() == 1 => word.contains(letter),
        _ => false,
    };
    let one_dash = words.iter().filter_map(long_with_one_dash).find(is_in);
    if let Some((word, long)) = one_dash {
        return format!("there is no flag {word}; did you mean {long}?");
    }
    let typed = Name::from(typed.as_str());
    let shown = typed.to_string();
    if let Some(instead) = habits::for_flag(&shown) {
        return format!("there is no flag {shown}: {instead}");
    }
    let flags = Args::long_flags();
    match nearest(&shown, flags.iter().map(String::as_str)) {
        Some(near) => format!("there is no flag {shown}; did you mean {near}?"),
        None => format!("there is no flag {shown}; netsocket --help lists all"),
    }
}

#[cfg(test)]
impl Args {
    /// Parses a command line, the name of the program included; says why it is refused.
    pub(crate) fn parse_words<const N: usize>(words: [&str; N]) -> Result<Self, String> {
        let words = words.map(OsString::from);
        Self::parsed(&words, Self::definition().try_get_matches_from(&words))
    }

    /// Every flag, with its dashes.
    pub(crate) fn flags() -> Vec<String> {
        let definition = Self::definition();
        let shorts = definition.get_arguments().filter_map(clap::Arg::get_short);
        let shorts: Vec<String> = shorts.map(|short| format!("-{short}")).collect();
        [Self::long_flags(), shorts].concat()
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
    fn the_help_fits_a_terminal() {
        for help in [
            Args::definition().render_help(),
            Args::definition().render_long_help(),
        ] {
            let help = help.to_string();
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
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

    #[test]
    fn what_is_wrong_with_the_flags_is_said_without_wrong_advice() {
        let said = |words: [&str; 4]| Args::parse_words(words).unwrap_err();
        for (words, expected) in [
            (
                ["netsocket", "--jsn", "ls", "x"],
                "there is no flag --jsn; did you mean --json?",
            ),
            (
                ["netsocket", "-server", "a:1", "ls"],
                "there is no flag -server; did you mean --server?",
            ),
            (
                ["netsocket", "-output", "f", "ls"],
                "there is no flag -output; did you mean --output?",
            ),
            (
                ["netsocket", "-quiet", "find", "-size"],
                "there is no flag -quiet; did you mean --quiet?",
            ),
            (
                ["netsocket", "--tls", "on", "ls"],
                "--tls takes its value with = only; did you mean --tls=on?",
            ),
            (
                ["netsocket", "-b", "batch.txt", ""],
                "there is no flag -b: netsocket < FILE runs the commands of a file",
            ),
            (
                ["netsocket", "-Z", "ls", "-quiet"],
                "there is no flag -Z; netsocket --help lists all",
            ),
        ] {
            assert_eq!(said(words), expected, "{words:?}");
        }
        let said = Args::parse_words(["netsocket", "--server"]).unwrap_err();
        assert!(
            said.starts_with("a value is required for '--server"),
            "{said}"
        );
        // What follows the command belongs to it.
        assert!(Args::parse_words(["netsocket", "find", "-output", "-quiet"]).is_ok());
    }
}
