//! A real Apache Kafka on loopback: one node that is broker and controller, or that and further brokers, or one with a secured
//! listener.

mod release;
mod secured;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::process::{Process, Ran, clean_command};
use crate::scratch::Scratch;
use crate::tool::in_path;
use crate::{eventually, loopback, tool};

pub use release::{Release, jars};
pub use secured::{PASSWORD, USER};

/// The topic that our programs write to, as in the original system.
pub const TOPIC: &str = "system_stats";

/// Kafka needs seconds for its start, more where other tests run.
const START: Duration = Duration::from_secs(90);

/// The memory that one broker may have.
const HEAP: &str = "-Xmx512m";

/// A running cluster.
#[derive(Debug)]
pub struct Kafka {
    /// The first broker; the same after a restart.
    pub broker: SocketAddr,
    nodes: Vec<Node>,
    jars: PathBuf,
}

/// One of its processes.
#[derive(Debug)]
struct Node {
    broker: SocketAddr,
    process: Process,
    dir: Scratch,
}

impl Kafka {
    /// Starts a broker with an empty log.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start() -> Self {
        Self::start_cluster(Release::V3, 1)
    }

    /// Starts several brokers of a release. The first is also the controller; every partition is on two of them, if there
    /// are two.
    ///
    /// # Panics
    /// Where they do not come up.
    #[must_use]
    pub fn start_cluster(release: Release, brokers: usize) -> Self {
        Self::start_with(release, brokers, None)
    }

    /// With a second, secured listener at that address if there is one.
    fn start_with(release: Release, brokers: usize, secured: Option<SocketAddr>) -> Self {
        let jars = jars(release).unwrap_or_else(|reason| panic!("{reason}"));
        let [_, controller] = free_addresses();
        let cluster = storage(&jars, &["random-uuid"]);
        let nodes: Vec<Node> = (1..=brokers)
            .map(|id| {
                let dir = Scratch::new("kafka");
                let [broker, _] = free_addresses();
                let mut text = properties(id, broker, controller, brokers, dir.path());
                let mut words = Vec::new();
                if let Some(address) = secured {
                    let (settings, users) = secured::settings(address, dir.path());
                    // A listener more, wherever listeners and their protocols are listed.
                    let open = format!("PLAINTEXT://{broker}");
                    text = text.replace(&open, &format!("{open},SASL_SSL://{address}"));
                    let protocols = "CONTROLLER:PLAINTEXT";
                    text = text.replace(protocols, &format!("{protocols},SASL_SSL:SASL_SSL"));
                    text = format!("{text}\n{settings}");
                    words = users;
                }
                let config = dir.write("server.properties", text);
                let config = config.to_str().expect("a temporary path is UTF-8");
                let mut format = vec!["format", "-t", &cluster, "-c", config];
                format.extend(words.iter().map(String::as_str));
                storage(&jars, &format);
                let process = launch(&jars, dir.path());
                Node {
                    broker,
                    process,
                    dir,
                }
            })
            .collect();
        let mut kafka = Self {
            broker: nodes[0].broker,
            nodes,
            jars,
        };
        (0..brokers).for_each(|index| kafka.wait_until_up(index));
        kafka
    }

    /// An address where a broker could be, and none is.
    #[must_use]
    pub fn nobody() -> SocketAddr {
        let [broker, _] = free_addresses();
        broker
    }

    /// Every broker, with commas between.
    #[must_use]
    pub fn brokers(&self) -> String {
        let brokers: Vec<_> = self.nodes.iter().map(|n| n.broker.to_string()).collect();
        brokers.join(",")
    }

    /// Ends the first broker as `kill -9` does.
    pub fn kill(&mut self) {
        self.kill_node(0);
    }

    /// Starts it again on its old address, with its old log.
    pub fn restart(&mut self) {
        self.restart_node(0);
    }

    /// Ends a broker, counted from 0, as `kill -9` does.
    pub fn kill_node(&mut self, index: usize) {
        self.nodes[index].process.kill();
    }

    /// Starts a broker again on its old address, with its old log.
    pub fn restart_node(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.process = launch(&self.jars, node.dir.path());
        self.wait_until_up(index);
    }

    /// Creates [`TOPIC`] with the cluster's defaults.
    pub fn create_topic(&self) {
        self.topic(&["--create"]);
    }

    /// Gives [`TOPIC`] more partitions.
    pub fn extend_topic(&self, partitions: u32) {
        self.topic(&["--alter", "--partitions", &partitions.to_string()]);
    }

    fn topic(&self, words: &[&str]) {
        let mut command = java(&self.jars);
        command
            .arg("org.apache.kafka.tools.TopicCommand")
            .args(["--bootstrap-server", &self.brokers(), "--topic", TOPIC])
            .args(words);
        tool::output(&mut command);
    }

    /// Every record of [`TOPIC`] as a consumer other than ours reads it; none while the topic is not there.
    ///
    /// # Panics
    /// Where a record is no JSON.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        let ran = Ran::of(self.consumer(), START);
        let text = String::from_utf8(ran.stdout).expect("records are UTF-8");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    /// The same without events.
    #[must_use]
    pub fn samples(&self) -> Vec<Value> {
        let mut records = self.records();
        records.retain(|record| record.get("event").is_none());
        records
    }

    /// Waits until a record is there that `wanted` accepts.
    pub fn record(&self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        eventually(START, what, || {
            self.samples().into_iter().find(|record| wanted(record))
        })
    }

    /// Writes one record as a producer other than ours.
    ///
    /// # Panics
    /// Where the broker does not take it.
    pub fn produce(&self, record: &str) {
        self.produce_compressed("none", &[record]);
    }

    /// Writes records as a producer other than ours, in a batch that is compressed by `codec`.
    ///
    /// # Panics
    /// Where the broker does not take them.
    pub fn produce_compressed(&self, codec: &str, records: &[&str]) {
        let brokers = self.brokers();
        let command = match in_path("kcat") {
            Some(kcat) => {
                let mut command = clean_command(kcat);
                command.args(["-P", "-t", TOPIC, "-b", &brokers, "-z", codec]);
                command
            }
            None => {
                let mut command = java(&self.jars);
                command
                    .arg("org.apache.kafka.tools.ConsoleProducer")
                    .args(["--topic", TOPIC, "--bootstrap-server", &brokers])
                    .args(["--compression-codec", codec]);
                command
            }
        };
        let input = format!("{}\n", records.join("\n"));
        let ran = Ran::with_input(command, input.as_bytes(), START);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }

    fn consumer(&self) -> Command {
        let brokers = self.brokers();
        if let Some(kcat) = in_path("kcat") {
            let mut command = clean_command("timeout");
            command.arg("30").arg(kcat).args([
                "-C",
                "-q",
                "-e",
                "-o",
                "beginning",
                "-t",
                TOPIC,
                "-b",
                &brokers,
            ]);
            return command;
        }
        let mut command = java(&self.jars);
        command
            .arg("org.apache.kafka.tools.consumer.ConsoleConsumer")
            .args(["--topic", TOPIC, "--bootstrap-server", &brokers])
            .args(["--from-beginning", "--timeout-ms", "4000"]);
        command
    }

    fn wait_until_up(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        eventually(START, "Kafka", || {
            assert!(!node.process.has_ended(), "Kafka ended at its start");
            TcpStream::connect(node.broker).ok().map(drop)
        });
    }
}

fn java(jars: &Path) -> Command {
    let mut command = clean_command("java");
    command
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .args([HEAP, "-cp"])
        .arg(jars.join("*"));
    command
}

/// A script that starts one of Kafka's programs, as those in a release do.
///
/// # Panics
/// Where that release cannot be had.
#[must_use]
pub fn script(release: Release, class: &str) -> String {
    let jars = jars(release).unwrap_or_else(|reason| panic!("{reason}"));
    let jars = jars.display();
    format!("#!/bin/sh\nexec java {HEAP} -cp '{jars}/*' {class} \"$@\"\n")
}

fn storage(jars: &Path, words: &[&str]) -> String {
    let mut command = java(jars);
    command.arg("kafka.tools.StorageTool").args(words);
    let said = tool::output(&mut command);
    String::from_utf8_lossy(&said).trim().to_owned()
}

fn launch(jars: &Path, dir: &Path) -> Process {
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
fn free_addresses() -> [SocketAddr; 2] {
    let host = loopback::own_address();
    let listeners = [0, 0].map(|port| TcpListener::bind((host, port)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address"))
}

fn properties(
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

/// A broker with a second listener, over TLS and for [`USER`] only.
#[derive(Debug)]
pub struct Secured {
    /// The broker with its open listener.
    pub kafka: Kafka,
    /// The secured listener.
    pub address: SocketAddr,
}

impl Secured {
    /// Starts one.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let [address, _] = free_addresses();
        let kafka = Kafka::start_with(Release::V4, 1, Some(address));
        Self { kafka, address }
    }

    /// The certificate of its authority, as PEM.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.kafka.nodes[0].dir.path().join(secured::AUTHORITY)
    }
}
