//! A real Kafka that wants TLS and a password: producers that have both get through, others say why not.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use e2e::influx::{Influx, TOKEN};
use e2e::kafka::{PASSWORD, Secured, USER};
use e2e::process::{Process, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, access_log, eventually};
use netsocket_credentials::authority::Authority;
use netsocket_telemetry::{
    Compression, Figures, HostSample, Identity, NewTopic, Producer, ProducerConfig, ProducerStats,
    Record, Role, Sasl, SaslMechanism, Security, Supervisor,
};

use crate::exactly_once::offered::{Offered, Plan};
use crate::exactly_once::{CATCH_UP, admin, judge};
use crate::shared_kafka::count;
use crate::world::World;

crate::tests![
    #[needs(Kafka4)]
    tls_and_passwords,
    #[needs(Kafka4AndInflux)]
    a_certificate_that_ends,
];

const MECHANISMS: [(&str, SaslMechanism); 3] = [
    ("plain", SaslMechanism::Plain),
    ("scram-sha-256", SaslMechanism::ScramSha256),
    ("scram-sha-512", SaslMechanism::ScramSha512),
];

/// The name of the one whole program among the producers.
const FILE_SERVER: &str = "whole-file-server";

fn security(authority: &Path, mechanism: SaslMechanism, password: &str) -> Security {
    let security = Security::default().with_tls(authority, None).unwrap();
    security.with_sasl(Sasl {
        mechanism,
        user: USER.to_owned(),
        password: password.to_owned(),
    })
}

/// The settings of a program that may read and write.
fn with_access(command: &mut Command, authority: &Path, secured: &Secured) {
    command
        .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
        .env("NETSOCKET_KAFKA_PASSWORD", PASSWORD)
        .env("NETSOCKET_KAFKA_USER", USER)
        .env("NETSOCKET_KAFKA_SASL", "SCRAM-SHA-512")
        .env("NETSOCKET_KAFKA_TLS_CA", authority)
        .args(["--kafka", &secured.address.to_string()]);
}

/// A file server, confined to a directory where the certificate is not, with the same settings as any other program.
fn file_server(world: &World, authority: &Path, secured: &Secured) -> Process {
    let dir = Scratch::new(FILE_SERVER);
    let mut command = clean_command(Program::Fileserver.path());
    with_access(&mut command, authority, secured);
    command
        .env("NETSOCKET_KAFKA_SASL", "scram-sha-256")
        .env("NETSOCKET_SPOOL_DIR", dir.path())
        .args(["--listen", "127.0.0.1:0", "--name", FILE_SERVER, "--root"])
        .arg(world.few_files());
    Process::start(FILE_SERVER, command, dir)
}

fn tls_and_passwords(world: &World) {
    let keys = Scratch::new("authority");
    let issuer = Authority::new("Kafka");
    let authority = issuer.write(keys.path(), "ca");
    let secured = Secured::start(|host| issuer.issue(&[host]).key_and_certificate());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let send = |name: &str, security: Security, enough: fn(&ProducerStats) -> bool| {
        let identity = Identity::new(Role::Fileserver, name);
        let config = ProducerConfig {
            security,
            compression: Compression::Zstd,
            new_topic: NewTopic {
                partitions: Some(2),
                replication: Some(1),
                ..NewTopic::default()
            },
            ..ProducerConfig::new(vec![secured.address.to_string()])
        };
        let producer = Producer::start(config, identity.key(), &Supervisor::default());
        let now: DateTime<Utc> = Utc::now();
        let record = Record::new(&identity, now, HostSample::default(), Figures::default());
        producer.record(&Arc::new(record));
        eventually(PATIENCE, name, || Some(producer.stats()).filter(enough))
    };

    for (name, mechanism) in MECHANISMS {
        send(name, security(&authority, mechanism, PASSWORD), |stats| {
            stats.sent == 1
        });
    }
    let failed: fn(&ProducerStats) -> bool = |stats| stats.last_error.is_some();
    let wrong = security(&authority, SaslMechanism::ScramSha256, "wrong");
    let stats = send("wrong password", wrong, failed);
    assert_eq!((stats.connected, stats.sent), (false, 0));
    println!("wrong password: {:?}", stats.last_error);
    let nobody = Security::default().with_tls(&authority, None).unwrap();
    send("no password", nobody, failed);

    let mut file_server = file_server(world, &authority, &secured);

    // The topic is as it was asked for, and the collector's way in is the same.
    let mut command = clean_command(Program::Collector.path());
    with_access(&mut command, &authority, &secured);
    command
        .env_remove(access_log::JSON_FORMAT.0)
        .args(["--stdout=text", "--from-start"]);
    let mut collector = Process::start("collector", command, Scratch::new("collector"));
    let names = MECHANISMS.map(|(name, _)| name);
    for name in names.into_iter().chain([FILE_SERVER]) {
        collector.logs(&format!(" fileserver {name} "));
    }
    assert!(collector.log().contains("partition=1") && !collector.log().contains("partition=2"));
    assert_eq!(collector.terminate(), Some(0));
    assert_eq!(file_server.terminate(), Some(0));
}

/// How long the broker's certificate is good for once the broker has it: everybody must be connected by then.
const LIFETIME: Duration = Duration::from_secs(40);

fn collector(authority: &Path, secured: &Secured, influx: &Influx) -> Process {
    let mut command = clean_command(Program::Collector.path());
    with_access(&mut command, authority, secured);
    command
        .env("INFLUXDB_TOKEN", TOKEN)
        .args(["--influx-url", &format!("http://{}", influx.address)])
        .args(["--admin", "127.0.0.1:0"]);
    Process::start("collector", command, Scratch::new("collector"))
}

/// The broker's certificate ends while records flow: connections stay, new ones are refused by both sides of ours, and with a
/// new certificate everything that was kept meanwhile gets through.
fn a_certificate_that_ends(world: &World) {
    let keys = Scratch::new("authority");
    let issuer = Authority::new("Kafka");
    let authority = issuer.write(keys.path(), "ca");
    let issued = |host: &str| issuer.issue(&[host]).key_and_certificate();
    let mut secured = Secured::start(issued);
    let host = secured.address.ip().to_string();
    let influx = Influx::start();
    secured.kafka.create_topic();
    let end = Utc::now() + LIFETIME;
    let since_1970 = Duration::from_secs(end.timestamp().unsigned_abs());
    let ending = issuer.issue_ending(&[&host], since_1970);
    secured.renew(&ending.key_and_certificate());
    let mut collector = collector(&authority, &secured, &influx);
    let admin = admin(&mut collector);
    let mut file_server = file_server(world, &authority, &secured);
    let offered = Offered::start(&Plan {
        brokers: secured.address.to_string(),
        security: security(&authority, SaslMechanism::ScramSha256, PASSWORD),
        producers: 3,
        forgetful: 0,
        per_second: 10,
    });
    let stored = || count(admin, "records_total");
    let flow = |what: &str| {
        let enough = stored() + 30.0;
        eventually(PATIENCE, what, || (stored() >= enough).then_some(()));
    };
    flow("records");
    file_server.logs("connected to Kafka");
    assert!(Utc::now() < end, "connected too late to see it end");
    eventually(LIFETIME + PATIENCE, "its end", || {
        (Utc::now() > end).then_some(())
    });
    // Who is connected does not notice.
    flow("records over connections from before");
    assert_eq!(count(admin, "kafka_up"), 1.0);

    secured.kafka.kill();
    secured.kafka.restart();
    for program in [&mut collector, &mut file_server] {
        program.logs("certificate expired");
    }
    assert_eq!(count(admin, "kafka_up"), 0.0);
    for stats in offered.stats() {
        assert!(!stats.connected && stats.queued > 0, "{stats:?}");
        println!("{:?}", stats.last_error);
    }
    secured.renew(&issued(&host));
    let sent = offered.finish(CATCH_UP);
    assert_eq!(sent.dropped(), 0, "{sent}");
    println!("{sent}");
    assert_eq!(file_server.terminate(), Some(0));
    judge(&influx, &sent, |key| !key.ends_with(FILE_SERVER));
    collector.logs("can be read again");
    assert_eq!(collector.terminate(), Some(0));
}
