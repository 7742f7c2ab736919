use serde::Deserialize;

use super::*;
use crate::layers::tests::file;
use crate::layers::{Flag, Key, Layers, load};
use crate::programs::COLLECTOR;

#[derive(Debug, Deserialize)]
struct Raw {
    admin: Option<Scalar>,
    name: Option<Scalar>,
    password: Option<Scalar>,
    timeout: Option<Scalar>,
    workers: Option<Scalar>,
    fast: Option<Scalar>,
}

/// The problems of a file, without its name.
fn problems(text: &str, flags: Vec<(&'static str, Flag)>) -> Vec<String> {
    let file = file(text);
    let keys = ["admin", "name", "password", "timeout", "workers", "fast"].map(|name| Key {
        name,
        env: None,
        flag: None,
    });
    let layers = Layers {
        file: Some(file.path()),
        flags,
    };
    let (raw, mut check) = load::<Raw>(&keys, &COLLECTOR, &layers, |_| None)
        .unwrap()
        .into_check();
    let nowhere = ([0, 0, 0, 0], 1).into();
    check.parse::<std::net::SocketAddr>("admin", raw.admin.as_ref(), nowhere, "IP:PORT");
    let some = |text: &str| Some(text.to_owned());
    check.read_with("name", raw.name.as_ref(), String::new(), "a name", some);
    drop(raw.password);
    let second = Duration::from_secs(1);
    check.duration(
        "timeout",
        raw.timeout.as_ref(),
        second,
        second..=second * 60,
    );
    check.count("workers", raw.workers.as_ref(), 1, 1..=9);
    check.parse("fast", raw.fast.as_ref(), false, "true or false");
    let name = format!("{}:", file.path().display());
    let said = check
        .finish(())
        .map_or_else(|said| said.to_string(), |()| String::new());
    said.lines().map(|line| line.replace(&name, "")).collect()
}

#[test]
fn values_are_shown_as_they_are_written() {
    let text = "admin = 8404\nname = 5\ntimeout = 30\nworkers = 0x1F\nfast = 1\n";
    assert_eq!(
        problems(text, vec![]),
        [
            "1:1: admin = 8404: IP:PORT; a text in quotes, not a number",
            "2:1: name = 5: a text in quotes, not a number",
            "3:1: timeout = 30: a duration from 1s to 1m, such as 500ms, 2s or 10m; it needs a unit and quotes: \"30s\"",
            "4:1: workers = 0x1F: a whole number from 1 to 9",
            "5:1: fast = 1: true or false; did you mean true?",
        ]
    );
    let text = "admin = '8404'\ntimeout = '5000'\nworkers = 'many'\nfast = 'no'\n";
    assert_eq!(
        problems(text, vec![]),
        [
            "1:1: admin = \"8404\": IP:PORT",
            "2:1: timeout = \"5000\": a duration from 1s to 1m, such as 500ms, 2s or 10m; it needs a unit: 5000ms",
            "3:1: workers = \"many\": a whole number from 1 to 9",
            "4:1: fast = \"no\": true or false; did you mean false?",
        ]
    );
}

#[test]
fn an_empty_value_is_shown_as_one() {
    assert_eq!(
        problems("admin = ''\ntimeout = ''\n", vec![]),
        [
            "1:1: admin = \"\": IP:PORT",
            "2:1: timeout = \"\": a duration from 1s to 1m, such as 500ms, 2s or 10m",
        ]
    );
}

#[test]
fn a_number_is_refused_only_where_a_text_belongs() {
    let good = "admin = '[::1]:1'\nname = '5'\ntimeout = 0\nworkers = 9\nfast = true\n";
    assert_eq!(
        problems(&good.replace("timeout = 0\n", ""), vec![]),
        [""; 0]
    );
    assert_eq!(
        problems("name = true\npassword = 123\n", vec![]),
        [
            "1:1: name = true: a text in quotes, not true or false",
            "2:1: password: a text in quotes, not a number",
        ]
    );
    let flags = vec![("name", Flag::One("a".to_owned()))];
    assert_eq!(problems("name = 5\n", flags), [""; 0]);
}
