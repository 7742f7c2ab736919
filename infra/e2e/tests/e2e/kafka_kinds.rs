//! What operators do to a topic, a broker or a bucket while records are under way, on the newest Kafka.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use e2e::influx::Influx;
use e2e::kafka::neighbour::Neighbour;
use e2e::kafka::{Kafka, Release};
use e2e::{PATIENCE, eventually};
use netsocket_telemetry::{
    Figures, HostSample, Identity, Producer, ProducerConfig, ProducerStats, Record, Role,
    Supervisor, parse_brokers,
};

use crate::exactly_once::admin as admin_of;
use crate::influxdb::{collector as collect, points};
use crate::shared_kafka::{all_stored, count, record};
use crate::world::World;

crate::tests![
    #[needs(Kafka4AndInflux)]
    settings_of_a_topic,
    #[needs(Kafka4AndInflux)]
    an_unclean_election_cuts_the_log_back,
    #[needs(Kafka4AndInflux)]
    a_bucket_deleted_and_made_anew,
    #[needs(Kafka4AndInflux)]
    a_type_conflict_that_is_mended,
];

/// What a producer of ours says of records with these times; each record of a batch of its own.
fn offer(kafka: &Kafka, instance: &str, times: &[DateTime<Utc>]) -> ProducerStats {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let identity = Identity::new(Role::Fileserver, instance);
    let config = ProducerConfig::new(parse_brokers(&kafka.brokers()).unwrap());
    let producer = Producer::start(config, identity.key(), &Supervisor::default());
    for (number, ts) in (0..).zip(times) {
        let figures = Figures {
            client_count: number,
            ..Figures::default()
        };
        let record = Record::new(&identity, *ts, HostSample::default(), figures);
        producer.record(&Arc::new(record));
    }
    eventually(PATIENCE, "every record", || {
        let stats = producer.stats();
        (stats.sent + stats.dropped == times.len() as u64).then_some(())
    });
    runtime.block_on(producer.shutdown(PATIENCE));
    producer.stats()
}

/// Compaction, small messages, Kafka's own times and quotas: one topic after the other.
fn settings_of_a_topic(_: &World) {
    let influx = Influx::start();
    let settings = "log.cleaner.backoff.ms=500\nlog.segment.delete.delay.ms=500";
    let kafka = Kafka::start_configured(Release::V4, 1, settings);
    let compaction = [
        "cleanup.policy=compact",
        "segment.ms=500",
        "min.cleanable.dirty.ratio=0.01",
        "delete.retention.ms=100",
    ];
    kafka.create_topic_with(1, &compaction);
    compacted(&kafka);
    let mut collector = collect(&kafka, &influx);
    let admin = admin_of(&mut collector);
    eventually(PATIENCE, "the end of the log", || {
        let stored = count(admin, "records_total");
        (stored > 0.0 && count(admin, "lag") == 0.0).then_some(())
    });
    assert_eq!(
        (count(admin, "missed_total"), count(admin, "bad_total")),
        (0.0, 0.0)
    );
    times_ahead(&kafka, &influx);
    sizes_and_quotas(&kafka, &influx);
    assert!(
        !collector.log().contains("cannot read the partition"),
        "{}",
        collector.log()
    );
    assert_eq!(collector.terminate(), Some(0));
}

/// A whole millisecond.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(Utc::now().timestamp_millis()).unwrap()
}

/// So many times, a millisecond apart.
fn times(from: DateTime<Utc>, number: i64) -> Vec<DateTime<Utc>> {
    let time = |number| from + TimeDelta::milliseconds(number);
    (0..number).map(time).collect()
}

/// All of one key: compaction leaves the last ones, and reading finds gaps that are no loss of Kafka's.
fn compacted(kafka: &Kafka) {
    let now = now();
    for round in 0..3 {
        let stats = offer(
            kafka,
            "compacted",
            &times(now + TimeDelta::seconds(round), 10),
        );
        assert_eq!(stats.sent, 10);
    }
    eventually(PATIENCE, "compaction", || {
        offer(kafka, "rolling", &[now]);
        (kafka.records().len() < 25).then_some(())
    });
}

/// Times ahead of Kafka's clock: refused by the broker, one by one, and counted by the producer.
fn times_ahead(kafka: &Kafka, influx: &Influx) {
    let now = now();
    let mixed = [
        now,
        now + TimeDelta::hours(2),
        now + TimeDelta::milliseconds(1),
    ];
    let stats = offer(kafka, "ahead", &mixed);
    assert_eq!((stats.sent, stats.drops.refused), (2, 1), "{stats:?}");
    all_stored(influx, "ahead", 2);
    kafka.configure_topic("message.timestamp.type=LogAppendTime,cleanup.policy=delete");
    let stats = offer(kafka, "appended", &mixed);
    assert_eq!((stats.sent, stats.drops.refused), (3, 0), "{stats:?}");
    // The record's own time is what counts; the last one is two hours ahead, which is stored as well.
    eventually(PATIENCE, "records on a topic with times of its own", || {
        (crate::shared_kafka::stored(influx, "appended") >= 2).then_some(())
    });
}

/// Batches that are too large are sent in parts, and a reader that is throttled is slow and not broken.
fn sizes_and_quotas(kafka: &Kafka, influx: &Influx) {
    let now = now();
    kafka.configure_topic("max.message.bytes=2000");
    let stats = offer(kafka, "small", &times(now, 100));
    assert_eq!((stats.sent, stats.dropped), (100, 0), "{stats:?}");
    all_stored(influx, "small", 100);

    kafka.configure_topic("max.message.bytes=1000000");
    kafka.limit_readers(20_000);
    let mut neighbour = Neighbour::start(kafka);
    for number in 0..300 {
        let text = record("throttled", now, number);
        let text = text.replace('}', &format!(r#","note":"{}"}}"#, "x".repeat(1_000)));
        neighbour.send("-", 0, &text).unwrap();
    }
    all_stored(influx, "throttled", 300);
}

/// A leader that had not seen everything takes over and the log grows beyond where the collector was: its offsets have other
/// records now.
fn an_unclean_election_cuts_the_log_back(_: &World) {
    let influx = Influx::start();
    let mut kafka = Kafka::start_cluster(Release::V4, 3);
    kafka.create_topic_on(
        "2:3",
        &[
            "unclean.leader.election.enable=true",
            "min.insync.replicas=1",
        ],
    );
    let mut collector = collect(&kafka, &influx);
    let admin = admin_of(&mut collector);
    let now = Utc::now();
    let send = |kafka: &Kafka, instance: &str, numbers: std::ops::Range<usize>| {
        // A producer of its own each time, as brokers come and go.
        let mut neighbour = Neighbour::start(kafka);
        for number in numbers {
            neighbour
                .send("-", 0, &record(instance, now, number))
                .unwrap();
        }
    };
    send(&kafka, "both", 0..10);
    all_stored(&influx, "both", 10);
    // The second replica misses what comes now, and then is all there is.
    kafka.kill_node(2);
    send(&kafka, "one", 0..10);
    all_stored(&influx, "one", 10);
    kafka.kill_node(1);
    kafka.restart_node(2);
    send(&kafka, "other", 0..15);
    all_stored(&influx, "other", 15);
    assert_eq!(count(admin, "rewound_total"), 1.0);
    assert_eq!(count(admin, "missed_total"), 0.0);
    assert_eq!(collector.terminate(), Some(0));
}

/// The collector waits for its bucket, and goes on; what the old one had is read again by the next collector.
fn a_bucket_deleted_and_made_anew(_: &World) {
    let influx = Influx::start();
    let kafka = Kafka::start_cluster(Release::V4, 1);
    kafka.create_topic();
    let mut collector = collect(&kafka, &influx);
    let mut neighbour = Neighbour::start(&kafka);
    let now = Utc::now();
    let mut send = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            neighbour
                .send("-", 0, &record("bucket", now, number))
                .unwrap();
        }
    };
    send(0..10);
    all_stored(&influx, "bucket", 10);
    influx.delete_bucket();
    send(10..20);
    collector.logs("reading stops until InfluxDB accepts it");
    influx.create_bucket();
    all_stored(&influx, "bucket", 10);
    assert_eq!(collector.terminate(), Some(0));

    // Only the position of the new bucket is known: it says that all is stored. Without it everything is read again.
    influx.delete_bucket();
    influx.create_bucket();
    let mut collector = collect(&kafka, &influx);
    all_stored(&influx, "bucket", 20);
    assert_eq!(collector.terminate(), Some(0));
}

/// Somebody has written a field of ours with another type: ours is refused until that is deleted, and with the positions deleted
/// as well, what was refused comes again from Kafka.
fn a_type_conflict_that_is_mended(_: &World) {
    let influx = Influx::start();
    let kafka = Kafka::start_cluster(Release::V4, 1);
    kafka.create_topic_with(1, &[]);
    let now = now();
    let wrong = format!(
        "command_stats,host=other requests=1.5 {}\n",
        now.timestamp_millis()
    );
    influx.write(&wrong);
    let mut collector = collect(&kafka, &influx);
    let admin = admin_of(&mut collector);
    let mut neighbour = Neighbour::start(&kafka);
    let mut send = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let plain = record("conflict", now, number);
            let command = r#""commands":[{"name":"list","requests":3}],"cpu_percent""#;
            let text = plain.replace(r#""cpu_percent""#, command);
            neighbour.send("-", 0, &text).unwrap();
        }
    };
    let commands = || points(&influx, "command_stats", "requests").len();
    send(0..10);
    // The rest of each record is stored.
    all_stored(&influx, "conflict", 10);
    eventually(PATIENCE, "refused points", || {
        (count(admin, "refused_total") >= 10.0).then_some(())
    });
    collector.logs("points are refused and left out");
    assert!(collector.log().contains("field type conflict"));
    assert_eq!(commands(), 1);

    influx.delete("command_stats");
    send(10..20);
    eventually(PATIENCE, "points of the right type", || {
        (commands() == 10).then_some(())
    });
    assert_eq!(count(admin, "refused_total"), 10.0);
    assert_eq!(collector.terminate(), Some(0));

    influx.delete("collector_position");
    let mut collector = collect(&kafka, &influx);
    eventually(PATIENCE, "points that were refused", || {
        (commands() == 20).then_some(())
    });
    all_stored(&influx, "conflict", 20);
    assert_eq!(count(admin_of(&mut collector), "refused_total"), 0.0);
    assert_eq!(collector.terminate(), Some(0));
}
