//! Results for programs: with `--json` each result is one JSON object on one line.
//!
//! `docs/client.md` has the schema, and a test compares each example there with this code. Names are strings, or
//! `{"hex":"…"}` if they are not UTF-8.

use std::os::unix::ffi::OsStrExt as _;

use netsocket_protocol::message::{FileEntry, Hello, Lacking, Warning};
use netsocket_protocol::name::Name;
use serde::Serialize;

use crate::command_line::commands::{self, CommandSpec};
use crate::outcome::answer::{Answer, Saved, TransferStats};
use crate::outcome::error::Error;
use crate::output::colours::is_directory;
use crate::output::entries::Entry;
use crate::output::status::Status;

#[derive(Serialize)]
#[serde(untagged)]
enum Object<'a> {
    Names {
        command: &'a str,
        names: &'a [Name],
    },
    File {
        command: &'a str,
        file: Option<&'a FileEntry>,
    },
    Saved {
        command: &'a str,
        /// The path on the server; of `get` only.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<&'a Name>,
        saved: Option<Name>,
        files: u64,
        bytes: u64,
        /// Of the files; unpacked archives only.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_bytes: Option<u64>,
        digest: Option<&'a str>,
        warnings: &'a [Warning],
        unlisted: u64,
        journey: StatsObject,
    },
    Entry {
        command: &'a str,
        entry: EntryObject<'a>,
    },
    Lacking {
        command: &'a str,
        warnings: &'a [Warning],
        unlisted: u64,
    },
    Sum {
        command: &'a str,
        path: &'a Name,
        files: u64,
        bytes: u64,
    },
    Status {
        command: &'a str,
        server: String,
        name: &'a str,
        software: &'a str,
        version: u16,
        round_trip_ms: f64,
    },
    Place {
        command: &'a str,
        directory: Name,
    },
    Help {
        command: &'a str,
        commands: Vec<HelpEntry>,
    },
    Failed {
        #[serde(skip_serializing_if = "Option::is_none")]
        command: Option<&'a str>,
        /// The operand.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<&'a Name>,
        error: Failure<'a>,
    },
}

#[derive(Serialize)]
struct StatsObject {
    kept: u64,
    resumed: u32,
    restarted: u32,
    stalled_ms: u64,
    bytes_twice: u64,
}

impl From<TransferStats> for StatsObject {
    fn from(journey: TransferStats) -> Self {
        let TransferStats {
            kept,
            resumed,
            restarted,
            stalled,
            bytes_twice,
        } = journey;
        Self {
            kept,
            resumed,
            restarted,
            stalled_ms: u64::try_from(stalled.as_millis()).unwrap_or(u64::MAX),
            bytes_twice,
        }
    }
}

#[derive(Serialize)]
struct EntryObject<'a> {
    path: &'a Name,
    r#type: &'static str,
    /// Files only.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    born: &'a str,
    birth_known: bool,
    modified: &'a str,
    mode: u32,
}

#[derive(Serialize)]
struct HelpEntry {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<HelpOption>,
}

#[derive(Serialize)]
struct HelpOption {
    option: String,
    about: &'static str,
}

#[derive(Serialize)]
struct Failure<'a> {
    kind: &'a str,
    message: String,
}

impl Failure<'_> {
    fn of(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
        }
    }
}

/// The line for the answer to the command `word`, newline included.
#[must_use]
pub(crate) fn answer_line(word: &str, answer: &Answer) -> Vec<u8> {
    match answer {
        Answer::Names(names) => line(&Object::Names {
            command: word,
            names,
        }),
        Answer::File(file) => line(&Object::File {
            command: word,
            file: file.as_ref(),
        }),
        Answer::Archive(saved) | Answer::Saved(saved) => saved_line(word, None, saved.as_ref()),
    }
}

/// The line for a saved file or archive; `path` is the path of a plain file on the server.
#[must_use]
pub(crate) fn saved_line(word: &str, path: Option<&Name>, saved: Option<&Saved>) -> Vec<u8> {
    saved_or_nothing(word, path, saved, &Lacking::default())
}

/// The line for an archive of nothing; `lacking` is what would perhaps be in it.
#[must_use]
pub(crate) fn nothing_line(word: &str, lacking: &Lacking) -> Vec<u8> {
    saved_or_nothing(word, None, None, lacking)
}

/// The line for what the answer to the command `word` lacks.
#[must_use]
pub(crate) fn lacking_line(word: &str, lacking: &Lacking) -> Vec<u8> {
    line(&Object::Lacking {
        command: word,
        warnings: &lacking.warnings,
        unlisted: lacking.unlisted,
    })
}

fn saved_or_nothing(
    word: &str,
    path: Option<&Name>,
    saved: Option<&Saved>,
    lacking: &Lacking,
) -> Vec<u8> {
    line(&Object::Saved {
        command: word,
        path,
        saved: saved.map(|saved| Name::from(saved.path.as_os_str().as_bytes())),
        files: saved.map_or(0, |saved| saved.files),
        bytes: saved.map_or(0, |saved| saved.bytes),
        file_bytes: saved.and_then(|saved| Some(saved.unpacked?.bytes)),
        digest: saved.map(|saved| saved.digest.as_str()),
        warnings: saved.map_or(&lacking.warnings, |saved| &saved.warnings),
        unlisted: saved.map_or(lacking.unlisted, |saved| saved.unlisted),
        journey: saved
            .map_or_else(TransferStats::default, |saved| saved.stats)
            .into(),
    })
}

/// The line for one entry of a list.
#[must_use]
pub(crate) fn entry_line(word: &str, entry: &Entry) -> Vec<u8> {
    let FileEntry {
        path,
        size,
        born,
        birth_known,
        modified,
        mode,
    } = &entry.file;
    let is_directory = is_directory(&entry.file);
    line(&Object::Entry {
        command: word,
        entry: EntryObject {
            path,
            r#type: if is_directory { "directory" } else { "file" },
            size: (!is_directory).then_some(*size),
            born,
            birth_known: *birth_known,
            modified,
            mode: *mode,
        },
    })
}

/// The line for `status`.
#[must_use]
pub(crate) fn status_line(word: &str, status: &Status) -> Vec<u8> {
    let Hello {
        version,
        software,
        name,
        ..
    } = &status.peer;
    // Rounded to microseconds.
    let round_trip_ms = (status.round_trip.as_secs_f64() * 1e6).round() / 1e3;
    line(&Object::Status {
        command: word,
        server: status.server.clone(),
        name,
        software,
        version: *version,
        round_trip_ms,
    })
}

/// The line for what is in a directory, those below it included.
#[must_use]
pub(crate) fn sum_line(word: &str, path: &Name, files: u64, bytes: u64) -> Vec<u8> {
    line(&Object::Sum {
        command: word,
        path,
        files,
        bytes,
    })
}

/// The line for a working directory, local or on the server.
#[must_use]
pub(crate) fn place_line(word: &str, directory: Name) -> Vec<u8> {
    line(&Object::Place {
        command: word,
        directory,
    })
}

/// The line for all commands, or for one of them with its options.
#[must_use]
pub(crate) fn help_line(topic: Option<&CommandSpec>) -> Vec<u8> {
    let entry = |command: CommandSpec, is_whole: bool| HelpEntry {
        name: command.name,
        arguments: command.arguments,
        about: command.about,
        options: command
            .options()
            .filter(|_| is_whole)
            .map(|spec| HelpOption {
                option: spec.typed(),
                about: spec.about,
            })
            .collect(),
    };
    line(&Object::Help {
        command: "help",
        commands: match topic {
            Some(command) => vec![entry(*command, true)],
            None => commands::all()
                .map(|command| entry(command, false))
                .collect(),
        },
    })
}

/// The line for a command that failed, or for its operand at `path`, newline included.
#[must_use]
pub(crate) fn error_line(command: Option<&str>, path: Option<&Name>, error: &Error) -> Vec<u8> {
    line(&Object::Failed {
        command,
        path,
        error: Failure::of(error),
    })
}

fn line(object: &Object<'_>) -> Vec<u8> {
    // Serialising strings, numbers and lists cannot fail.
    let mut line = serde_json::to_vec(object).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests;
