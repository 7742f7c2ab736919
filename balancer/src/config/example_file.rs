//! `infra/config/balancer.toml` has every key, with its default where there is one.

use std::collections::{BTreeMap, BTreeSet};

use netsocket_settings::parse_duration;

use super::entry_keys::BACKEND_KEYS;
use super::keys::{LISTS, NESTED, TABLES, in_table};
use super::load::tests::load_text;
use super::raw::all_keys;
use super::settings::Config;

const FILE: &str = include_str!("../../../infra/config/balancer.toml");

/// Keys that name files which are not there, that exclude each other, or whose default is the machine's.
const NOT_TAKEN: [&str; 11] = [
    "admin_token_file",
    "admin_read_token_file",
    "kafka_tls_ca",
    "kafka_tls_cert",
    "kafka_tls_key",
    "check_send",
    "check_expect",
    "check_expect_pattern",
    "check_path",
    "check_host",
    "check_status",
];

/// `key = value` of a line, and whether it is a comment. A sign before a space begins a sentence.
fn entry(line: &str) -> Option<(&str, &str, bool)> {
    let bare = line.strip_prefix('#');
    let (key, value) = bare.unwrap_or(line).split_once(" = ")?;
    let is_key = key
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
    is_key.then_some((key, value, bare.is_some()))
}

/// The full names of all keys, with their values and whether they are comments.
fn entries() -> BTreeMap<String, (&'static str, bool)> {
    let mut table = String::new();
    let mut found = BTreeMap::new();
    for line in FILE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            table = format!("{name}_");
        } else if let Some((key, value, is_comment)) = entry(line) {
            let twice = found.insert(format!("{table}{key}"), (value, is_comment));
            assert_eq!(twice, None, "{line}");
        }
    }
    found
}

#[test]
fn every_key_is_there() {
    let found = entries();
    let tables: BTreeSet<&str> = TABLES.iter().map(|key| key.name).collect();
    for key in all_keys().iter().map(|key| key.name) {
        let is_list = LISTS.iter().chain(&NESTED).any(|list| list.name == key);
        if is_list {
            assert!(FILE.contains(&format!("[{key}]")), "{key}");
        } else if tables.contains(key) {
            assert!(FILE.contains(&format!("\n[{key}]\n")), "[{key}]");
        } else {
            assert!(found.contains_key(key), "{key} {:?}", in_table(key));
        }
    }
    let (_, backend) = FILE.split_once("\n# [[backends]]\n").unwrap();
    for key in BACKEND_KEYS {
        assert!(backend.contains(&format!("# {key} = ")), "{key}");
    }
}

#[test]
fn comments_are_defaults_and_may_be_taken_in() {
    let found = entries();
    for (key, default) in Config::default().shown() {
        let (value, is_comment) = found[key];
        if let Some(default) = default.filter(|_| is_comment && key != "workers") {
            let value = value.trim_matches('"');
            // 60s are 1m.
            let (time, default_time) = (parse_duration(value), parse_duration(&default));
            assert!(
                value == default || (time.is_ok() && time == default_time),
                "{key} = {value}, not {default}"
            );
        }
    }
    let mut table = String::new();
    let text: String = FILE.lines().fold(String::new(), |all, line| {
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            table = format!("{name}_");
        }
        let taken = entry(line).filter(|(key, ..)| {
            let full = format!("{table}{key}");
            !NOT_TAKEN.contains(&full.as_str())
        });
        let line = match taken {
            Some((key, value, _)) => format!("{key} = {value}"),
            None => line.to_owned(),
        };
        all + &line + "\n"
    });
    load_text(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let (_, backend) = FILE.split_once("\n# [[backends]]\n").unwrap();
    let lines = backend.lines().filter_map(|line| {
        let line = line.strip_prefix("# ")?;
        entry(line).map(|_| format!("{line}\n"))
    });
    let backend: String = lines.collect();
    let text = format!("[agent]\nport = 8009\n[[backends]]\n{backend}");
    load_text(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
}
