//! One process of a cluster: its settings, its start, and Kafka's own programs.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use crate::process::{Process, clean_command};
use crate::scratch::Scratch;
use crate::{loopback, tool};

/// The memory that one broker may have.
pub(super) const HEAP: &str = "-Xmx512m";

/// One of the processes.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) broker: SocketAddr,
    pub(super) process: Process,
    pub(super) dir: Scratch,
}

pub(super) fn java(jars: &Path) -> Command {
    let mut command = clean_command("java");
    command
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .args([HEAP, "-cp"])
        .arg(jars.join("*"));
    command
}

pub(super) fn storage(jars: &Path, words: &[&str]) -> String {
    let mut command = java(jars);
    command.arg("kafka.tools.StorageTool").args(words);
    let said = tool::output(&mut command);
    String::from_utf8_lossy(&said).trim().to_owned()
}

pub(super) fn launch(jars: &Path, dir: &Path) -> Process {
    let mut command = java(jars);
    // A broker that is killed leaves its unpacked libraries behind: in its own directory, not in everybody's.
    let temporary = format!("-Djava.io.tmpdir={}", dir.display());
    command
        .env("JDK_JAVA_OPTIONS", temporary)
        .arg("kafka.Kafka")
        .arg(dir.join("server.properties"));
    Process::start("kafka", command, Scratch::new("kafka-log"))
}

/// Two ports that nobody has, on a loopback address that nobody else uses: Kafka cannot tell a port that it chose.
pub(super) fn free_addresses() -> [SocketAddr; 2] {
    let host = loopback::own_address();
    let listeners = [0, 0].map(|port| TcpListener::bind((host, port)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address"))
}

pub(super) fn properties(
    id: usize,
    broker: SocketAddr,
    controller: SocketAddr,
    brokers: usize,
    dir: &Path,
) -> String {
    let data = dir.join("data");
    let replicas = brokers.min(2);
    // The first node alone decides who leads: the others may come and go.
    let (roles, listeners) = match id {
        1 => (
            "broker,controller",
            format!("PLAINTEXT://{broker},CONTROLLER://{controller}"),
        ),
        _ => ("broker", format!("PLAINTEXT://{broker}")),
    };
    [
        format!("process.roles={roles}"),
        format!("node.id={id}"),
        format!("controller.quorum.voters=1@{controller}"),
        format!("listeners={listeners}"),
        format!("advertised.listeners=PLAINTEXT://{broker}"),
        "controller.listener.names=CONTROLLER".to_owned(),
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
        "inter.broker.listener.name=PLAINTEXT".to_owned(),
        format!("log.dirs={}", data.display()),
        // More than one, so that readers and writers must look at every partition.
        "num.partitions=3".to_owned(),
        format!("default.replication.factor={replicas}"),
        "offsets.topic.replication.factor=1".to_owned(),
        "transaction.state.log.replication.factor=1".to_owned(),
        "transaction.state.log.min.isr=1".to_owned(),
        // A broker that comes back leads again after seconds, not minutes: leaders move both ways in a test.
        "leader.imbalance.check.interval.seconds=2".to_owned(),
        "leader.imbalance.per.broker.percentage=0".to_owned(),
        // A broker that was killed is missed soon.
        "broker.session.timeout.ms=4000".to_owned(),
        "broker.heartbeat.interval.ms=1000".to_owned(),
        // Our producer creates its topic itself.
        "auto.create.topics.enable=false".to_owned(),
    ]
    .join("\n")
}
