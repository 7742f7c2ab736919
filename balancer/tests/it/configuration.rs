//! `docs/configuration.md` says what the program does: every key, its names, its default, its example.

use std::io::Write as _;

use netsocket_balancer::Config;
use netsocket_balancer::config::{BACKEND_KEYS, KEYS, in_table};
use netsocket_settings::{Key, LOG_KEYS, Layers, Problems};

const PAGE: &str = include_str!("../../../docs/configuration.md");

/// What the page says about one key.
struct Entry {
    key: &'static str,
    body: String,
    example: &'static str,
}

impl Entry {
    fn read(section: &'static str) -> Self {
        let (key, rest) = section.split_once("`\n").unwrap();
        let (body, rest) = rest
            .split_once("```toml\n")
            .unwrap_or_else(|| panic!("{key} has no example"));
        // Lists are wrapped; what is indented goes on.
        let body = body.replace("\n  ", " ");
        Self {
            key,
            body,
            example: rest.split_once("\n```").unwrap().0,
        }
    }

    fn line(&self, label: &str) -> Option<&str> {
        self.body.lines().find_map(|line| {
            line.strip_prefix("- ")?
                .strip_prefix(label)?
                .strip_prefix(": ")
        })
    }
}

fn entries() -> Vec<Entry> {
    PAGE.split("\n### `").skip(1).map(Entry::read).collect()
}

fn keys() -> impl Iterator<Item = Key> {
    KEYS.into_iter().chain(LOG_KEYS)
}

/// The settings of a file with this text.
pub fn load(text: &str) -> Result<Config, Problems> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let layers = Layers {
        file: Some(file.path()),
        flags: vec![],
    };
    Config::load(&layers, |_| None)
}

/// A file with `text` in it and nothing missing.
fn whole(text: &str) -> String {
    match text.contains("backends") {
        true => text.to_owned(),
        false => format!("backends = ['a=h:1']\n{text}"),
    }
}

#[test]
fn every_key_has_its_place_and_nothing_else_has() {
    let mut expected: Vec<String> = keys().map(|key| key.name.to_owned()).collect();
    expected.extend(BACKEND_KEYS.map(|key| format!("backends.{key}")));
    expected.sort();
    let mut found: Vec<&str> = entries().iter().map(|entry| entry.key).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn the_indexes_have_every_key() {
    let (_, rest) = PAGE.split_once("## Index by task\n").unwrap();
    let (tasks, rest) = rest.split_once("## Index of keys\n").unwrap();
    let keys = rest.split("\n## ").next().unwrap();
    let mut entries = entries();
    entries.sort_by_key(|entry| entry.key);
    let mut expected = Vec::new();
    for entry in entries {
        let anchor = format!("](#{})", entry.key.replace('.', ""));
        assert!(tasks.contains(&anchor), "{} belongs to no task", entry.key);
        expected.push(format!("| [`{}`{anchor} | ", entry.key));
    }
    let rows: Vec<&str> = keys.lines().filter(|row| row.starts_with("| [")).collect();
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(&expected) {
        assert!(row.starts_with(expected.as_str()), "{row}: {expected}");
    }
}

#[test]
fn the_form_is_the_same_and_the_names_are_right() {
    let entries = entries();
    for entry in &entries {
        let key = entry.key;
        for label in ["Values", "Default", "Related"] {
            assert!(
                entry.line(label).is_some_and(|text| !text.is_empty()),
                "{key}: {label}"
            );
        }
        let meaning = entry.body.split("\n- ").next().unwrap().trim();
        assert!(meaning.ends_with('.'), "{key} has no meaning: {meaning:?}");
        for related in entry.line("Related").unwrap().split(", ") {
            let related = related.trim_matches('`');
            assert!(
                entries
                    .iter()
                    .any(|other| other.key == related && related != key),
                "{key}: {related}"
            );
        }
        let Some(names) = keys().find(|names| names.name == key) else {
            assert_eq!(entry.line("Environment"), None, "{key}");
            continue;
        };
        let flag = names
            .flag
            .map_or(String::new(), |flag| format!("; flag `{flag}`"));
        let environment = format!("`{}`{flag}", names.env.unwrap());
        assert_eq!(
            entry.line("Environment"),
            Some(environment.as_str()),
            "{key}"
        );
        let place = in_table(names.name).map(|(table, name)| format!("`[{table}]`, `{name}`"));
        assert_eq!(entry.line("In a table"), place.as_deref(), "{key}");
    }
}

#[test]
fn every_example_is_taken_and_speaks_of_its_key() {
    for Entry { key, example, .. } in entries() {
        let text = whole(example);
        load(&text).unwrap_or_else(|problems| panic!("{key}: {problems}"));
        let written = key.strip_prefix("backends.").unwrap_or(key);
        let tail = written.split_once('_').map_or(written, |(_, tail)| tail);
        let sets = |line: &str| {
            line.split(" = ")
                .next()
                .is_some_and(|name| name == written || name == tail)
        };
        assert!(example.lines().any(sets), "{key}: {example}");
    }
}

#[test]
fn the_defaults_are_those_of_the_program() {
    let mut compared = 0;
    for entry in entries() {
        let default = entry.line("Default").unwrap();
        let Some(value) = default
            .strip_prefix('`')
            .and_then(|rest| rest.split('`').next())
        else {
            continue;
        };
        if entry.line("Environment").is_some() && keys().any(|key| key.name == value) {
            continue; // as another key
        }
        let (base, setting) = match entry.key.strip_prefix("backends.") {
            Some(name) => (
                "[[backends]]\nname = 'a'\naddress = 'h:1'\n",
                format!("{name} = {value}\n"),
            ),
            None if ["check_path", "check_status"].contains(&entry.key) => (
                "backends = ['a=h:1']\ncheck_kind = 'http'\n",
                format!("{} = {value}\n", entry.key),
            ),
            None => (
                "backends = ['a=h:1']\n",
                format!("{} = {value}\n", entry.key),
            ),
        };
        let shown = |text: &str| {
            format!(
                "{:?}",
                load(text).unwrap_or_else(|problems| panic!("{problems}"))
            )
        };
        assert_eq!(
            shown(&format!("{base}{setting}")),
            shown(base),
            "{}",
            entry.key
        );
        compared += 1;
    }
    assert!(compared > 30, "only {compared} defaults were compared");
}
