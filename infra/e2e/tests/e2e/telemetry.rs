//! Records in the embedded history and in a real Kafka, and what happens to clients when Kafka is gone: nothing.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::fleet::{Fleet, NAMES, Plan};
use e2e::kafka::Kafka;
use e2e::old_client::OldClient;
use e2e::raw_backend::RawBackend;
use e2e::{PATIENCE, eventually, tool};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::World;

crate::tests![
    history_without_kafka,
    kafka_that_does_not_answer,
    #[needs(Kafka)]
    records_in_kafka,
    #[needs(Kafka)]
    kafka_killed_and_restarted,
];

/// For a process that has nothing left to do but to give up on Kafka.
const SOON: Duration = Duration::from_secs(10);

/// Two on one backend, one on each other.
pub(crate) const HELD: usize = 4;

pub(crate) fn fleet(world: &World, kafka: Option<SocketAddr>) -> Fleet {
    Plan {
        kafka,
        ..Plan::over(&world.few_files())
    }
    .start()
}

pub(crate) fn open(fleet: &Fleet) -> OldClient {
    let mut session = OldClient::open(fleet.address()).unwrap();
    assert_eq!(session.text("dirlist -a").unwrap(), b"apples\npears\n");
    session
}

fn history_without_kafka(world: &World) {
    let fleet = fleet(world, None);
    let held: Vec<OldClient> = (0..HELD).map(|_| open(&fleet)).collect();
    let record = eventually(PATIENCE, "a record in the history", || {
        let records = history(&fleet);
        records
            .into_iter()
            .find(|record| record["client_count"] == HELD)
    });
    assert_balancer_record(&record, &fleet, HELD);
    drop(held);
    eventually(PATIENCE, "a record without sessions", || {
        history(&fleet)
            .into_iter()
            .find(|record| record["active_clients"] == 0 && record["client_count"] == HELD)
    });
}

/// The records of `/api/v1/history`.
fn history(fleet: &Fleet) -> Vec<Value> {
    let page = fleet.balancer.admin.json("/api/v1/history");
    page["records"]
        .as_array()
        .expect("a list of records")
        .clone()
}

/// One broker that refuses, and one that takes the connection and never says a word.
fn kafka_that_does_not_answer(world: &World) {
    let silent = RawBackend::listen();
    for broker in [Kafka::nobody(), silent.address()] {
        let mut fleet = fleet(world, Some(broker));
        for _ in 0..30 {
            open(&fleet).quit().unwrap();
        }
        let gauge = |name: &str| fleet.balancer.admin.metrics().sum(name, &[]);
        eventually(PATIENCE, "records that wait", || {
            (gauge("netsocket_telemetry_queued") > 0.5).then_some(())
        });
        assert!(gauge("netsocket_telemetry_connected") < 0.5);
        // Nor does it hold up the end: what cannot be sent is given up after a moment.
        fleet.balancer.process.signal(Signal::TERM);
        fleet
            .servers
            .iter()
            .for_each(|server| server.process.signal(Signal::TERM));
        assert_eq!(fleet.balancer.process.wait(SOON).code(), Some(0));
        for server in &mut fleet.servers {
            assert_eq!(server.process.wait(SOON).code(), Some(0));
        }
    }
}

fn records_in_kafka(world: &World) {
    let kafka = Kafka::start();
    let fleet = fleet(world, Some(kafka.broker));
    let held: Vec<OldClient> = (0..HELD).map(|_| open(&fleet)).collect();
    let record = kafka.record("a record of the balancer", |record| {
        record["role"] == "balancer" && record["client_count"] == HELD
    });
    assert_balancer_record(&record, &fleet, HELD);
    let host = String::from_utf8(tool::output(&mut tool::tool("hostname"))).unwrap();
    assert_eq!(record["host"], host.trim());
    for server in &fleet.servers {
        let active = fleet.balancer.admin.count(server.name, "active");
        // Each session has had one answer; the last of them may be counted a moment after it has come.
        let asked = json!([{ "name": "dirlist", "requests": active }]);
        let record = kafka.record("a record of a file server", |record| {
            record["instance"] == server.name
                && record["active_clients"] == active
                && record["commands"] == asked
                && record["index_entries"].is_u64()
        });
        assert_eq!(record["role"], "fileserver");
        assert_eq!(
            (&record["archives"], &record["request_errors"]),
            (&json!(0), &json!(0))
        );
        assert!(record["bytes_sent"].as_u64() > Some(0), "{record}");
        assert!(record["index_entries"].as_u64() > Some(0), "{record}");
        assert_eq!(record["host"], host.trim());
        assert_common(&record);
        assert!(record.get("server_active_clients").is_none(), "{record}");
    }
    held.into_iter().for_each(|session| session.quit().unwrap());
    kafka.record("a record of the balancer without sessions", |record| {
        record["role"] == "balancer"
            && record["client_count"] == HELD
            && record["active_clients"] == 0
    });
    let mut seen = BTreeSet::new();
    for record in kafka.samples() {
        let time = (record["instance"].to_string(), record["ts"].to_string());
        assert!(
            seen.insert(time),
            "one record a second and process: {record}"
        );
    }
}

fn assert_balancer_record(record: &Value, fleet: &Fleet, sessions: usize) {
    assert_common(record);
    assert_eq!(record["role"], "balancer");
    assert_eq!(record["client_count"], sessions);
    assert_eq!(record["active_clients"], sessions);
    let active = NAMES.map(|name| fleet.balancer.admin.count(name, "active"));
    assert_eq!(active.iter().sum::<u64>(), sessions as u64);
    for (name, active) in NAMES.into_iter().zip(active) {
        assert_eq!(record[format!("{name}_active_clients")], active, "{record}");
    }
    let backends = record["backends"].as_array().expect("backends");
    assert_eq!(backends.len(), NAMES.len());
    for (server, backend) in fleet.servers.iter().zip(backends) {
        assert_eq!(backend["name"], server.name);
        assert_eq!(backend["address"], server.address.to_string());
        assert_eq!(backend["state"], "up");
        assert_eq!(
            backend["active"],
            record[format!("{}_active_clients", server.name)]
        );
    }
}

/// What every record has: a whole second, a process, and two percentages.
fn assert_common(record: &Value) {
    let time = record["ts"].as_str().expect("a time");
    assert!(time.ends_with(".000Z") && time.len() == 24, "{time}");
    assert!(
        record["instance"]
            .as_str()
            .is_some_and(|name| !name.is_empty()),
        "{record}"
    );
    for percent in ["cpu_percent", "memory_percent"] {
        assert!(
            record[percent]
                .as_f64()
                .is_some_and(|value| (0.0..=100.0).contains(&value)),
            "{record}"
        );
    }
    assert!(record["memory_percent"].as_f64() > Some(0.0), "{record}");
}

fn kafka_killed_and_restarted(world: &World) {
    let mut kafka = Kafka::start();
    let fleet = fleet(world, Some(kafka.broker));
    let mut held = open(&fleet);
    kafka.record("a first record", |record| record["role"] == "balancer");

    kafka.kill();
    let killed = second();
    eventually(PATIENCE, "three seconds without Kafka", || {
        open(&fleet).quit().unwrap();
        assert_eq!(held.text("dirlist -a").unwrap(), b"apples\npears\n");
        (second() > killed + 3).then_some(())
    });
    eventually(PATIENCE, "the loss noticed", || {
        (fleet
            .balancer
            .admin
            .metrics()
            .sum("netsocket_telemetry_connected", &[])
            < 0.5)
            .then_some(())
    });

    kafka.restart();
    let restarted = second();
    let day = |second: i64| time_of(second + 1);
    for (what, from, to) in [
        (
            "a record of the time without Kafka",
            day(killed),
            day(restarted),
        ),
        ("a record after the restart", day(restarted), "9".to_owned()),
    ] {
        kafka.record(what, |record| {
            let time = record["ts"].as_str().unwrap_or_default();
            record["role"] == "balancer" && *time > *from && *time < *to
        });
    }
    assert!(
        fleet
            .balancer
            .admin
            .metrics()
            .sum("netsocket_telemetry_dropped_total", &[])
            < 0.5
    );
    held.quit().unwrap();
}

fn second() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// As the records write it, so that text compares as time does.
fn time_of(second: i64) -> String {
    let said =
        tool::output(tool::tool("date").args(["-u", "+%FT%T.000Z", "-d", &format!("@{second}")]));
    String::from_utf8(said).unwrap().trim().to_owned()
}
