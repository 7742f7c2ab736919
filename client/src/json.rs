//! Answers for programs: with `--json` each command prints one JSON object on one line.
//!
//! | command | object |
//! | --- | --- |
//! | `dirlist` | `{"command":"dirlist","names":[NAME, …]}` |
//! | `w24fn` | `{"command":"w24fn","file":{"path":NAME,"size":17,"born":"2026-11-22T11:13:29.123456789+00:00","birth_known":true,"mode":33188}}`, or `"file":null` where there is none |
//! | `w24fz`, `w24ft`, `w24fdb`, `w24fda` | `{"command":"w24ft","saved":NAME,"files":12,"bytes":3565158,"digest":"…","warnings":[{"path":NAME,"problem":"vanished"}, …],"unlisted":0}`; where there is nothing to archive `saved` and `digest` are `null` and the counts 0 |
//! | `help` | `{"command":"help","commands":[{"name":"dirlist","arguments":"-a \| -t","about":"…"}, …]}` |
//! | any that fails | `{"error":{"kind":"usage","message":"…"}}` |
//!
//! `NAME` is a string, or `{"hex":"…"}` with two digits a byte where the name is not UTF-8. `size` and `bytes` count
//! bytes; `born` is the time of the last modification where `birth_known` is false; `mode` is `st_mode`. `saved` is the
//! file as it was given, `-` for standard output; `digest` is the BLAKE3 of its bytes. `problem` is `unreadable`,
//! `vanished`, `shrank`, `grew`, `changed` or `renamed`; `unlisted` counts warnings that the server left out. `kind` is the word of [`Error::kind`]; `message` is for people.

use std::os::unix::ffi::OsStrExt as _;

use netsocket_protocol::command::COMMANDS;
use netsocket_protocol::message::{FileEntry, Warning};
use netsocket_protocol::name::Name;
use serde::Serialize;

use crate::answer::Answer;
use crate::error::Error;

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
    Archive {
        command: &'a str,
        saved: Option<Name>,
        files: u64,
        bytes: u64,
        digest: Option<&'a str>,
        warnings: &'a [Warning],
        unlisted: u64,
    },
    Help {
        command: &'a str,
        commands: Vec<HelpEntry>,
    },
    Failed {
        error: Failure<'a>,
    },
}

#[derive(Serialize)]
struct HelpEntry {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
}

#[derive(Serialize)]
struct Failure<'a> {
    kind: &'a str,
    message: String,
}

/// The line for the answer to the command `word`, newline included.
#[must_use]
pub fn answer_line(word: &str, answer: &Answer) -> Vec<u8> {
    line(&match answer {
        Answer::Help => Object::Help {
            command: word,
            commands: COMMANDS
                .iter()
                .map(|usage| HelpEntry {
                    name: usage.name,
                    arguments: usage.arguments,
                    about: usage.about,
                })
                .collect(),
        },
        Answer::Names(names) => Object::Names {
            command: word,
            names,
        },
        Answer::File(file) => Object::File {
            command: word,
            file: file.as_ref(),
        },
        Answer::Archive(saved) | Answer::Saved(saved) => Object::Archive {
            command: word,
            saved: saved
                .as_ref()
                .map(|saved| Name::from(saved.path.as_os_str().as_bytes())),
            files: saved.as_ref().map_or(0, |saved| saved.files),
            bytes: saved.as_ref().map_or(0, |saved| saved.bytes),
            digest: saved.as_ref().map(|saved| saved.digest.as_str()),
            warnings: saved.as_ref().map_or(&[], |saved| &saved.warnings),
            unlisted: saved.as_ref().map_or(0, |saved| saved.unlisted),
        },
    })
}

/// The line for a command that failed, newline included.
#[must_use]
pub fn error_line(error: &Error) -> Vec<u8> {
    line(&Object::Failed {
        error: Failure {
            kind: error.kind(),
            message: error.to_string(),
        },
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
    use netsocket_protocol::message::Problem;

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
            "{\"command\":\"w24ft\",\"saved\":\"x.tar.gz\",\"files\":12,\"bytes\":3565158,\"digest\":\"d\",\"warnings\":[{\"path\":\"a\",\"problem\":\"vanished\"}],\"unlisted\":0}\n"
        );
        assert_eq!(
            text(answer_line("w24ft", &Answer::Archive(None))),
            "{\"command\":\"w24ft\",\"saved\":null,\"files\":0,\"bytes\":0,\"digest\":null,\"warnings\":[],\"unlisted\":0}\n"
        );
        let help = text(answer_line("help", &Answer::Help));
        assert!(
            help.starts_with("{\"command\":\"help\",\"commands\":[{\"name\":\"dirlist\",\"arguments\":\"-a | -t\",\"about\":"),
            "{help}"
        );
    }

    #[test]
    fn an_error_has_its_kind_and_its_sentence() {
        assert_eq!(
            text(error_line(&Error::Usage("No \"x\"".to_owned()))),
            "{\"error\":{\"kind\":\"usage\",\"message\":\"No \\\"x\\\"\"}}\n"
        );
    }
}
