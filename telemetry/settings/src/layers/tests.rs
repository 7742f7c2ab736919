use std::io::Write as _;
use std::time::Duration;

use serde::Deserialize;

use super::*;
use crate::programs::{BALANCER, COLLECTOR};
use crate::scalar::Scalar;

const KEYS: [Key; 3] = [
    Key {
        name: "listen",
        env: Some("NETSOCKET_LISTEN"),
        flag: Some("--listen"),
    },
    Key {
        name: "timeout",
        env: Some("NETSOCKET_TIMEOUT"),
        flag: None,
    },
    Key {
        name: "names",
        env: None,
        flag: Some("--name"),
    },
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    listen: Option<Scalar>,
    timeout: Option<Scalar>,
    #[serde(default)]
    names: Vec<String>,
}

/// A file with this text.
pub(crate) fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn a_flag_beats_the_environment_beats_the_file() {
    let file = file("listen = 'file'\ntimeout = 3\nnames = ['a']\n");
    let mut layers = Layers {
        file: Some(file.path()),
        flags: vec![],
    };
    let env = |name: &str| (name == "NETSOCKET_LISTEN").then(|| "env".to_owned());

    let from_file = load::<Raw>(&KEYS, &COLLECTOR, &layers, |_| None)
        .unwrap()
        .raw;
    assert_eq!(
        (from_file.listen, from_file.timeout),
        (Some("file".into()), Some("3".into()))
    );
    assert_eq!(
        load::<Raw>(&KEYS, &COLLECTOR, &layers, env)
            .unwrap()
            .raw
            .listen,
        Some("env".into())
    );

    layers.flags = vec![
        ("listen", Flag::One("flag".into())),
        ("names", Flag::Many(vec!["x".into(), "y".into()])),
    ];
    let raw = load::<Raw>(&KEYS, &COLLECTOR, &layers, env).unwrap().raw;
    assert_eq!(
        (raw.listen, raw.names),
        (Some("flag".into()), vec!["x".to_owned(), "y".to_owned()])
    );
}

#[test]
fn every_unknown_key_is_named_at_once() {
    let file = file("lisen = 'a'\ntimeout = '1s'\nzeal = 1\n");
    let layers = Layers {
        file: Some(file.path()),
        flags: vec![],
    };
    let (_, check) = load::<Raw>(&KEYS, &COLLECTOR, &layers, |_| None)
        .unwrap()
        .into_check();
    let problems = check.finish(()).unwrap_err();
    let keys: Vec<_> = problems.0.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["lisen", "zeal"]);
    let said = problems.to_string();
    assert!(
        said.contains(":1:1: lisen: unknown key; did you mean listen?"),
        "{said}"
    );
    assert!(
        said.contains(":3:1: zeal: unknown key; known are listen, timeout, names"),
        "{said}"
    );
}

#[test]
fn keys_of_the_top_behind_a_table_are_told_where_they_belong() {
    let keys = ["topic", "org"].map(|name| Key {
        name,
        env: None,
        flag: None,
    });
    let file = file("topic = 'a'\n[zeal]\norg = 'a'\nx = 1\n[[influx]]\n[[influx]]\ntopic = 'b'\n");
    let layers = Layers {
        file: Some(file.path()),
        flags: vec![],
    };
    let (_, check) = load_document(&keys, &COLLECTOR, &layers, |_| None)
        .unwrap()
        .into_check();
    let said = check.finish(()).unwrap_err().to_string();
    let name = format!("{}:", file.path().display());
    let lines: Vec<_> = said
        .lines()
        .map(|line| line.strip_prefix(&name).unwrap())
        .collect();
    let behind = "a key of the top: it belongs before the first [table]";
    assert_eq!(
        lines,
        [
            "2:2: zeal: unknown key; known are topic, org",
            &format!("3:1: zeal.org: {behind}"),
            "5:3: influx: unknown key; known are topic, org",
            &format!("7:1: influx[1].topic: {behind}"),
        ]
    );
}

#[test]
fn what_is_in_a_mistyped_table_is_right_there() {
    let keys = ["backends", "address"].map(|name| Key {
        name,
        env: None,
        flag: None,
    });
    for (table, meant) in [
        ("[[backend]]", "unknown key; did you mean backends?"),
        ("[server]", "HAProxy's word; here it is backends"),
    ] {
        let file = file(&format!("{table}\naddress = 'h:1'\n"));
        let layers = Layers {
            file: Some(file.path()),
            flags: vec![],
        };
        let (_, check) = load_document(&keys, &BALANCER, &layers, |_| None)
            .unwrap()
            .into_check();
        let problems = check.finish(()).unwrap_err().0;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].allowed, meant);
    }
}

#[test]
fn every_wrong_value_is_named_with_its_origin() {
    let file = file("timeout = 'soon'\n");
    let layers = Layers {
        file: Some(file.path()),
        flags: vec![("listen", Flag::One("nowhere".into()))],
    };
    let (raw, mut check) = load::<Raw>(&KEYS, &COLLECTOR, &layers, |_| None)
        .unwrap()
        .into_check();
    check.parse::<std::net::SocketAddr>(
        "listen",
        raw.listen.as_ref(),
        ([0, 0, 0, 0], 1).into(),
        "HOST:PORT",
    );
    let second = Duration::from_secs(1);
    check.duration(
        "timeout",
        raw.timeout.as_ref(),
        second,
        second..=second * 60,
    );
    let problems = check.finish(()).unwrap_err();
    let lines: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
    assert_eq!(lines[0], "--listen: listen = \"nowhere\": HOST:PORT");
    assert!(
        lines[1]
            .ends_with("timeout = \"soon\": a duration from 1s to 1m, such as 500ms, 2s or 10m")
    );
    let place = format!("{}:1:1: ", file.path().display());
    assert!(lines[1].starts_with(&place), "{}", lines[1]);
}

#[test]
fn a_wrong_type_hides_no_other_problem() {
    let file =
        file("listen = ['a', 'b']\ntimeout = { s = 1 }\nnames = ['a', ['b'], 'c']\nzeal = [1]\n");
    let layers = Layers {
        file: Some(file.path()),
        flags: vec![],
    };
    let (raw, check) = load::<Raw>(&KEYS, &COLLECTOR, &layers, |_| None)
        .unwrap()
        .into_check();
    assert_eq!((raw.listen, raw.timeout), (None, None));
    let said = check.finish(()).unwrap_err().to_string();
    let name = format!("{}:", file.path().display());
    let lines: Vec<_> = said
        .lines()
        .map(|line| line.strip_prefix(&name).unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            "1:1: listen: a single value, not a list",
            "2:1: timeout: a single value, not a table",
            "3:15: names[1]: a string, not a list",
            "4:1: zeal: unknown key; known are listen, timeout, names",
        ]
    );
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_said_with_its_place() {
    let missing = Layers {
        file: Some(Path::new("/nonexistent/x.toml")),
        flags: vec![],
    };
    let said = load::<Raw>(&KEYS, &COLLECTOR, &missing, |_| None)
        .unwrap_err()
        .to_string();
    assert_eq!(
        said,
        "/nonexistent/x.toml: cannot be read: no such file or directory"
    );
    let broken = file("timeout = '1s'\nlisten = 'a\nnames = [\n");
    let said = load::<Raw>(
        &KEYS,
        &COLLECTOR,
        &Layers {
            file: Some(broken.path()),
            flags: vec![],
        },
        |_| None,
    )
    .unwrap_err()
    .to_string();
    let name = broken.path().display();
    let lines: Vec<&str> = said.lines().collect();
    let missing = "that begins here is not closed:";
    assert_eq!(
        lines,
        [
            &format!("{name}:2:10: the string {missing} ' is missing"),
            "2 | listen = 'a",
            "  |          ^",
            &format!("{name}:3:9: the array {missing} ] is missing"),
            "3 | names = [",
            "  |         ^",
        ]
    );
}
