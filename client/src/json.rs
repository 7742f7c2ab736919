//! Answers for programs: with `--json` each result is one JSON object on one line.
//!
//! `docs/client.md` has the schema, and a test compares each example there with this code. Names are strings, or
//! `{"hex":"…"}` where they are not UTF-8.

use std::os::unix::ffi::OsStrExt as _;

use netsocket_protocol::message::{FileEntry, Hello, Warning};
use netsocket_protocol::name::Name;
use serde::Serialize;

use crate::answer::{Answer, Journey, Saved};
use crate::colours::is_directory;
use crate::commands::{self, CommandSpec};
use crate::entries::Entry;
use crate::error::Error;
use crate::status::Status;

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
        /// The path on the server; only of plain files.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<&'a Name>,
        saved: Option<Name>,
        files: u64,
        bytes: u64,
        digest: Option<&'a str>,
        warnings: &'a [Warning],
        unlisted: u64,
        journey: JourneyObject,
    },
    Entry {
        command: &'a str,
        entry: EntryObject<'a>,
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
    Unfetched {
        command: &'a str,
        path: &'a Name,
        error: Failure<'a>,
    },
    Failed {
        error: Failure<'a>,
    },
}

#[derive(Serialize)]
struct JourneyObject {
    kept: u64,
    resumed: u32,
    restarted: u32,
    stalled_ms: u64,
    bytes_twice: u64,
}

impl From<Journey> for JourneyObject {
    fn from(journey: Journey) -> Self {
        let Journey {
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
    /// Of files only.
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
pub fn answer_line(word: &str, answer: &Answer) -> Vec<u8> {
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

/// The line for what was saved; `path` is that of a plain file on the server.
#[must_use]
pub fn saved_line(word: &str, path: Option<&Name>, saved: Option<&Saved>) -> Vec<u8> {
    line(&Object::Saved {
        command: word,
        path,
        saved: saved.map(|saved| Name::from(saved.path.as_os_str().as_bytes())),
        files: saved.map_or(0, |saved| saved.files),
        bytes: saved.map_or(0, |saved| saved.bytes),
        digest: saved.map(|saved| saved.digest.as_str()),
        warnings: saved.map_or(&[], |saved| &saved.warnings),
        unlisted: saved.map_or(0, |saved| saved.unlisted),
        journey: saved
            .map_or_else(Journey::default, |saved| saved.journey)
            .into(),
    })
}

/// The line for one of several files that could not be fetched.
#[must_use]
pub fn unfetched_line(word: &str, path: &Name, error: &Error) -> Vec<u8> {
    line(&Object::Unfetched {
        command: word,
        path,
        error: Failure::of(error),
    })
}

/// The line for one entry of a list.
#[must_use]
pub fn entry_line(word: &str, entry: &Entry) -> Vec<u8> {
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

/// The line for who answers, and how fast.
#[must_use]
pub fn status_line(word: &str, status: &Status) -> Vec<u8> {
    let Hello {
        version,
        software,
        name,
        ..
    } = &status.peer;
    // To the microsecond; more is noise.
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

/// The line for where the session is, here or there.
#[must_use]
pub fn place_line(word: &str, directory: Name) -> Vec<u8> {
    line(&Object::Place {
        command: word,
        directory,
    })
}

/// The line for all commands, or for one of them with its options.
#[must_use]
pub fn help_line(topic: Option<&CommandSpec>) -> Vec<u8> {
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

/// The line for a command that failed, newline included.
#[must_use]
pub fn error_line(error: &Error) -> Vec<u8> {
    line(&Object::Failed {
        error: Failure::of(error),
    })
}

fn line(object: &Object<'_>) -> Vec<u8> {
    // Strings, numbers and lists always have a JSON form.
    let mut line = serde_json::to_vec(object).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use netsocket_protocol::message::{ErrorKind, ErrorReply, Problem};

    use super::*;
    use crate::answer::Saved;

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn each_answer_is_one_line_of_the_documented_form() {
        let names = Answer::Names(vec!["a b\n".into(), Name(vec![b'a', 0xff])]);
        assert_eq!(
            text(answer_line("dirlist", &names)),
            "{\"command\":\"dirlist\",\"names\":[\"a b\\n\",{\"hex\":\"61ff\"}]}\n"
        );
        assert_eq!(
            text(answer_line("w24fn", &Answer::File(None))),
            "{\"command\":\"w24fn\",\"file\":null}\n"
        );
        let file = FileEntry {
            path: "a/b".into(),
            size: 17,
            born: "2026-11-22T11:13:29.123456789+00:00".to_owned(),
            birth_known: true,
            modified: String::new(),
            mode: 0o100_644,
        };
        assert_eq!(
            text(answer_line("w24fn", &Answer::File(Some(file)))),
            "{\"command\":\"w24fn\",\"file\":{\"path\":\"a/b\",\"size\":17,\"born\":\"2026-11-22T11:13:29.123456789+00:00\",\"birth_known\":true,\"mode\":33188}}\n"
        );
        let saved = Saved {
            path: "x.tar.gz".into(),
            files: 12,
            bytes: 3_565_158,
            digest: "d".to_owned(),
            warnings: vec![Warning {
                path: "a".into(),
                problem: Problem::Vanished,
            }],
            ..Saved::default()
        };
        assert_eq!(
            text(answer_line("w24ft", &Answer::Archive(Some(saved)))),
            "{\"command\":\"w24ft\",\"saved\":\"x.tar.gz\",\"files\":12,\"bytes\":3565158,\"digest\":\"d\",\"warnings\":[{\"path\":\"a\",\"problem\":\"vanished\"}],\"unlisted\":0,\"journey\":{\"kept\":0,\"resumed\":0,\"restarted\":0,\"stalled_ms\":0,\"bytes_twice\":0}}\n"
        );
        assert_eq!(
            text(answer_line("w24ft", &Answer::Archive(None))),
            "{\"command\":\"w24ft\",\"saved\":null,\"files\":0,\"bytes\":0,\"digest\":null,\"warnings\":[],\"unlisted\":0,\"journey\":{\"kept\":0,\"resumed\":0,\"restarted\":0,\"stalled_ms\":0,\"bytes_twice\":0}}\n"
        );
    }

    fn report() -> FileEntry {
        FileEntry {
            path: "documents/report.pdf".into(),
            size: 76_000,
            born: "2026-11-22T11:13:29.123456789+00:00".to_owned(),
            birth_known: true,
            modified: "2026-11-22T11:14:02.000000000+00:00".to_owned(),
            mode: 0o100_644,
        }
    }

    fn entry(file: FileEntry) -> Entry {
        Entry {
            name: file.path.clone(),
            file,
        }
    }

    const DIGEST: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    fn file_saved() -> Vec<u8> {
        let saved = Saved {
            path: "r.pdf".into(),
            files: 1,
            bytes: 76_000,
            digest: DIGEST.to_owned(),
            journey: Journey {
                resumed: 1,
                stalled: Duration::from_millis(212),
                bytes_twice: 65_536,
                ..Journey::default()
            },
            ..Saved::default()
        };
        saved_line("get", Some(&report().path), Some(&saved))
    }

    fn archive_saved() -> Vec<u8> {
        let saved = Saved {
            path: "x.tar.gz".into(),
            files: 12,
            bytes: 3_565_158,
            digest: DIGEST.to_owned(),
            warnings: vec![Warning {
                path: "a/b.txt".into(),
                problem: Problem::Vanished,
            }],
            ..Saved::default()
        };
        answer_line("archive", &Answer::Archive(Some(saved)))
    }

    fn who_answers() -> Vec<u8> {
        let status = Status {
            server: "127.0.0.1:8081".to_owned(),
            peer: Hello {
                version: 1,
                software: "netsocket-fileserver/0.1.0".to_owned(),
                name: "mirror1".to_owned(),
                features: vec![],
                token: None,
            },
            round_trip: Duration::from_nanos(312_400),
        };
        status_line("status", &status)
    }

    #[test]
    fn the_page_shows_what_is_printed() {
        let music = FileEntry {
            path: "music".into(),
            mode: 0o040_755,
            ..report()
        };
        let missing = ErrorReply::new(ErrorKind::NotFound, "there is no file or directory /none");
        let usage = "find takes one name or glob. Usage: find [NAME|GLOB] [OPTION]...";
        let names = Answer::Names(vec!["documents".into(), Name(b"gr\xfc\xdfe!".to_vec())]);
        let mut page = examples();
        for (name, line) in [
            ("entry", entry_line("find", &entry(report()))),
            ("directory", entry_line("ls", &entry(music))),
            ("get", file_saved()),
            (
                "unfetched",
                unfetched_line("get", &"none".into(), &Error::Server(missing)),
            ),
            ("archive", archive_saved()),
            ("nothing", answer_line("archive", &Answer::Archive(None))),
            ("names", answer_line("dirlist", &names)),
            ("file", answer_line("w24fn", &Answer::File(Some(report())))),
            ("no-file", answer_line("w24fn", &Answer::File(None))),
            ("status", who_answers()),
            ("place", place_line("pwd", "/documents".into())),
            ("error", error_line(&Error::Usage(usage.to_owned()))),
        ] {
            assert_eq!(page.remove(name), Some(text(line)), "{name}");
        }
        assert!(page.is_empty(), "examples without a check: {page:?}");
    }

    /// The fenced lines of the page behind `<!-- json: NAME -->`, by name.
    fn examples() -> BTreeMap<&'static str, String> {
        let page = include_str!("../../docs/client.md");
        let parts = page.split("<!-- json: ").skip(1);
        parts
            .map(|part| {
                let (name, rest) = part.split_once(" -->\n```json\n").unwrap();
                let (line, _) = rest.split_once("```").unwrap();
                (name, line.to_owned())
            })
            .collect()
    }

    #[test]
    fn every_kind_of_error_is_on_the_page() {
        let page = include_str!("../../docs/client.md");
        let (_, kinds) = include_str!("error.rs").split_once("pub fn kind").unwrap();
        let (kinds, _) = kinds.split_once("pub fn is_retryable").unwrap();
        let kinds: Vec<&str> = kinds
            .split("=> \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(kinds.len() > 20, "{kinds:?}");
        for kind in kinds {
            assert!(page.contains(&format!("`{kind}`")), "{kind}");
        }
    }

    #[test]
    fn help_is_a_list_or_one_with_its_options() {
        let read = |line: Vec<u8>| serde_json::from_slice::<serde_json::Value>(&line).unwrap();
        let all = read(help_line(None));
        assert_eq!(
            all["commands"].as_array().map(Vec::len),
            Some(commands::all().count())
        );
        assert_eq!(all["commands"][0]["name"], "ls");
        let one = read(help_line(commands::find(b"status").as_ref()));
        assert_eq!(one["commands"][0]["options"][0]["option"], "--json");
    }

    #[test]
    fn an_error_has_its_kind_and_its_sentence() {
        assert_eq!(
            text(error_line(&Error::Usage("No \"x\"".to_owned()))),
            "{\"error\":{\"kind\":\"usage\",\"message\":\"No \\\"x\\\"\"}}\n"
        );
    }
}
