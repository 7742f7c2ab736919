//! A real Kafka that wants TLS and a password: producers that have both get through, others say why not.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use e2e::kafka::{PASSWORD, Secured, USER};
use e2e::process::{Process, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually};
use netsocket_telemetry::{
    Compression, Figures, HostSample, Identity, NewTopic, Producer, ProducerConfig, ProducerStats,
    Record, Role, Sasl, SaslMechanism, Security, Supervisor,
};

use crate::world::World;

crate::tests![
    #[needs(Kafka4)]
    tls_and_passwords,
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

/// A file server, confined to a directory where the certificate is not, with the same settings as any other program.
fn file_server(world: &World, secured: &Secured) -> Process {
    let dir = Scratch::new(FILE_SERVER);
    let mut command = clean_command(Program::Fileserver.path());
    command
        .env("NETSOCKET_KAFKA_PASSWORD", PASSWORD)
        .env("NETSOCKET_KAFKA_USER", USER)
        .env("NETSOCKET_KAFKA_SASL", "scram-sha-256")
        .env("NETSOCKET_KAFKA_TLS_CA", secured.authority())
        .env("NETSOCKET_SPOOL_DIR", dir.path())
        .args(["--kafka", &secured.address.to_string()])
        .args(["--listen", "127.0.0.1:0", "--name", FILE_SERVER, "--root"])
        .arg(world.few_files());
    Process::start(FILE_SERVER, command, dir)
}

fn tls_and_passwords(world: &World) {
    let secured = Secured::start();
    let authority = secured.authority();
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

    let mut file_server = file_server(world, &secured);

    // The topic is as it was asked for, and the collector's way in is the same.
    let mut command = clean_command(Program::Collector.path());
    command
        .env("NETSOCKET_KAFKA_PASSWORD", PASSWORD)
        .env("NETSOCKET_KAFKA_USER", USER)
        .env("NETSOCKET_KAFKA_SASL", "SCRAM-SHA-512")
        .env("NETSOCKET_KAFKA_TLS_CA", &authority)
        .args(["--kafka", &secured.address.to_string()])
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
