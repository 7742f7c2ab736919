//! A topic on a Kafka that others use too: their transactions and headers, what retention and operators delete, and points
//! that the database refuses.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use e2e::influx::Influx;
use e2e::kafka::neighbour::Neighbour;
use e2e::kafka::{Kafka, Release, TOPIC};
use e2e::process::{Process, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, access_log, eventually};

use crate::exactly_once::{admin as admin_of, metrics};
use crate::influxdb::{collector as collect, points};
use crate::world::World;

crate::tests![
    #[needs(Kafka4AndInflux)]
    transactions_and_null_headers,
    #[needs(Kafka4)]
    looking_creates_no_topic,
    #[needs(Kafka4AndInflux)]
    records_deleted_before_they_were_read,
    #[needs(Kafka4AndInflux)]
    refused_points_are_counted,
];

/// For a transaction that the collector says it waits for.
const WAITING: Duration = Duration::from_secs(60);

/// A record of somebody, `number` milliseconds after `from`.
pub(crate) fn record(instance: &str, from: DateTime<Utc>, number: usize) -> String {
    let ts = from + TimeDelta::milliseconds(i64::try_from(number).unwrap());
    let ts = ts.to_rfc3339_opts(SecondsFormat::Millis, true);
    format!(
        r#"{{"ts":"{ts}","host":"box","role":"fileserver","instance":"{instance}","cpu_percent":1,"memory_percent":1,"client_count":{number}}}"#
    )
}

/// How many records of an instance are stored.
pub(crate) fn stored(influx: &Influx, instance: &str) -> usize {
    let points = points(influx, "system_stats", "client_count");
    points
        .keys()
        .filter(|key| key.ends_with(&format!(" {instance}")))
        .count()
}

/// Waits until so many records of an instance are stored, and never more.
pub(crate) fn all_stored(influx: &Influx, instance: &str, number: usize) {
    eventually(PATIENCE, instance, || {
        let stored = stored(influx, instance);
        assert!(stored <= number, "{stored} of {instance}");
        (stored == number).then_some(())
    });
}

/// A counter or gauge of the collector, all its series together.
pub(crate) fn count(admin: SocketAddr, name: &str) -> f64 {
    metrics(admin).sum(&format!("netsocket_collector_{name}"), &[])
}

fn transactions_and_null_headers(_: &World) {
    let influx = Influx::start();
    let kafka = Kafka::start_cluster(Release::V4, 1);
    kafka.create_topic();
    let mut collector = collect(&kafka, &influx);
    let mut neighbour = Neighbour::start(&kafka);
    an_open_one(&influx, &mut collector, &mut neighbour);
    // What follows is all in one answer.
    assert_eq!(collector.terminate(), Some(0));
    ended_ones_and_headers(&mut neighbour);
    let mut collector = collect(&kafka, &influx);
    let admin = admin_of(&mut collector);
    for (instance, number) in [("around", 200), ("kept", 3), ("headers", 41), ("lost", 0)] {
        all_stored(&influx, instance, number);
    }
    eventually(PATIENCE, "no lag", || {
        (count(admin, "lag") == 0.0).then_some(())
    });
    assert_eq!(count(admin, "aborted_total"), 3.0);
    assert_eq!(count(admin, "records_total"), 244.0);
    for name in ["bad_total", "missed_total", "uncommitted", "refused_total"] {
        assert_eq!(count(admin, name), 0.0, "{name}");
    }
}

/// A transaction that is open for as long as it takes until the collector says that it waits.
fn an_open_one(influx: &Influx, collector: &mut Process, neighbour: &mut Neighbour) {
    let (admin, now) = (admin_of(collector), Utc::now());
    neighbour.begin("slow").unwrap();
    neighbour.send("slow", 0, &record("slow", now, 0)).unwrap();
    for number in 0..25 {
        neighbour
            .send("-", 0, &record("behind", now, number))
            .unwrap();
    }
    eventually(WAITING, "a line about the transaction", || {
        assert_eq!(stored(influx, "behind"), 0);
        collector
            .log()
            .contains("transaction is open")
            .then_some(())
    });
    eventually(PATIENCE, "what waits", || {
        (count(admin, "uncommitted") >= 26.0).then_some(())
    });
    neighbour.commit("slow").unwrap();
    all_stored(influx, "behind", 25);
    all_stored(influx, "slow", 1);
    collector.logs("the transaction has ended");
}

/// Records of a committed transaction and of an aborted one between others, each in a batch of its own; and a header without
/// a value, which is valid, among 41 records.
fn ended_ones_and_headers(neighbour: &mut Neighbour) {
    let now = Utc::now();
    for number in 0..100 {
        neighbour
            .send("-", 1, &record("around", now, number))
            .unwrap();
    }
    for (name, commits) in [("kept", true), ("lost", false)] {
        neighbour.begin(name).unwrap();
        for number in 0..3 {
            neighbour.send(name, 1, &record(name, now, number)).unwrap();
        }
        match commits {
            true => neighbour.commit(name).unwrap(),
            false => neighbour.abort(name).unwrap(),
        }
    }
    for number in 100..200 {
        neighbour
            .send("-", 1, &record("around", now, number))
            .unwrap();
    }
    for number in 0..40 {
        neighbour
            .send("-", 2, &record("headers", now, number))
            .unwrap();
    }
    neighbour
        .send_null_header(2, &record("headers", now, 40))
        .unwrap();
}

/// Brokers that create a topic for whoever asks about it: neither a reader nor a producer that may not create it does so.
fn looking_creates_no_topic(world: &World) {
    let kafka = Kafka::start_configured(Release::V4, 1, "auto.create.topics.enable=true");
    let start = |name: &str, words: &[&str]| {
        let program = match name {
            "collector" => Program::Collector,
            _ => Program::Fileserver,
        };
        let mut command = clean_command(program.path());
        command
            .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
            .env("NETSOCKET_KAFKA_CREATE_TOPIC", "false")
            .env("INFLUXDB_TOKEN", "none")
            .args(["--kafka", &kafka.brokers()])
            .args(words);
        Process::start(name, command, Scratch::new(name))
    };
    let root = world.few_files();
    let root = root.to_str().unwrap();
    let server = [
        "--listen",
        "127.0.0.1:0",
        "--name",
        "looking",
        "--root",
        root,
    ];
    let mut server = start("fileserver", &server);
    let mut printer = start("collector", &["--stdout=text"]);
    for process in [&mut server, &mut printer] {
        process.logs("does not exist");
    }
    assert_eq!(kafka.topics().len(), 0);
    // They use the one that somebody creates, and do not bring it back.
    kafka.create_topic();
    printer.logs(" fileserver looking ");
    kafka.delete_topic();
    eventually(PATIENCE, "a producer without a topic", || {
        let failures =
            access_log::events(&server.log(), "cannot send telemetry to Kafka; retrying");
        (failures.len() >= 2).then_some(())
    });
    eventually(PATIENCE, "a reader without a topic", || {
        printer.log().matches("does not exist").nth(1).map(drop)
    });
    assert_eq!(kafka.topics().len(), 0);
    kafka.create_topic();
    let before = printer.log().matches(" fileserver looking ").count();
    eventually(PATIENCE, "records on the new topic", || {
        let now = printer.log().matches(" fileserver looking ").count();
        (now > before).then_some(())
    });
    assert_eq!(kafka.topics(), [TOPIC]);
}

/// Retention and `DeleteRecords` under a reader that is away, and under one that is not.
fn records_deleted_before_they_were_read(_: &World) {
    let influx = Influx::start();
    let kafka = Kafka::start_cluster(Release::V4, 1);
    kafka.create_topic();
    let mut neighbour = Neighbour::start(&kafka);
    let now = Utc::now();
    let mut collector = collect(&kafka, &influx);
    for number in 0..10 {
        neighbour
            .send("-", 0, &record("here", now, number))
            .unwrap();
    }
    all_stored(&influx, "here", 10);
    // What was read already is no loss.
    kafka.delete_records(0, 10);
    for number in 10..20 {
        neighbour
            .send("-", 0, &record("here", now, number))
            .unwrap();
    }
    all_stored(&influx, "here", 20);
    assert_eq!(count(admin_of(&mut collector), "missed_total"), 0.0);

    assert_eq!(collector.terminate(), Some(0));
    for number in 0..30 {
        neighbour
            .send("-", 0, &record("away", now, number))
            .unwrap();
    }
    kafka.delete_records(0, 32);
    let mut collector = collect(&kafka, &influx);
    all_stored(&influx, "away", 18);
    assert_eq!(count(admin_of(&mut collector), "missed_total"), 12.0);
    assert_eq!(collector.terminate(), Some(0));
}

/// Points older than the bucket keeps, alone and beside points of a wrong type; in one write all of them.
fn refused_points_are_counted(_: &World) {
    let influx = Influx::start();
    influx.keep(3_600);
    let kafka = Kafka::start_cluster(Release::V4, 1);
    kafka.create_topic_with(1, &[]);
    let now = Utc::now() - TimeDelta::seconds(60);
    let long_ago = now - TimeDelta::hours(3);
    let produce = |records: Vec<String>| {
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        kafka.produce_compressed("lz4", &records);
    };
    let mixed = (0..2_000).map(|number| match number % 2 {
        0 => record("mixed", now, number),
        _ => record("mixed", long_ago, number),
    });
    produce(mixed.collect());
    let mut collector = collect(&kafka, &influx);
    let admin = admin_of(&mut collector);
    let through = |refused: f64| {
        eventually(PATIENCE, "what is refused", || {
            (count(admin, "refused_total") >= refused).then_some(())
        });
        eventually(PATIENCE, "no lag", || {
            (count(admin, "lag") == 0.0).then_some(())
        });
    };
    through(1_000.0);
    assert_eq!(stored(&influx, "mixed"), 1_000);
    assert_eq!(
        (count(admin, "refused_total"), count(admin, "records_total")),
        (1_000.0, 1_000.0)
    );

    // A type conflict hides what is too old in the same write.
    influx.write(&format!(
        "command_stats,host=box requests=1.5 {}\n",
        now.timestamp_millis()
    ));
    let both = (0..100).map(|number| match number % 2 {
        0 => record("both", now, number).replace(
            r#""cpu_percent""#,
            r#""commands":[{"name":"a","requests":3}],"cpu_percent""#,
        ),
        _ => record("both", long_ago, number),
    });
    produce(both.collect());
    through(1_100.0);
    assert_eq!(stored(&influx, "both"), 50);
    assert_eq!(
        (count(admin, "refused_total"), count(admin, "records_total")),
        (1_100.0, 1_050.0)
    );
}
