//! The commands of the old system, their checks and usage lines: one parser for the prompt, one-shot commands and the
//! old wire.

use std::fmt;

use chrono::NaiveDate;

use crate::message::{Order, Request};
use crate::name::Name;
use crate::query::{Query, Sort};

/// The most extensions that `w24ft` takes.
pub const MAX_EXTENSIONS: usize = 3;

/// The longest file name that Linux allows, in bytes.
pub const MAX_NAME: usize = 255;

/// A parsed and checked command.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::command::Command;
/// use netsocket_protocol::message::Request;
/// use netsocket_protocol::query::Query;
///
/// let command = Command::parse(&["w24fz", "1000", "2000"])?;
/// let sizes = Query { size_min: Some(1000), size_max: Some(2000), ..Query::default() };
/// assert_eq!(command.request(), Some(Request::archive(sizes)));
///
/// // As on the old wire: a name may contain spaces.
/// let command = Command::parse_line(b"w24fn annual report.pdf\n")?;
/// assert_eq!(command, Command::FindName("annual report.pdf".into()));
///
/// let refused = Command::parse(&["w24fz", "2000", "1000"]).unwrap_err();
/// let said = "SIZE1 (2000) is larger than SIZE2 (1000). Usage: w24fz SIZE1 SIZE2";
/// assert_eq!(refused.to_string(), said);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `dirlist -a` or `dirlist -t`.
    Directories(Order),
    /// `w24fn NAME`.
    FindName(Name),
    /// `w24fz SIZE1 SIZE2`, `w24ft EXT…`, `w24fdb DATE`, `w24fda DATE`.
    Archive(Query),
    /// `quitc`.
    Quit,
}

/// The usage and description of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The first word.
    pub name: &'static str,
    /// The arguments.
    pub arguments: &'static str,
    /// A short description.
    pub about: &'static str,
}

/// All commands, in the order of the help text.
pub const COMMANDS: [Usage; 7] = [
    Usage {
        name: "dirlist",
        arguments: "-a | -t",
        about: "directories below the root, by name or oldest first",
    },
    Usage {
        name: "w24fn",
        arguments: "NAME",
        about: "first file of that name: path, size, birth, rights",
    },
    Usage {
        name: "w24fz",
        arguments: "SIZE1 SIZE2",
        about: "archive of the files from SIZE1 to SIZE2 bytes",
    },
    Usage {
        name: "w24ft",
        arguments: "EXT1 [EXT2 [EXT3]]",
        about: "archive of the files with these extensions",
    },
    Usage {
        name: "w24fdb",
        arguments: "DATE",
        about: "archive of the files born before DATE, YYYY-MM-DD",
    },
    Usage {
        name: "w24fda",
        arguments: "DATE",
        about: "archive of the files born from DATE on, YYYY-MM-DD",
    },
    Usage {
        name: "quitc",
        arguments: "",
        about: "end the session",
    },
];

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name, arguments, ..
        } = self;
        if arguments.is_empty() {
            write!(f, "Usage: {name}")
        } else {
            write!(f, "Usage: {name} {arguments}")
        }
    }
}

/// Why words are not a command: one sentence, and the usage line if the command is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UsageError {
    /// The problem.
    pub problem: String,
    /// The usage of the command, if its name is known.
    pub usage: Option<Usage>,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.problem)?;
        match &self.usage {
            Some(usage) => write!(f, ". {usage}"),
            None => Ok(()),
        }
    }
}

impl Command {
    /// Parses a command from its words, as split by a shell or a prompt.
    ///
    /// # Errors
    /// [`UsageError`] explains the problem and the correct usage.
    pub fn parse<W: AsRef<[u8]>>(words: &[W]) -> Result<Self, UsageError> {
        let mut words = words.iter().map(AsRef::as_ref);
        let Some(name) = words.next() else {
            return Err(UsageError {
                problem: "No command given".to_owned(),
                usage: None,
            });
        };
        let Some(usage) = COMMANDS
            .into_iter()
            .find(|usage| usage.name.as_bytes() == name)
        else {
            let names = COMMANDS.map(|usage| usage.name).join(", ");
            let problem = format!("Unknown command '{}'; there are {names}", Name::from(name));
            return Err(UsageError {
                problem,
                usage: None,
            });
        };
        let arguments: Vec<&[u8]> = words.collect();
        parse_arguments(usage.name, &arguments).map_err(|problem| UsageError {
            problem,
            usage: Some(usage),
        })
    }

    /// Parses the payload of an old command frame: words separated by spaces, and a newline at the end.
    ///
    /// The name of `w24fn` is everything after the first space, so that names with spaces can be found.
    ///
    /// # Errors
    /// [`UsageError`], also if the newline is missing.
    pub fn parse_line(line: &[u8]) -> Result<Self, UsageError> {
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(UsageError {
                problem: "A command ends with a newline".to_owned(),
                usage: None,
            });
        };
        match line.strip_prefix(b"w24fn ") {
            Some(name) => Self::parse(&[b"w24fn", name]),
            None => {
                let words: Vec<&[u8]> = line
                    .split(|byte| *byte == b' ')
                    .filter(|word| !word.is_empty())
                    .collect();
                Self::parse(&words)
            }
        }
    }

    /// The request on the new wire; none for [`Command::Quit`], which just closes the connection.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        match self {
            Self::Directories(order) => Some(Request::Directories { order: *order }),
            Self::FindName(name) => Some(Request::Find {
                query: Query {
                    name: Some(name.clone()),
                    ..Query::default()
                },
                limit: 1,
                sort: Sort::Path,
                reverse: false,
            }),
            Self::Archive(query) => Some(Request::archive(query.clone())),
            Self::Quit => None,
        }
    }
}

fn parse_arguments(name: &str, arguments: &[&[u8]]) -> Result<Command, String> {
    match name {
        "dirlist" => match arguments {
            [b"-a"] => Ok(Command::Directories(Order::Name)),
            [b"-t"] => Ok(Command::Directories(Order::Born)),
            _ => Err("dirlist takes -a (by name) or -t (oldest first)".to_owned()),
        },
        "w24fn" => match arguments {
            [name] => file_name(name).map(Command::FindName),
            _ => Err("w24fn takes one file name".to_owned()),
        },
        "w24fz" => match arguments {
            [min, max] => sizes(min, max).map(Command::Archive),
            _ => Err("w24fz takes two sizes in bytes".to_owned()),
        },
        "w24ft" => extensions(arguments).map(Command::Archive),
        "w24fdb" => date(name, arguments).map(|day| {
            Command::Archive(Query {
                born_before: Some(day.into()),
                ..Query::default()
            })
        }),
        "w24fda" => date(name, arguments).map(|day| {
            Command::Archive(Query {
                born_from: Some(day.into()),
                ..Query::default()
            })
        }),
        "quitc" if arguments.is_empty() => Ok(Command::Quit),
        _ => Err(format!("{name} takes no arguments")),
    }
}

fn file_name(name: &[u8]) -> Result<Name, String> {
    match name {
        [] => Err("A file name is not empty".to_owned()),
        name if name.contains(&b'/') => {
            Err("NAME is the name of a file, without directories".to_owned())
        }
        name if name.contains(&0) => Err("A file name holds no zero byte".to_owned()),
        name if name.len() > MAX_NAME => Err(format!("A file name has at most {MAX_NAME} bytes")),
        name => Ok(Name::from(name)),
    }
}

fn sizes(min: &[u8], max: &[u8]) -> Result<Query, String> {
    let (min, max) = (size(min)?, size(max)?);
    if min > max {
        return Err(format!("SIZE1 ({min}) is larger than SIZE2 ({max})"));
    }
    Ok(Query {
        size_min: Some(min),
        size_max: Some(max),
        ..Query::default()
    })
}

fn size(word: &[u8]) -> Result<u64, String> {
    let wrong = || {
        format!(
            "'{}' is not a size: a whole number of bytes from 0 to {}",
            Name::from(word),
            u64::MAX
        )
    };
    // `u64::from_str` would accept a plus sign.
    if !word.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    std::str::from_utf8(word)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(wrong)
}

fn extensions(words: &[&[u8]]) -> Result<Query, String> {
    if words.is_empty() || words.len() > MAX_EXTENSIONS {
        return Err(format!("w24ft takes one to {MAX_EXTENSIONS} extensions"));
    }
    let extensions = words.iter().map(|word| {
        // People type `.pdf` as well as `pdf`.
        let extension = word.strip_prefix(b".").unwrap_or(word);
        file_name(extension).map_err(|_| format!("'{}' is not an extension", Name::from(*word)))
    });
    Ok(Query {
        extensions: extensions.collect::<Result<_, _>>()?,
        ..Query::default()
    })
}

fn date(command: &str, arguments: &[&[u8]]) -> Result<NaiveDate, String> {
    let [word] = arguments else {
        return Err(format!("{command} takes one date"));
    };
    let digits_and_dashes = word.len() == 10
        && word.iter().enumerate().all(|(at, byte)| {
            if at == 4 || at == 7 {
                *byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    let day = std::str::from_utf8(word)
        .ok()
        .filter(|_| digits_and_dashes)
        .and_then(|text| text.parse().ok());
    day.ok_or_else(|| format!("'{}' is not a date: YYYY-MM-DD", Name::from(*word)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(line: &str) -> Result<Command, UsageError> {
        Command::parse(&line.split(' ').collect::<Vec<_>>())
    }

    fn archive(query: Query) -> Result<Command, UsageError> {
        Ok(Command::Archive(query))
    }

    #[test]
    fn right_commands_are_read() {
        let day = NaiveDate::from_ymd_opt(2024, 2, 29);
        assert_eq!(parse("dirlist -a"), Ok(Command::Directories(Order::Name)));
        assert_eq!(parse("dirlist -t"), Ok(Command::Directories(Order::Born)));
        assert_eq!(parse("w24fn a.txt"), Ok(Command::FindName("a.txt".into())));
        assert_eq!(
            parse("w24fz 0 1024"),
            archive(Query {
                size_min: Some(0),
                size_max: Some(1024),
                ..Query::default()
            })
        );
        assert_eq!(
            parse("w24ft pdf .txt c"),
            archive(Query {
                extensions: vec!["pdf".into(), "txt".into(), "c".into()],
                ..Query::default()
            })
        );
        assert_eq!(
            parse("w24fdb 2024-02-29"),
            archive(Query {
                born_before: day.map(Into::into),
                ..Query::default()
            })
        );
        assert_eq!(
            parse("w24fda 2024-02-29"),
            archive(Query {
                born_from: day.map(Into::into),
                ..Query::default()
            })
        );
        assert_eq!(parse("quitc"), Ok(Command::Quit));
    }

    #[test]
    fn wrong_commands_say_what_is_wrong_and_how_it_is_right() {
        for (line, problem) in [
            (
                "",
                "Unknown command ''; there are dirlist, w24fn, w24fz, w24ft, w24fdb, w24fda, quitc",
            ),
            (
                "dirlist",
                "dirlist takes -a (by name) or -t (oldest first). Usage: dirlist -a | -t",
            ),
            (
                "dirlist -x",
                "dirlist takes -a (by name) or -t (oldest first). Usage: dirlist -a | -t",
            ),
            ("w24fn", "w24fn takes one file name. Usage: w24fn NAME"),
            (
                "w24fn a/b",
                "NAME is the name of a file, without directories. Usage: w24fn NAME",
            ),
            (
                "w24fz 1",
                "w24fz takes two sizes in bytes. Usage: w24fz SIZE1 SIZE2",
            ),
            (
                "w24fz 2 1",
                "SIZE1 (2) is larger than SIZE2 (1). Usage: w24fz SIZE1 SIZE2",
            ),
            (
                "w24ft",
                "w24ft takes one to 3 extensions. Usage: w24ft EXT1 [EXT2 [EXT3]]",
            ),
            (
                "w24ft a b c d",
                "w24ft takes one to 3 extensions. Usage: w24ft EXT1 [EXT2 [EXT3]]",
            ),
            (
                "w24fdb 2024-13-01",
                "'2024-13-01' is not a date: YYYY-MM-DD. Usage: w24fdb DATE",
            ),
            (
                "w24fda 24-1-1",
                "'24-1-1' is not a date: YYYY-MM-DD. Usage: w24fda DATE",
            ),
            ("w24fda", "w24fda takes one date. Usage: w24fda DATE"),
            ("quitc now", "quitc takes no arguments. Usage: quitc"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), problem, "{line}");
        }
        for word in ["-1", "+1", "1k", "99999999999999999999", "0x10"] {
            assert!(parse(&format!("w24fz 0 {word}")).is_err(), "{word}");
        }
    }

    #[test]
    fn an_old_line_keeps_every_byte_of_a_name() {
        assert_eq!(
            Command::parse_line(b"w24fn a b\n.txt\n"),
            Ok(Command::FindName("a b\n.txt".into()))
        );
        assert_eq!(
            Command::parse_line(b"w24fn x; rm -rf ~\n"),
            Ok(Command::FindName("x; rm -rf ~".into()))
        );
        assert_eq!(Command::parse_line(b"quitc\n"), Ok(Command::Quit));
        assert!(Command::parse_line(b"quitc").is_err());
        assert!(Command::parse_line(b"\n").is_err());
    }

    proptest! {
        #[test]
        fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Command::parse_line(&line);
            let _ = Command::parse_line(&[b"w24fda ", &line[..], b"\n"].concat());
        }
    }
}
