//! What other programs than ours do with a cluster: topics, records in and out, by Kafka's own tools or kcat.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::node::java;
use super::{Kafka, TOPIC};
use crate::process::{Ran, clean_command};
use crate::tool::in_path;
use crate::{eventually, tool};

/// For a tool of Kafka, which starts a virtual machine.
const LIMIT: Duration = Duration::from_secs(180);

impl Kafka {
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
        let ran = Ran::of(self.consumer(), LIMIT);
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
        eventually(LIMIT, what, || {
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
        let command = self.kcat_producer(codec).unwrap_or_else(|| {
            let mut command = java(&self.jars);
            command
                .arg("org.apache.kafka.tools.ConsoleProducer")
                .args(["--topic", TOPIC, "--bootstrap-server", &self.brokers()])
                .args(["--compression-codec", codec]);
            command
        });
        feed(command, records);
    }

    /// Writes many records with kcat, in batches that a setting of its library bounds.
    ///
    /// # Panics
    /// Where the broker does not take them.
    pub fn produce_batches(&self, codec: &str, setting: &str, records: &[&str]) {
        let mut command = self.kcat_producer(codec).expect("kcat");
        command.args(["-X", setting, "-X", "linger.ms=100"]);
        feed(command, records);
    }

    /// kcat where it is installed, to write what it gets on its standard input.
    fn kcat_producer(&self, codec: &str) -> Option<Command> {
        let mut command = clean_command(in_path("kcat")?);
        command.args(["-P", "-t", TOPIC, "-b", &self.brokers(), "-z", codec]);
        Some(command)
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

    /// Deletes [`TOPIC`].
    pub fn delete_topic(&self) {
        self.topic(&["--delete"]);
    }

    /// The names of all topics.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        let mut command = java(&self.jars);
        command.arg("org.apache.kafka.tools.TopicCommand").args([
            "--bootstrap-server",
            &self.brokers(),
            "--list",
        ]);
        let names = tool::output(&mut command);
        let names = String::from_utf8_lossy(&names);
        let names = names.lines().filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }

    /// Creates [`TOPIC`] with settings of its own, `key=value`.
    pub fn create_topic_with(&self, partitions: u32, settings: &[&str]) {
        let partitions = partitions.to_string();
        let mut words = vec!["--create", "--partitions", &partitions];
        for setting in settings {
            words.extend(["--config", setting]);
        }
        self.topic(&words);
    }

    /// Creates [`TOPIC`] with one partition on these brokers, `ID:ID`, the first of which leads.
    pub fn create_topic_on(&self, brokers: &str, settings: &[&str]) {
        let mut words = vec!["--create", "--replica-assignment", brokers];
        for setting in settings {
            words.extend(["--config", setting]);
        }
        self.topic(&words);
    }

    /// Lets every client read so many bytes a second.
    pub fn limit_readers(&self, bytes_per_second: u32) {
        let setting = format!("consumer_byte_rate={bytes_per_second}");
        self.configure(&["--entity-type", "clients", "--entity-default"], &setting);
    }

    /// Deletes the records of a partition of [`TOPIC`] before an offset.
    pub fn delete_records(&self, partition: u32, before: u64) {
        let dir = crate::scratch::Scratch::new("delete-records");
        let file = dir.write(
            "offsets.json",
            format!(
                r#"{{"partitions":[{{"topic":"{TOPIC}","partition":{partition},"offset":{before}}}],"version":1}}"#
            ),
        );
        let mut command = java(&self.jars);
        command
            .arg("org.apache.kafka.tools.DeleteRecordsCommand")
            .args(["--bootstrap-server", &self.brokers()])
            .arg("--offset-json-file")
            .arg(file);
        tool::output(&mut command);
    }

    /// Changes settings of [`TOPIC`], `key=value` with commas between.
    pub fn configure_topic(&self, settings: &str) {
        self.configure(
            &["--entity-type", "topics", "--entity-name", TOPIC],
            settings,
        );
    }

    /// Changes settings of whatever is named, `key=value` with commas between.
    pub(super) fn configure(&self, entity: &[&str], settings: &str) {
        let mut command = java(&self.jars);
        command
            .arg("org.apache.kafka.tools.ConfigCommand")
            .args(["--bootstrap-server", &self.brokers()])
            .args(entity)
            .args(["--alter", "--add-config", settings]);
        tool::output(&mut command);
    }
}

/// Runs a producer to its end, with these records on its standard input.
fn feed(producer: Command, records: &[&str]) {
    let input = format!("{}\n", records.join("\n"));
    let ran = Ran::with_input(producer, input.as_bytes(), LIMIT);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}
