//! What one line of the prompt or one command line asks this program to do.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use netsocket_protocol::command::{COMMANDS, Command};
use netsocket_protocol::message::Request;

use crate::error::Error;

/// The commands whose answer is an archive; these take `-o FILE` as their last words.
pub const ARCHIVE_COMMANDS: [&str; 4] = ["w24fz", "w24ft", "w24fdb", "w24fda"];

/// Words that this program understands beside the commands of the service.
pub const LOCAL_COMMANDS: [(&str, &str); 2] = [
    ("help", "this list"),
    ("quit, exit", "end the session, as quitc does"),
];

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one task at a time, and most of them ask"
)]
pub enum Task {
    /// List the commands.
    Help,
    /// End the session.
    Quit,
    /// Ask the server.
    Ask {
        /// The command's first word, for the answer.
        word: &'static str,
        /// What the server is asked, the command's checks passed.
        request: Request,
        /// The `-o` behind it.
        output: Option<PathBuf>,
    },
}

impl Task {
    /// Reads the words of a line or a command line; at least one.
    ///
    /// # Errors
    /// [`Error::Usage`] with the usage sentence.
    pub fn parse(words: &[Vec<u8>]) -> Result<Self, Error> {
        let name = words.first().map(Vec::as_slice).unwrap_or_default();
        match (name, words.len()) {
            (b"help", 1) => return Ok(Self::Help),
            (b"quit" | b"exit", 1) => return Ok(Self::Quit),
            (b"help" | b"quit" | b"exit", _) => {
                let name = String::from_utf8_lossy(name);
                return Err(Error::Usage(format!(
                    "{name} takes no arguments. Usage: {name}"
                )));
            }
            _ => {}
        }
        let (words, output) = take_output(words)?;
        let command = Command::parse(words)?;
        let word = COMMANDS
            .iter()
            .map(|usage| usage.name)
            .find(|known| known.as_bytes() == name)
            .unwrap_or_default();
        Ok(match command.request() {
            Some(request) => Self::Ask {
                word,
                request,
                output,
            },
            // Only the end of the session asks nothing.
            None => Self::Quit,
        })
    }
}

/// Takes `-o FILE` off the end of an archive command.
fn take_output(words: &[Vec<u8>]) -> Result<(&[Vec<u8>], Option<PathBuf>), Error> {
    let is_archive = words.first().is_some_and(|name| {
        ARCHIVE_COMMANDS
            .iter()
            .any(|known| known.as_bytes() == name)
    });
    match words {
        [before @ .., flag, file] if is_archive && flag == b"-o" => {
            Ok((before, Some(OsString::from_vec(file.clone()).into())))
        }
        [_, .., flag] if is_archive && flag == b"-o" => Err(Error::Usage(
            "-o takes the name of a file, or - for standard output".to_owned(),
        )),
        _ => Ok((words, None)),
    }
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::query::Query;

    use super::*;

    fn parse(line: &str) -> Result<Task, String> {
        Task::parse(&crate::words::split(line.as_bytes()).unwrap())
            .map_err(|error| error.to_string())
    }

    fn extensions(names: &[&str]) -> Request {
        let query = Query {
            extensions: names.iter().map(|name| (*name).into()).collect(),
            ..Query::default()
        };
        Request::archive(query)
    }

    #[test]
    fn the_output_stands_behind_an_archive_command() {
        assert_eq!(
            parse("w24ft pdf txt -o 'my x.tar.gz'"),
            Ok(Task::Ask {
                word: "w24ft",
                request: extensions(&["pdf", "txt"]),
                output: Some("my x.tar.gz".into()),
            })
        );
        assert_eq!(
            parse("w24ft pdf"),
            Ok(Task::Ask {
                word: "w24ft",
                request: extensions(&["pdf"]),
                output: None
            })
        );
        assert!(
            parse("w24ft pdf -o")
                .unwrap_err()
                .starts_with("-o takes the name")
        );
        assert!(
            parse("w24ft -o x")
                .unwrap_err()
                .contains("one to 3 extensions")
        );
    }

    #[test]
    fn elsewhere_it_is_a_word_like_others() {
        assert!(matches!(
            parse("w24fn -o"),
            Ok(Task::Ask { word: "w24fn", .. })
        ));
        assert_eq!(
            parse("dirlist -a -o x").unwrap_err(),
            "dirlist takes -a (by name) or -t (oldest first). Usage: dirlist -a | -t"
        );
    }

    #[test]
    fn each_way_out_is_one() {
        for line in ["quitc", "quit", "exit"] {
            assert_eq!(parse(line), Ok(Task::Quit), "{line}");
        }
        assert_eq!(parse("help"), Ok(Task::Help));
        assert_eq!(
            parse("exit now").unwrap_err(),
            "exit takes no arguments. Usage: exit"
        );
        assert_eq!(
            parse("quitc now").unwrap_err(),
            "quitc takes no arguments. Usage: quitc"
        );
    }

    #[test]
    fn the_archive_commands_are_those_of_the_protocol() {
        let arguments = |name: &str| match name {
            "dirlist" => "-a",
            "w24fz" => "1 2",
            "w24fdb" | "w24fda" => "2024-01-01",
            "quitc" => "",
            _ => "x",
        };
        let archives: Vec<&str> = COMMANDS
            .iter()
            .map(|usage| usage.name)
            .filter(|name| {
                let task = parse(&format!("{name} {}", arguments(name))).unwrap();
                matches!(
                    task,
                    Task::Ask {
                        request: Request::Archive { .. },
                        ..
                    }
                )
            })
            .collect();
        assert_eq!(archives, ARCHIVE_COMMANDS);
    }
}
