//! Records on their whole way: from the programs through a real Kafka and the collector into a real InfluxDB.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use e2e::fleet::NAMES;
use e2e::influx::{Influx, ROOT, TOKEN};
use e2e::kafka::Kafka;
use e2e::old_client::OldClient;
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, access_log, eventually, http, tool};
use serde_json::Value;

use crate::telemetry::{HELD, fleet, open};
use crate::world::World;

crate::tests![
    #[needs(KafkaAndInflux)]
    points_in_influxdb,
    #[needs(Influx)]
    a_database_made_ready,
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
    let records = kafka.samples();
    let stored = eventually(PATIENCE, "a point of every record", || {
        let points = points(&influx, "system_stats", "client_count");
        (points.len() == records.len()).then_some(points)
    });
    assert_eq!(stored, client_counts(&records));
    assert_system_fields(&influx);
    assert_backend_fields(&influx, &records);
    let backend_points = points(&influx, "backend_stats", "total");

    eventually(PATIENCE, "an event of every start and every end", || {
        let events = points(&influx, "events", "text");
        let of = |kind: &str| events.keys().filter(|key| key.ends_with(kind)).count();
        ((of(" start"), of(" stop")) == (4, 4)).then_some(())
    });

    // From where it was, with what other producers write, in every form that Kafka has.
    assert_eq!(collector.terminate(), Some(0));
    collector = self::collector(&kafka, &influx);
    let original = r#"{"cpu_percent":12.5,"memory_percent":41,"client_count":7,"server_active_clients":2,"mirror1_active_clients":1,"mirror2_active_clients":0}"#;
    let ts = ten_minutes_ago();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let timed = original.replace('{', &format!(r#"{{"ts":"{ts}","host":"{codec}","#));
        kafka.produce_compressed(codec, &[&timed, original, "hello", "{}"]);
    }
    let again = eventually(PATIENCE, "the points of other producers", || {
        let points = points(&influx, "system_stats", "client_count");
        let has = |host: &str| points.keys().any(|key| key.split(' ').nth(1) == Some(host));
        let all = ["none", "gzip", "snappy", "lz4", "zstd", "unknown"];
        all.iter().all(|host| has(host)).then_some(points)
    });
    assert!(
        stored
            .iter()
            .all(|(key, value)| again.get(key) == Some(value))
    );
    assert_eq!(points(&influx, "backend_stats", "total"), backend_points);
    assert_eq!(collector.terminate(), Some(0));
    let stopped = access_log::events(&collector.log(), "stopped").remove(0);
    assert_eq!(
        (&stopped["records"], &stopped["bad"], &stopped["refused"]),
        (&10.into(), &10.into(), &0.into()),
        "it read only what it had not read before: {stopped}"
    );
}

/// A second that no record of ours has.
fn ten_minutes_ago() -> String {
    let words = ["-u", "+%FT%TZ", "-d", "10 minutes ago"];
    let said = tool::output(tool::tool("date").args(words));
    String::from_utf8(said).unwrap().trim().to_owned()
}

/// `netsocket-collector setup` on a database that nobody has touched, then a collector with what it printed.
fn a_database_made_ready(_: &World) {
    let influx = Influx::start_new();
    let setup = |admin: Option<&str>| {
        let mut command = clean_command(Program::Collector.path());
        command.args(["setup", "--retention", "30d"]);
        command.args(["--influx-url", &format!("http://{}", influx.address)]);
        if let Some(token) = admin {
            command.env("NETSOCKET_INFLUX_ADMIN_TOKEN", token);
        }
        Ran::of(command, PATIENCE)
    };
    let ran = setup(None);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = String::from_utf8(ran.stdout).unwrap();
    let value = |name: &str| {
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}"))
            .to_owned()
    };
    let (admin, token) = (
        value("NETSOCKET_INFLUX_ADMIN_TOKEN"),
        value("INFLUXDB_TOKEN"),
    );

    let again = setup(None);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("already set up"), "{}", again.stderr);
    let again = setup(Some(&admin));
    assert_eq!(again.code, Some(0), "{}", again.stderr);

    let token_header = format!("Token {token}");
    let write = |bucket: &str, line: &str| {
        let headers = [("Authorization", token_header.as_str())];
        let path = format!("/api/v2/write?org={ROOT}&bucket={bucket}&precision=s");
        let answer = http::request(influx.address, "POST", &path, &headers, line.as_bytes());
        answer.unwrap().status
    };
    assert_eq!(write(ROOT, "system_stats,host=a client_count=1i"), 204);
    assert_eq!(
        write(
            &value("NETSOCKET_INFLUX_POSITION_BUCKET"),
            "x next_offset=1i"
        ),
        204
    );
    let of = |bucket: &str| format!("from(bucket: \"{bucket}\") |> range(start: -1h) |> last()");
    let ask = |token: &str, bucket: &str| influx.ask(token, &of(bucket)).status;
    assert_eq!(ask(&token, ROOT), 404, "it cannot read what it writes");
    assert_eq!(ask(&token, "root_positions"), 200);
    assert_eq!(ask(&value("GRAFANA_INFLUXDB_TOKEN"), ROOT), 200);
    let buckets = "buckets() |> filter(fn: (r) => r.name == \"root\") |> keep(columns: [\"retentionPeriod\"])";
    let answer = influx.ask(&admin, buckets);
    assert!(answer.body.contains("2592000000000000"), "{}", answer.body);
}

pub(crate) fn collector(kafka: &Kafka, influx: &Influx) -> Process {
    collector_at(kafka, influx.address)
}

/// A collector that reaches its database under another address.
pub(crate) fn collector_at(kafka: &Kafka, influx: SocketAddr) -> Process {
    let mut command = clean_command(Program::Collector.path());
    command
        .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
        .env("INFLUXDB_TOKEN", TOKEN)
        .args(["--kafka", &kafka.brokers()])
        .args(["--influx-url", &format!("http://{influx}")])
        .args(["--admin", "127.0.0.1:0"]);
    Process::start("collector", command, Scratch::new("collector"))
}

/// The values of a field, by `time host role instance backend event`.
pub(crate) fn points(influx: &Influx, measurement: &str, field: &str) -> BTreeMap<String, String> {
    let flux = format!(
        "from(bucket: \"{ROOT}\") |> range(start: -1h) \
         |> filter(fn: (r) => r._measurement == \"{measurement}\" and r._field == \"{field}\")"
    );
    let rows = influx.query(&flux);
    let key = |row: &BTreeMap<String, String>| {
        let of = |column: &str| row.get(column).cloned().unwrap_or_default();
        ["_time", "host", "role", "instance", "backend", "event"]
            .map(of)
            .join(" ")
            .trim_end()
            .to_owned()
    };
    rows.iter()
        .map(|row| (key(row), row["_value"].clone()))
        .collect()
}

/// What [`points`] must give for `client_count`.
fn client_counts(records: &[Value]) -> BTreeMap<String, String> {
    let count = |record: &Value| (point_key(record), record["client_count"].to_string());
    records.iter().map(count).collect()
}

/// The key of a record's points in [`points`]. InfluxDB writes no zeros at the end of a fraction, and ours have all three digits.
pub(crate) fn point_key(record: &Value) -> String {
    let text = |field: &str| record[field].as_str().unwrap_or_default();
    let time = text("ts").trim_end_matches('Z');
    let time = time.trim_end_matches('0').trim_end_matches('.');
    format!(
        "{time}Z {} {} {}",
        text("host"),
        text("role"),
        text("instance")
    )
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
    for (role, other) in [("balancer", "file server: "), ("fileserver", "balancer: ")] {
        let expected = fields_of("system_stats", other);
        assert_eq!(fields(influx, "system_stats", role), expected, "{role}");
    }
}

/// The fields of a measurement in the table of the documentation, without those of another role.
fn fields_of(measurement: &str, other: &str) -> BTreeSet<String> {
    let rows = include_str!("../../../../docs/telemetry.md").lines();
    let rows = rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim));
    let rows = rows.map(Iterator::collect::<Vec<_>>);
    let own = |row: &Vec<&str>| {
        row.len() == 4 && row[0] == format!("`{measurement}`") && !row[3].starts_with(other)
    };
    rows.filter(own)
        .map(|row| row[1].trim_matches('`').to_owned())
        .collect()
}

fn assert_backend_fields(influx: &Influx, records: &[Value]) {
    assert_eq!(
        fields(influx, "backend_stats", "balancer"),
        fields_of("backend_stats", "file server: ")
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
