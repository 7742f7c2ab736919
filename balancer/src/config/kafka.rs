//! Where telemetry is sent. The keys and their meaning are defined by the telemetry crate, the same for every program.

use std::collections::BTreeMap;
use std::fmt;

use netsocket_settings::{Check, Scalar};
use netsocket_telemetry::settings::{
    ACCESS_KEYS, PRODUCER_KEYS, RawAccess, RawProducer, access, producer,
};
use netsocket_telemetry::{ProducerConfig, parse_brokers};

use super::keys::Entries;

const BROKERS: &str = "HOST:PORT of a broker, or several with commas between";

/// The values given for the Kafka keys, as text; the telemetry crate interprets them. One of them is a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaGiven(BTreeMap<&'static str, String>);

impl KafkaGiven {
    pub(super) fn new(entries: &Entries) -> Self {
        let given = |key| Some((key, entries.get(key).value?.as_str().to_owned()));
        Self(Self::keys().filter_map(given).collect())
    }

    fn keys() -> impl Iterator<Item = &'static str> {
        let others = ACCESS_KEYS.into_iter().chain(PRODUCER_KEYS);
        std::iter::once("kafka").chain(others.map(|key| key.name))
    }

    /// Every key, with what was given for it.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&'static str, Option<String>)> {
        Self::keys().map(|key| (key, self.0.get(key).cloned()))
    }

    /// As if it had been given.
    #[cfg(test)]
    pub(crate) fn set(&mut self, key: &'static str, value: &str) {
        self.0.insert(key, value.to_owned());
    }
}

impl fmt::Debug for KafkaGiven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// `None` where no broker is named. What is wrong with the other keys is told all the same.
pub(super) fn kafka(check: &mut Check, entries: &Entries) -> Option<ProducerConfig> {
    let entry = |key| -> Option<Scalar> { entries.get(key).value.cloned() };
    let brokers = check.read_list(
        "kafka",
        entry("kafka").as_ref(),
        Vec::new(),
        BROKERS,
        |text| parse_brokers(text).ok(),
    );
    let raw = RawAccess {
        kafka_tls_ca: entry("kafka_tls_ca"),
        kafka_tls_cert: entry("kafka_tls_cert"),
        kafka_tls_key: entry("kafka_tls_key"),
        kafka_sasl: entry("kafka_sasl"),
        kafka_user: entry("kafka_user"),
        kafka_password: entry("kafka_password"),
    };
    let security = access(check, &raw);
    let raw = RawProducer {
        kafka_topic: entry("kafka_topic"),
        kafka_create_topic: entry("kafka_create_topic"),
        kafka_partitions: entry("kafka_partitions"),
        kafka_replication: entry("kafka_replication"),
        kafka_compression: entry("kafka_compression"),
        kafka_linger: entry("kafka_linger"),
        kafka_queue: entry("kafka_queue"),
    };
    let given = !brokers.is_empty();
    let config = producer(check, &raw, brokers, security);
    given.then_some(config)
}
