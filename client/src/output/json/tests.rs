//! What is printed is what the manual shows.

use std::collections::BTreeMap;
use std::time::Duration;

use netsocket_protocol::message::{ErrorKind, ErrorReply, Problem};

use super::*;
use crate::outcome::answer::{Saved, Unpacked};

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
        stats: TransferStats {
            resumed: 1,
            stalled: Duration::from_millis(212),
            bytes_twice: 65_536,
            ..TransferStats::default()
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

fn archive_unpacked() -> Vec<u8> {
    let saved = Saved {
        path: "copy".into(),
        files: 3,
        bytes: 249,
        unpacked: Some(Unpacked {
            bytes: 80_080,
            kept: 0,
        }),
        digest: DIGEST.to_owned(),
        warnings: vec![Warning::of_directory(b"locked")],
        ..Saved::default()
    };
    answer_line("archive", &Answer::Archive(Some(saved)))
}

fn lacks() -> Lacking {
    Lacking {
        warnings: vec![Warning::of_directory(b"locked")],
        unlisted: 0,
    }
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
    let usage = "find takes one name or glob. Usage: find [DIR|FILE]... [NAME|GLOB] [OPTION]...";
    let names = Answer::Names(vec!["documents".into(), Name(b"gr\xfc\xdfe!".to_vec())]);
    let mut page = examples();
    for (name, line) in [
        ("entry", entry_line("find", &entry(report()))),
        ("directory", entry_line("ls", &entry(music))),
        ("get", file_saved()),
        (
            "unfetched",
            error_line(Some("get"), Some(&"none".into()), &Error::Server(missing)),
        ),
        ("archive", archive_saved()),
        ("extract", archive_unpacked()),
        ("nothing", nothing_line("archive", &lacks())),
        ("lacking", lacking_line("find", &lacks())),
        ("names", answer_line("dirlist", &names)),
        ("file", answer_line("w24fn", &Answer::File(Some(report())))),
        ("no-file", answer_line("w24fn", &Answer::File(None))),
        ("status", who_answers()),
        ("sum", sum_line("du", &"documents".into(), 4, 1_315_066)),
        ("place", place_line("pwd", "/documents".into())),
        (
            "error",
            error_line(Some("find"), None, &Error::Usage(usage.to_owned())),
        ),
    ] {
        assert_eq!(page.remove(name), Some(text(line)), "{name}");
    }
    assert!(page.is_empty(), "examples without a check: {page:?}");
}

/// The fenced lines of the page behind `<!-- json: NAME -->`, by name.
fn examples() -> BTreeMap<&'static str, String> {
    let page = include_str!("../../../../docs/client.md");
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
    let page = include_str!("../../../../docs/client.md");
    let (_, kinds) = include_str!("../../outcome/error.rs")
        .split_once("pub fn kind")
        .unwrap();
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
        text(error_line(None, None, &Error::Usage("No \"x\"".to_owned()))),
        "{\"error\":{\"kind\":\"usage\",\"message\":\"No \\\"x\\\"\"}}\n"
    );
}
