use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::names::{
    MEASUREMENT_BACKEND, MEASUREMENT_COMMAND, MEASUREMENT_SERVICE, MEASUREMENT_SYSTEM,
};
use crate::schema::{FIELDS, FieldType};

const SAMPLE: HostSample = HostSample {
    cpu_percent: 12.5,
    memory_percent: 41.0,
    cores: 2.0,
    load1: 0.5,
    load5: 0.25,
    load15: 0.125,
    memory_used_bytes: 41,
    memory_total_bytes: 100,
    net_rx_bytes: 1_000,
    net_tx_bytes: 2_000,
    process_cpu_percent: 3.5,
    process_memory_bytes: 5_000,
    process_open_files: 12,
};

fn identity(role: Role, instance: &str) -> Identity {
    Identity {
        host: "box".into(),
        role,
        instance: instance.into(),
    }
}

fn ts() -> DateTime<Utc> {
    DateTime::from_timestamp(1_785_844_802, 0).unwrap()
}

fn backend(name: &str, active: u64) -> BackendRecord {
    BackendRecord {
        name: name.into(),
        address: "127.0.0.1:9001".into(),
        state: "up".into(),
        active,
        total: 5,
        errors: 1,
        bytes_up: 10,
        bytes_down: 2_000,
        connect_ms: 0.25,
    }
}

fn balancer() -> Record {
    let figures = Figures {
        client_count: 7,
        active_clients: 4,
        session_limit: 500,
        backends: vec![
            backend("mirror1", 1),
            backend("server", 2),
            backend("extra", 1),
        ],
        services: Vec::new(),
        balancer: Some(BalancerFigures {
            bytes_up: 30,
            bytes_down: 6_000,
            retries: 2,
            accept_errors: 1,
            refused: 6,
            queued: 2,
            queue_limit: 1_024,
            backends_up: 3,
        }),
        fileserver: None,
    };
    let delivered = Delivered {
        sent: 8,
        dropped: 1,
    };
    let tick = Tick {
        late_ms: 3,
        missed_ticks: 1,
    };
    Record::new(&identity(Role::Balancer, "lb"), ts(), SAMPLE, figures)
        .with_telemetry(tick, Some(delivered))
        .with_log_lines_dropped(4)
}

/// The same with services.
fn services() -> Record {
    let service = |name: &str, active| ServiceRecord {
        name: name.into(),
        active,
        session_limit: 100,
        total: 4,
        bytes_up: 8,
        bytes_down: 9,
        refused: 1,
        backends_up: 2,
    };
    Record {
        services: vec![service("files", 3), service("mail", 0)],
        ..balancer()
    }
}

fn file_server() -> Record {
    let figures = Figures {
        client_count: 3,
        active_clients: 1,
        session_limit: 1_000,
        fileserver: Some(FileserverFigures {
            bytes_sent: 77,
            archives: 2,
            request_errors: 1,
            request_ms: 250,
            index_entries: Some(40),
            commands: vec![CommandRecord {
                name: "dirlist".into(),
                requests: 9,
            }],
        }),
        ..Figures::default()
    };
    Record::new(
        &identity(Role::Fileserver, "mirror1"),
        ts(),
        SAMPLE,
        figures,
    )
}

/// What both roles have in their golden records.
fn common(role: &str, instance: &str) -> Value {
    json!({
        "v": 1, "ts": "2026-08-04T12:00:02.000Z", "host": "box", "role": role, "instance": instance,
        "cpu_percent": 12.5, "memory_percent": 41.0, "cores": 2.0, "load1": 0.5, "load5": 0.25, "load15": 0.125,
        "memory_used_bytes": 41, "memory_total_bytes": 100, "net_rx_bytes": 1000, "net_tx_bytes": 2000,
        "process_cpu_percent": 3.5, "process_memory_bytes": 5000, "process_open_files": 12,
    })
}

fn joined(mut common: Value, own: Value) -> Value {
    let (Value::Object(common_fields), Value::Object(own)) = (&mut common, own) else {
        panic!("two objects")
    };
    common_fields.extend(own);
    common
}

#[test]
fn a_balancer_record_is_this_json() {
    let entry = |name: &str, active: u64| {
        json!({"name": name, "address": "127.0.0.1:9001", "state": "up", "active": active, "total": 5,
               "errors": 1, "bytes_up": 10, "bytes_down": 2000, "connect_ms": 0.25})
    };
    let own = json!({
        "client_count": 7, "server_active_clients": 2, "mirror1_active_clients": 1, "mirror2_active_clients": 0,
        "active_clients": 4, "session_limit": 500, "late_ms": 3, "missed_ticks": 1, "telemetry_sent": 8, "telemetry_dropped": 1,
        "log_lines_dropped": 4,
        "bytes_up": 30, "bytes_down": 6000, "retries": 2, "accept_errors": 1,
        "refused": 6, "queued": 2, "queue_limit": 1024, "backends_up": 3,
        "backends": [entry("mirror1", 1), entry("server", 2), entry("extra", 1)],
    });
    assert_eq!(
        serde_json::to_value(balancer()).unwrap(),
        joined(common("balancer", "lb"), own)
    );
}

#[test]
fn services_are_one_more_key() {
    let (mut with, without) = (
        serde_json::to_value(services()).unwrap(),
        serde_json::to_value(balancer()).unwrap(),
    );
    let own = with.as_object_mut().unwrap().remove("services").unwrap();
    assert_eq!(with, without);
    assert_eq!(
        own[0],
        json!({"name": "files", "active": 3, "session_limit": 100, "total": 4, "bytes_up": 8, "bytes_down": 9,
               "refused": 1, "backends_up": 2})
    );
    assert!(services().weight() >= balancer().weight() + 2 * size_of::<ServiceRecord>());
}

#[test]
fn a_file_server_record_is_this_json() {
    let own = json!({
        "client_count": 3, "active_clients": 1, "session_limit": 1000, "late_ms": 0, "missed_ticks": 0,
        "bytes_sent": 77, "archives": 2, "request_errors": 1, "request_ms": 250, "index_entries": 40,
        "commands": [{"name": "dirlist", "requests": 9}],
    });
    assert_eq!(
        serde_json::to_value(file_server()).unwrap(),
        joined(common("fileserver", "mirror1"), own)
    );
}

/// Every field of the table stands in a record by its name, with its type, and no record has a number that is in no
/// table.
#[test]
fn the_records_and_the_table_agree() {
    let records = [services(), file_server()].map(|record| serde_json::to_value(record).unwrap());
    let places = [
        (MEASUREMENT_SYSTEM, records.iter().collect::<Vec<_>>()),
        (
            MEASUREMENT_BACKEND,
            records[0]["backends"].as_array().unwrap().iter().collect(),
        ),
        (
            MEASUREMENT_SERVICE,
            records[0]["services"].as_array().unwrap().iter().collect(),
        ),
        (
            MEASUREMENT_COMMAND,
            records[1]["commands"].as_array().unwrap().iter().collect(),
        ),
    ];
    for (measurement, objects) in places {
        let table = FIELDS.iter().filter(|spec| spec.measurement == measurement);
        // A backend's `up` and `down` are its state, put as numbers.
        let of_state = ["up", "down"];
        let table: Vec<_> = table
            .filter(|spec| !of_state.contains(&spec.name))
            .collect();
        for spec in &table {
            let value = objects.iter().find_map(|object| object.get(spec.name));
            let right = value.is_some_and(|value| match spec.kind {
                FieldType::Float => value.is_f64(),
                FieldType::Integer => value.is_u64(),
                FieldType::Text => value.is_string(),
            });
            assert!(right, "{measurement} {}: {value:?}", spec.name);
        }
        let numbers: BTreeSet<&str> = objects
            .iter()
            .flat_map(|object| object.as_object().unwrap())
            .filter(|(name, value)| value.is_number() && *name != "v")
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            numbers,
            table.iter().map(|spec| spec.name).collect(),
            "{measurement}"
        );
    }
}

#[test]
fn a_balancer_without_the_named_backends_says_none_are_active() {
    let record = Record::new(
        &identity(Role::Balancer, "lb"),
        ts(),
        SAMPLE,
        Figures::default(),
    );
    assert_eq!(record.server_active_clients, Some(0));
    let json: Value = serde_json::to_value(&record).unwrap();
    assert!(json.get("backends").is_none() && json.get("telemetry_sent").is_none());
}

#[test]
fn a_connect_time_that_is_no_number_is_zero() {
    for connect_ms in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let backends = vec![BackendRecord {
            connect_ms,
            ..backend("server", 1)
        }];
        let figures = Figures {
            backends,
            ..Figures::default()
        };
        let record = Record::new(&identity(Role::Balancer, "lb"), ts(), SAMPLE, figures);
        assert_eq!(record.backends[0].connect_ms, 0.0);
    }
}

#[test]
fn the_weight_follows_what_a_record_holds() {
    let (small, large) = (file_server(), balancer());
    assert!(small.weight() >= size_of::<Record>());
    assert!(large.weight() > small.weight() + 2 * size_of::<BackendRecord>());
    let written = serde_json::to_vec(&large).unwrap().len();
    assert!(written < 2 * large.weight(), "{written} {}", large.weight());
}

#[test]
fn the_key_tells_processes_apart() {
    assert_eq!(identity(Role::Balancer, "lb").key(), "box/balancer/lb");
    assert_ne!(
        identity(Role::Balancer, "a").key(),
        identity(Role::Fileserver, "a").key()
    );
}
