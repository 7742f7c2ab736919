//! Records on their whole way: from the programs through a real Kafka and the collector into a real InfluxDB.

use std::collections::{BTreeMap, BTreeSet};

use e2e::fleet::NAMES;
use e2e::influx::{Influx, ROOT, TOKEN};
use e2e::kafka::Kafka;
use e2e::old_client::OldClient;
use e2e::process::{Process, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, access_log, eventually};
use serde_json::Value;

use crate::telemetry::{HELD, fleet, open};
use crate::world::World;

crate::tests![
    #[needs(KafkaAndInflux)]
    points_in_influxdb,
];

fn points_in_influxdb(world: &World) {
    let influx = Influx::start();
    let kafka = Kafka::start();
    let mut collector = collector(&kafka, &influx);
    let mut fleet = fleet(world, Some(kafka.broker));
    let held: Vec<OldClient> = (0..HELD).map(|_| open(&fleet)).collect();
    kafka.record("a record with sessions", |record| {
        record["active_clients"] == HELD
    });
    drop(held);
    // Every record is in Kafka when its process has ended.
    assert_eq!(fleet.balancer.process.terminate(), Some(0));
    for server in &mut fleet.servers {
        assert_eq!(server.process.terminate(), Some(0));
    }
    let records = kafka.records();
    let stored = eventually(PATIENCE, "a point of every record", || {
        let points = points(&influx, "system_stats", "client_count");
        (points.len() == records.len()).then_some(points)
    });
    assert_eq!(stored, client_counts(&records));
    assert_system_fields(&influx);
    assert_backend_fields(&influx, &records);
    let backend_points = points(&influx, "backend_stats", "total");

    // From the first record again: the same points, not more of them.
    assert_eq!(collector.terminate(), Some(0));
    collector = self::collector(&kafka, &influx);
    kafka.produce(r#"{"cpu_percent":12.5,"memory_percent":41,"client_count":7,"server_active_clients":2,"mirror1_active_clients":1,"mirror2_active_clients":0}"#);
    let again = eventually(PATIENCE, "the point of an old producer", || {
        let points = points(&influx, "system_stats", "client_count");
        points
            .keys()
            .any(|key| key.contains("unknown"))
            .then_some(points)
    });
    assert_eq!(again.len(), records.len() + 1);
    assert!(
        stored
            .iter()
            .all(|(key, value)| again.get(key) == Some(value))
    );
    assert_eq!(points(&influx, "backend_stats", "total"), backend_points);
    assert_eq!(collector.terminate(), Some(0));
    let stopped = access_log::events(&collector.log(), "stopped").remove(0);
    assert_eq!(
        stopped["records"],
        records.len() + 1,
        "it had read everything again: {stopped}"
    );
    assert_eq!(
        (&stopped["bad"], &stopped["refused"]),
        (&0.into(), &0.into()),
        "{stopped}"
    );
}

fn collector(kafka: &Kafka, influx: &Influx) -> Process {
    let mut command = clean_command(Program::Collector.path());
    command
        .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
        .env("INFLUXDB_TOKEN", TOKEN)
        .args(["--kafka", &kafka.broker.to_string()])
        .args(["--influx-url", &format!("http://{}", influx.address)]);
    Process::start("collector", command, Scratch::new("collector"))
}

/// The values of a field, by `time host role instance backend`.
fn points(influx: &Influx, measurement: &str, field: &str) -> BTreeMap<String, String> {
    let flux = format!(
        "from(bucket: \"{ROOT}\") |> range(start: -1h) \
         |> filter(fn: (r) => r._measurement == \"{measurement}\" and r._field == \"{field}\")"
    );
    let rows = influx.query(&flux);
    let key = |row: &BTreeMap<String, String>| {
        let of = |column: &str| row.get(column).cloned().unwrap_or_default();
        ["_time", "host", "role", "instance", "backend"]
            .map(of)
            .join(" ")
    };
    rows.iter()
        .map(|row| (key(row), row["_value"].clone()))
        .collect()
}

/// What [`points`] must give for `client_count`. InfluxDB writes whole seconds without a fraction.
fn client_counts(records: &[Value]) -> BTreeMap<String, String> {
    records
        .iter()
        .map(|record| {
            let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
            let time = text("ts").replace(".000Z", "Z");
            let key = [
                time,
                text("host"),
                text("role"),
                text("instance"),
                String::new(),
            ]
            .join(" ");
            (key, record["client_count"].to_string())
        })
        .collect()
}

fn fields(influx: &Influx, measurement: &str, role: &str) -> BTreeSet<String> {
    let flux = format!(
        "from(bucket: \"{ROOT}\") |> range(start: -1h) \
         |> filter(fn: (r) => r._measurement == \"{measurement}\" and r.role == \"{role}\") \
         |> keep(columns: [\"_field\", \"_time\"]) |> group() |> distinct(column: \"_field\")"
    );
    influx
        .query(&flux)
        .iter()
        .map(|row| row["_value"].clone())
        .collect()
}

fn assert_system_fields(influx: &Influx) {
    let common = [
        "active_clients",
        "client_count",
        "cpu_percent",
        "memory_percent",
    ];
    let backends = NAMES.map(|name| format!("{name}_active_clients"));
    let own: BTreeSet<String> = common.map(String::from).into();
    let all: BTreeSet<String> = own.iter().cloned().chain(backends).collect();
    assert_eq!(fields(influx, "system_stats", "balancer"), all);
    assert_eq!(fields(influx, "system_stats", "fileserver"), own);
}

fn assert_backend_fields(influx: &Influx, records: &[Value]) {
    let expected = [
        "active",
        "bytes_down",
        "bytes_up",
        "connect_ms",
        "errors",
        "total",
        "up",
    ];
    assert_eq!(
        fields(influx, "backend_stats", "balancer"),
        expected.map(String::from).into()
    );
    let of_balancer = records.iter().filter(|record| record["role"] == "balancer");
    let points = points(influx, "backend_stats", "up");
    assert_eq!(points.len(), of_balancer.count() * NAMES.len());
    for name in NAMES {
        assert!(
            points
                .iter()
                .any(|(key, up)| key.ends_with(name) && up == "1"),
            "{name}: {points:?}"
        );
    }
}
