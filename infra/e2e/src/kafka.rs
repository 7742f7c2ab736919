//! A real Apache Kafka on loopback: one node that is broker and controller, or that and further brokers, or one with a secured
//! listener.

mod commands;
pub mod neighbour;
mod node;
mod release;
mod secured;
pub mod witness;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use crate::eventually;
use crate::scratch::Scratch;
use node::{HEAP, Node, free_addresses, launch, properties, storage};

pub use release::{Release, jars};
use secured::LISTENER;
pub use secured::{PASSWORD, USER};

/// The topic that our programs write to, as in the original system.
pub const TOPIC: &str = "system_stats";

/// Kafka needs seconds for its start, more where other tests run.
const START: Duration = Duration::from_secs(240);

/// A running cluster.
#[derive(Debug)]
pub struct Kafka {
    /// The first broker; the same after a restart.
    pub broker: SocketAddr,
    nodes: Vec<Node>,
    jars: PathBuf,
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
        Self::start_with(release, brokers, "", None)
    }

    /// The same with further settings of every broker, one a line, which win over those that all tests have.
    ///
    /// # Panics
    /// Where they do not come up.
    #[must_use]
    pub fn start_configured(release: Release, brokers: usize, settings: &str) -> Self {
        Self::start_with(release, brokers, settings, None)
    }

    /// With a second, secured listener if there is an address for it, and a key with its certificate.
    fn start_with(
        release: Release,
        brokers: usize,
        more: &str,
        secured: Option<(SocketAddr, &str)>,
    ) -> Self {
        let jars = jars(release).unwrap_or_else(|reason| panic!("{reason}"));
        let [_, controller] = free_addresses();
        let cluster = storage(&jars, &["random-uuid"]);
        let nodes: Vec<Node> = (1..=brokers)
            .map(|id| {
                let dir = Scratch::new("kafka");
                let [broker, _] = free_addresses();
                let mut text = properties(id, broker, controller, brokers, dir.path());
                let mut words = Vec::new();
                if let Some((address, key_and_certificate)) = secured {
                    let keystore = secured::keystore(dir.path());
                    fs::write(&keystore, key_and_certificate).expect("a file for the key");
                    let (settings, users) = secured::settings(&keystore);
                    // A listener more, wherever listeners and their protocols are listed.
                    let open = format!("PLAINTEXT://{broker}");
                    text = text.replace(&open, &format!("{open},SASL_SSL://{address}"));
                    let protocols = "CONTROLLER:PLAINTEXT";
                    text = text.replace(protocols, &format!("{protocols},SASL_SSL:SASL_SSL"));
                    text = format!("{text}\n{settings}");
                    words = users;
                }
                let text = format!("{text}\n{more}\n");
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

    /// Stops a broker in an orderly way and starts another release on its address and its log.
    ///
    /// # Panics
    /// Where it does not stop or the other one does not come up.
    pub fn upgrade_node(&mut self, index: usize, release: Release) {
        self.jars = jars(release).unwrap_or_else(|reason| panic!("{reason}"));
        self.nodes[index].process.signal(Signal::TERM);
        self.nodes[index].process.wait(START);
        self.restart_node(index);
    }

    /// Lets a broker do nothing until [`Kafka::thaw_node`].
    pub fn freeze_node(&self, index: usize) {
        self.nodes[index].process.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw_node(&self, index: usize) {
        self.nodes[index].process.signal(Signal::CONT);
    }

    fn wait_until_up(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        eventually(START, "Kafka", || {
            assert!(!node.process.has_ended(), "Kafka ended at its start");
            TcpStream::connect(node.broker).ok().map(drop)
        });
    }
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

/// A broker with a second listener, over TLS and for [`USER`] only.
#[derive(Debug)]
pub struct Secured {
    /// The broker with its open listener.
    pub kafka: Kafka,
    /// The secured listener.
    pub address: SocketAddr,
}

impl Secured {
    /// Starts one with what is issued for its address: a key, and its certificate.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start(issue: impl FnOnce(&str) -> String) -> Self {
        let [address, _] = free_addresses();
        let issued = issue(&address.ip().to_string());
        let kafka = Kafka::start_with(Release::V4, 1, "", Some((address, &issued)));
        Self { kafka, address }
    }

    /// Gives the running broker another key and certificate, as operators do: in a new file, of which it is told.
    pub fn renew(&self, key_and_certificate: &str) {
        let dir = self.kafka.nodes[0].dir.path();
        let file = tempfile::NamedTempFile::new_in(dir).and_then(|file| {
            fs::write(file.path(), key_and_certificate)?;
            Ok(file.keep()?.1)
        });
        let file = file.expect("a file for the key");
        let setting = format!("{LISTENER}.ssl.keystore.location={}", file.display());
        self.kafka.configure(
            &["--entity-type", "brokers", "--entity-name", "1"],
            &setting,
        );
    }
}
