//! What producers report as sent is in InfluxDB exactly once, whatever is killed, restarted or refused on the way.
//!
//! The producers run in the test, so that what they report can be compared; everything else is a real process.

pub(crate) mod offered;

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::fault_proxy::{Fault, FaultProxy};
use e2e::influx::Influx;
use e2e::kafka::{Kafka, Release, TOPIC};
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::{PATIENCE, access_log, eventually, http, metrics::Metrics};

use netsocket_telemetry::Security;

use crate::influxdb::{collector_at, points};
use crate::world::World;
use offered::{Offered, Plan};

crate::tests![
    #[needs(KafkaAndInflux)]
    everything_restarts,
    #[needs(Kafka4AndInflux)]
    leaders_move_and_partitions_are_added,
    #[needs(Kafka4AndInflux)]
    a_broker_is_upgraded,
];

/// How long records are offered while things break: seconds.
const SECONDS: &str = "NETSOCKET_CHAOS_SECONDS";
const DEFAULT_SECONDS: u64 = 45;
/// What the run's random choices start from; printed, and taken from here to repeat it.
const SEED: &str = "NETSOCKET_CHAOS_SEED";

/// For the last record to be stored after everything has come back.
pub(crate) const CATCH_UP: Duration = Duration::from_secs(90);

/// What a collector may take, however long its database was away; a debug build has its share of it.
const MEMORY: u64 = 96 << 20;

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().expect("a number"))
}

/// What can go wrong, each for some seconds.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    CollectorKilled,
    KafkaKilled,
    InfluxKilled,
    Refused(u16, Option<u32>),
    AnswersLost,
    BadRecords,
}

const TROUBLES: [Trouble; 8] = [
    Trouble::CollectorKilled,
    Trouble::Refused(503, None),
    Trouble::AnswersLost,
    Trouble::KafkaKilled,
    Trouble::CollectorKilled,
    Trouble::Refused(429, Some(2)),
    Trouble::InfluxKilled,
    Trouble::BadRecords,
];

struct Stage {
    kafka: Kafka,
    influx: Influx,
    proxy: FaultProxy,
    collector: Process,
}

impl Stage {
    fn suffer(&mut self, trouble: Trouble, offered: &Offered) {
        // Long enough for several attempts to fail.
        let some_seconds = || offered.offers_more(100);
        match trouble {
            Trouble::CollectorKilled => {
                self.collector.kill();
                self.collector = collector_at(&self.kafka, self.proxy.address);
                some_seconds();
            }
            Trouble::KafkaKilled => {
                self.kafka.kill();
                some_seconds();
                self.kafka.restart();
            }
            Trouble::InfluxKilled => {
                self.influx.kill();
                some_seconds();
                self.influx.restart();
            }
            Trouble::Refused(status, wait) => self.fault(Fault::Refuse(status, wait), offered),
            Trouble::AnswersLost => self.fault(Fault::LoseAnswer, offered),
            Trouble::BadRecords => self.kafka.produce_compressed("none", &BAD),
        }
    }

    fn fault(&self, fault: Fault, offered: &Offered) {
        let before = self.proxy.faults();
        self.proxy.set(fault);
        eventually(PATIENCE, "requests that fail", || {
            (self.proxy.faults() >= before + 2).then_some(())
        });
        offered.offers_more(100);
        self.proxy.set(Fault::None);
    }
}

/// One of each kind that a producer can send.
const BAD: [&str; 7] = [
    "hello",
    "{}",
    r#"{"cpu_percent":"x","memory_percent":1,"client_count":1}"#,
    r#"{"ts":"1970-01-01T00:00:00Z","cpu_percent":1,"memory_percent":1,"client_count":1}"#,
    r#"{"ts":"2100-01-01T00:00:00Z","cpu_percent":1,"memory_percent":1,"client_count":1}"#,
    r#"{"event":"start","text":7}"#,
    concat!(
        r#"{"deep":"#,
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ),
];

/// As the collector counts [`BAD`].
const BAD_KINDS: [(&str, f64); 5] = [
    ("not_json", 1.0),
    ("missing_field", 1.0),
    ("wrong_type", 2.0),
    ("absurd_time", 2.0),
    ("too_deep", 1.0),
];

/// How long records are offered while things break.
pub(crate) fn seconds() -> u64 {
    let seconds = number(SECONDS, DEFAULT_SECONDS);
    println!("{SECONDS}={seconds}");
    seconds
}

fn everything_restarts(_: &World) {
    let seed = number(SEED, fastrand::u64(..));
    println!("{SEED}={seed}");
    let seconds = seconds();
    let mut random = fastrand::Rng::with_seed(seed);
    let influx = Influx::start();
    let kafka = Kafka::start();
    let proxy = FaultProxy::start(influx.address);
    let collector = collector_at(&kafka, proxy.address);
    let mut stage = Stage {
        kafka,
        influx,
        proxy,
        collector,
    };
    let offered = Offered::start(&Plan {
        brokers: stage.kafka.brokers(),
        security: Security::default(),
        producers: 5,
        // One of them forgets early, so that drops are part of the sum.
        forgetful: 1,
        per_second: 10,
    });
    let mut troubles = Vec::new();
    while offered.seconds() < seconds {
        if troubles.is_empty() {
            troubles = TROUBLES.to_vec();
            random.shuffle(&mut troubles);
        }
        let trouble = troubles.remove(0);
        println!("{:>4} s: {trouble:?}", offered.seconds());
        stage.suffer(trouble, &offered);
    }
    let sent = offered.finish(CATCH_UP);
    judge(&stage.influx, &sent, |_| true);
    println!(
        "{sent}; {} requests failed on purpose",
        stage.proxy.faults()
    );

    // The lag is gone, what was bad is counted, and memory has stayed where it was.
    let admin = admin(&mut stage.collector);
    eventually(PATIENCE, "no lag", || {
        let health = http::get(admin, "/healthz").ok()?;
        (health.status == 200 && health.body.contains("\"lag\":0")).then_some(())
    });
    stage.kafka.produce_compressed("none", &BAD);
    for (kind, number) in BAD_KINDS {
        let label = format!("kind=\"{kind}\"");
        eventually(PATIENCE, kind, || {
            let bad = metrics(admin).sum("netsocket_collector_bad_total", &[&label]);
            (bad >= number).then_some(())
        });
    }
    let memory = stage.collector.peak_memory();
    println!("the last collector took {} MiB at most", memory >> 20);
    assert!(memory < MEMORY, "{} MiB", memory >> 20);
    assert_eq!(stage.collector.terminate(), Some(0));
}

/// Every record is stored once that was reported as sent, and no other but those whose fate was reported as unknown.
pub(crate) fn judge(influx: &Influx, sent: &offered::Account, is_ours: impl Fn(&str) -> bool) {
    let stored = eventually(CATCH_UP, "every record that was sent", || {
        let mut stored = points(influx, "system_stats", "client_count");
        stored.retain(|key, _| is_ours(key));
        let missing = sent.missing(&stored);
        (missing == 0).then_some(stored)
    });
    sent.assert_no_more_than(&stored);
}

pub(crate) fn admin(collector: &mut Process) -> std::net::SocketAddr {
    eventually(PATIENCE, "the collector's address", || {
        let events = access_log::events(&collector.log(), "collecting");
        events.first()?["admin"].as_str()?.parse().ok()
    })
}

pub(crate) fn metrics(admin: std::net::SocketAddr) -> Metrics {
    Metrics::parse(&http::get(admin, "/metrics").unwrap().body)
}

/// Two brokers of the newest Kafka: the second is killed, so that its partitions get another leader, and comes back, so
/// that they return to it; meanwhile the topic gets more partitions.
fn leaders_move_and_partitions_are_added(_: &World) {
    let influx = Influx::start();
    let mut kafka = Kafka::start_cluster(Release::V4, 2);
    kafka.create_topic();
    let mut collector = collector_at(&kafka, influx.address);
    let plan = Plan {
        brokers: kafka.brokers(),
        security: Security::default(),
        producers: 6,
        forgetful: 0,
        per_second: 10,
    };
    let offered = Offered::start(&plan);
    offered.offers_more(60);
    kafka.kill_node(1);
    offered.offers_more(300);
    kafka.restart_node(1);
    kafka.extend_topic(6);
    offered.offers_more(600);
    let mut sent = offered.finish(CATCH_UP);
    assert_eq!(sent.dropped(), 0, "{sent}");

    // Producers that start now use the new partitions, too.
    let offered = Offered::start(&Plan {
        producers: 12,
        ..plan
    });
    offered.offers_more(120);
    sent.add(offered.finish(CATCH_UP));
    judge(&influx, &sent, |_| true);
    println!("{sent}");
    let lags = metrics(admin(&mut collector));
    let partitions: Vec<String> = (0..6).map(|n| format!("partition=\"{n}\"")).collect();
    for partition in &partitions {
        let next = lags.sum("netsocket_collector_next_offset", &[partition]);
        assert!(next >= 0.0);
    }
    let new: f64 = partitions[3..]
        .iter()
        .map(|partition| lags.sum("netsocket_collector_next_offset", &[partition]))
        .sum();
    assert!(new > 0.5, "nothing was read from the new partitions");
    assert_eq!(collector.terminate(), Some(0));
    printed(&kafka, &sent);
}

/// A broker of the third generation is stopped and comes back as the newest, with its log, while records are offered.
fn a_broker_is_upgraded(_: &World) {
    let influx = Influx::start();
    let mut kafka = Kafka::start();
    let mut collector = collector_at(&kafka, influx.address);
    let offered = Offered::start(&Plan {
        brokers: kafka.brokers(),
        security: Security::default(),
        producers: 3,
        forgetful: 0,
        per_second: 10,
    });
    offered.offers_more(60);
    kafka.upgrade_node(0, Release::V4);
    offered.offers_more(60);
    let sent = offered.finish(CATCH_UP);
    assert_eq!(sent.dropped(), 0, "{sent}");
    judge(&influx, &sent, |_| true);
    println!("{sent}");
    assert!(collector.log().contains("can be read again"));
    assert_eq!(collector.terminate(), Some(0));
}

/// The same records on standard output.
fn printed(kafka: &Kafka, sent: &offered::Account) {
    let mut command = clean_command("timeout");
    command
        .args(["--signal=TERM", "8"])
        .arg(Program::Collector.path())
        .args(["--kafka", &kafka.brokers(), "--stdout", "--from-start"]);
    let ran = Ran::of(command, PATIENCE);
    let text = String::from_utf8(ran.stdout).unwrap();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        *seen.entry(text("instance") + &text("ts")).or_default() += 1;
    }
    assert!(
        seen.len() as u64 >= sent.sent(),
        "{} printed of {sent} on {TOPIC}",
        seen.len()
    );
}
