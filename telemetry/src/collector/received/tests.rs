use proptest::prelude::*;

use super::object::MAX_LIST;
use super::*;
use crate::messages::{
    BackendRecord, CommandRecord, Event, EventKind, Figures, FileserverFigures, Identity, Record,
    Role,
};
use crate::sampler::HostSample;
use crate::schema::FIELDS;

/// As original.md gives it.
const ORIGINAL: &str = r#"{"cpu_percent": 12.5, "memory_percent": 41.0, "client_count": 7, "server_active_clients": 2, "mirror1_active_clients": 1, "mirror2_active_clients": 0}"#;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_785_844_900, 0).unwrap()
}

fn parse(text: &str) -> Result<Received, BadRecord> {
    Received::parse(Some(text.as_bytes()), now() - TimeDelta::seconds(5), now())
}

fn identity(role: Role) -> Identity {
    Identity {
        host: "box".into(),
        role,
        instance: "one".into(),
    }
}

fn figure(measured: &Measured, name: &str) -> Option<Figure> {
    let found = measured.figures.iter().find(|(found, _)| *found == name);
    found.map(|(_, figure)| figure.clone())
}

#[test]
fn the_original_producer_is_understood() {
    let received = parse(ORIGINAL).unwrap();
    assert_eq!(received.ts, now() - TimeDelta::seconds(5), "Kafka's time");
    assert_eq!(
        [&*received.host, &*received.role, &*received.instance],
        ["unknown", "", ""]
    );
    assert_eq!((received.measured.len(), received.unknown_fields), (1, 0));
    assert_eq!(
        received.measured[0].figures,
        [
            ("cpu_percent", Figure::Float(12.5)),
            ("memory_percent", Figure::Float(41.0)),
            ("client_count", Figure::Integer(7)),
            ("server_active_clients", Figure::Integer(2)),
            ("mirror1_active_clients", Figure::Integer(1)),
            ("mirror2_active_clients", Figure::Integer(0)),
        ]
    );
}

#[test]
fn our_own_records_are_understood_whole() {
    let ts = now() - TimeDelta::seconds(60);
    let balancer = Figures {
        client_count: 9,
        backends: vec![BackendRecord {
            name: "server".into(),
            state: "up".into(),
            active: 3,
            ..BackendRecord::default()
        }],
        balancer: Some(Default::default()),
        ..Figures::default()
    };
    let fileserver = Figures {
        fileserver: Some(FileserverFigures {
            index_entries: Some(4),
            commands: vec![CommandRecord {
                name: "dirlist".into(),
                requests: 2,
            }],
            ..FileserverFigures::default()
        }),
        ..Figures::default()
    };
    for (role, figures, list) in [
        (Role::Balancer, balancer, MEASUREMENT_BACKEND),
        (Role::Fileserver, fileserver, MEASUREMENT_COMMAND),
    ] {
        let record = Record::new(&identity(role), ts, HostSample::default(), figures);
        let record = record
            .with_telemetry(Default::default(), Some(Default::default()))
            .with_log_lines_dropped(0);
        let received = parse(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!((received.ts, received.unknown_fields), (ts, 0));
        assert_eq!(
            [&*received.host, &*received.role, &*received.instance],
            ["box", role.as_str(), "one"]
        );
        let measurements: Vec<_> = received.measured.iter().map(|m| m.measurement).collect();
        assert_eq!(measurements, [MEASUREMENT_SYSTEM, list]);
        // Every figure of the table is there that this role can have.
        let own = FIELDS.iter().filter(|spec| {
            let role_of = |other| !spec.meaning.starts_with(other);
            spec.measurement == MEASUREMENT_SYSTEM
                && match role {
                    Role::Balancer => role_of("file server: "),
                    Role::Fileserver => role_of("balancer: "),
                }
        });
        for spec in own {
            assert!(
                figure(&received.measured[0], spec.name).is_some(),
                "{}",
                spec.name
            );
        }
    }
}

#[test]
fn an_event_is_understood() {
    let event = Event::new(
        &identity(Role::Balancer),
        now(),
        EventKind::BackendDown,
        "no answer",
    );
    let event = event.about("mirror1");
    let received = parse(&serde_json::to_string(&event).unwrap()).unwrap();
    assert_eq!(received.unknown_fields, 0);
    assert_eq!(
        received.measured,
        [Measured {
            measurement: MEASUREMENT_EVENT,
            tags: vec![
                ("event", "backend_down".into()),
                ("backend", "mirror1".into())
            ],
            figures: vec![("text", Figure::Text("no answer".into()))],
        }]
    );
}

#[test]
fn a_state_is_up_or_it_is_not() {
    let with = |backends: &str| ORIGINAL.replace('}', &format!(r#", "backends": {backends}}}"#));
    let received = parse(&with(
        r#"[{"name":"a","state":"up"},{"name":"b","state":"draining"},{"state":"up"},{"name":" "},
            {"name":"c","state":"ejected"},{"name":"d","state":"down"},{"name":"e","state":"leaving"}]"#,
    ))
    .unwrap();
    let is = |measured, field| figure(measured, field) == Some(Figure::Integer(1));
    let states: Vec<_> = received.measured[1..]
        .iter()
        .map(|measured| {
            let name = measured.tags[0].1.as_str();
            (name, is(measured, "up"), is(measured, "down"))
        })
        .collect();
    assert_eq!(
        states,
        [
            ("a", true, false),
            ("b", false, false),
            ("c", false, true),
            ("d", false, true),
            ("e", false, false)
        ]
    );
}

#[test]
fn whole_percentages_nulls_and_unknown_fields_are_fine() {
    let text = ORIGINAL.replace("12.5", "12").replace(
        '{',
        r#"{"load": [1, 2], "v": 9, "color": "red", "cores": null, "role": "cache", "#,
    );
    let received = parse(&text).unwrap();
    assert_eq!(
        figure(&received.measured[0], "cpu_percent"),
        Some(Figure::Float(12.0))
    );
    assert_eq!(figure(&received.measured[0], "cores"), None);
    assert_eq!(
        (received.role.as_str(), received.unknown_fields),
        ("cache", 2)
    );
}

#[test]
fn what_is_wrong_has_a_name() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let with = |field: &str| ORIGINAL.replace('{', &format!("{{{field}, "));
    let many = vec!["{}"; MAX_LIST + 1].join(",");
    for (text, label) in [
        (String::new(), "empty"),
        ("hello".into(), "not_json"),
        ("null".into(), "wrong_type"),
        ("[]".into(), "wrong_type"),
        ("7".into(), "wrong_type"),
        ("{}".into(), "missing_field"),
        (ORIGINAL[..40].into(), "not_json"),
        (ORIGINAL.replace("client_count", "clients"), "missing_field"),
        (ORIGINAL.replace("12.5", "null"), "missing_field"),
        (ORIGINAL.replace("12.5", "NaN"), "not_json"),
        (ORIGINAL.replace("12.5", "1e999"), "not_json"),
        (ORIGINAL.replace("12.5", r#""12.5""#), "wrong_type"),
        (ORIGINAL.replace(": 7", ": 7.5"), "wrong_type"),
        (ORIGINAL.replace(": 7", ": -7"), "wrong_type"),
        (ORIGINAL.replace(": 7", &format!(": {deep}")), "too_deep"),
        (deep, "wrong_type"),
        (with(r#""host": 7"#), "wrong_type"),
        (with(r#""backends": {}"#), "wrong_type"),
        (with(r#""backends": [7]"#), "wrong_type"),
        (
            with(r#""backends": [{"name": "a", "active": "x"}]"#),
            "wrong_type",
        ),
        (with(&format!(r#""backends": [{many}]"#)), "too_large"),
        (with(r#""event": 7"#), "wrong_type"),
        (with(r#""ts": "yesterday""#), "wrong_type"),
        (with(r#""ts": "1970-01-01T00:00:01Z""#), "absurd_time"),
        (with(r#""ts": "2100-01-01T00:00:00Z""#), "absurd_time"),
        (
            format!("{}{ORIGINAL}", " ".repeat(MAX_MESSAGE_BYTES)),
            "too_large",
        ),
    ] {
        let error = parse(&text).unwrap_err();
        assert_eq!(error.kind.label(), label, "{text:.80}: {error}");
    }
    let kind = |value, time| Received::parse(value, time, now()).unwrap_err().kind;
    assert_eq!(kind(None, now()), BadKind::Empty);
    assert_eq!(kind(Some(b"\xff\xfe{}"), now()), BadKind::NotJson);
    assert_eq!(
        kind(Some(ORIGINAL.as_bytes()), DateTime::UNIX_EPOCH),
        BadKind::AbsurdTime,
        "Kafka's time is judged as well"
    );
}

proptest! {
    /// Whatever the network brings, it is a record or it has a name, and every number that leaves is finite.
    #[test]
    fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Received::parse(Some(&bytes), now(), now());
    }

    #[test]
    fn no_value_of_a_field_breaks_it(name in "[a-z_]{1,12}|cpu_percent|ts|host|backends|event|text", value in "\\PC{0,30}|-?[0-9]{1,30}(e[0-9]{1,4})?|\"[a-z0-9:TZ-]*\"|\\[\\{\"name\":[0-9]\\}\\]") {
        let text = ORIGINAL.replacen('{', &format!("{{\"{name}\": {value}, "), 1);
        if let Ok(received) = parse(&text) {
            for (_, figure) in received.measured.iter().flat_map(|measured| &measured.figures) {
                if let Figure::Float(value) = figure {
                    prop_assert!(value.is_finite());
                }
            }
        }
    }
}
