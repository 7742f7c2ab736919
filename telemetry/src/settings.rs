//! The Kafka settings that every program has under the same names: authentication, TLS, and what a producer needs.
//!
//! A program takes [`ACCESS_KEYS`] (and [`PRODUCER_KEYS`] if it produces) into its own table of keys, flattens
//! [`RawAccess`] (and [`RawProducer`]) into its own raw struct, and calls [`access`] (and [`producer`]).
//!
//! # Examples
//!
//! ```
//! use netsocket_settings::{COLLECTOR, Key, Layers, load};
//! use netsocket_telemetry::Security;
//! use netsocket_telemetry::settings::{ACCESS_KEYS, RawAccess, access};
//!
//! #[derive(serde::Deserialize)]
//! struct Raw {
//!     #[serde(flatten)]
//!     access: RawAccess,
//! }
//!
//! let variable = |name: &str| match name {
//!     "NETSOCKET_KAFKA_SASL" => Some("plain".to_owned()),
//!     "NETSOCKET_KAFKA_USER" => Some("balancer".to_owned()),
//!     _ => None,
//! };
//! let (raw, mut check) = load::<Raw>(&ACCESS_KEYS, &COLLECTOR, &Layers::default(), variable)?.into_check();
//! let security: Security = access(&mut check, &raw.access);
//!
//! // `kafka_password` is missing beside `kafka_sasl`.
//! let problems = check.finish(security).unwrap_err();
//! assert_eq!(problems.0[0].key, "kafka_password");
//! # Ok::<(), netsocket_settings::Problems>(())
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use netsocket_settings::{Check, Key, Scalar};
use serde::Deserialize;

use crate::kafka::{NewTopic, Sasl, SaslMechanism, Security};
use crate::producer::{Compression, ProducerConfig};

/// The longest linger time.
const LINGER_MAX: Duration = Duration::from_secs(10);
/// The longest queue: a day of records.
const QUEUE_MAX: u64 = 86_400;
/// The most partitions and replicas that a new topic may have.
const PARTITIONS_MAX: u64 = 10_000;
const REPLICATION_MAX: u64 = 100;

/// Keys of authentication and TLS. The password has no flag: command lines are visible to everyone.
pub const ACCESS_KEYS: [Key; 6] = [
    key("kafka_tls_ca", "NETSOCKET_KAFKA_TLS_CA"),
    key("kafka_tls_cert", "NETSOCKET_KAFKA_TLS_CERT"),
    key("kafka_tls_key", "NETSOCKET_KAFKA_TLS_KEY"),
    key("kafka_sasl", "NETSOCKET_KAFKA_SASL"),
    key("kafka_user", "NETSOCKET_KAFKA_USER"),
    key("kafka_password", "NETSOCKET_KAFKA_PASSWORD"),
];

/// Keys of a producer.
pub const PRODUCER_KEYS: [Key; 7] = [
    key("kafka_topic", "NETSOCKET_KAFKA_TOPIC"),
    key("kafka_create_topic", "NETSOCKET_KAFKA_CREATE_TOPIC"),
    key("kafka_partitions", "NETSOCKET_KAFKA_PARTITIONS"),
    key("kafka_replication", "NETSOCKET_KAFKA_REPLICATION"),
    key("kafka_compression", "NETSOCKET_KAFKA_COMPRESSION"),
    key("kafka_linger", "NETSOCKET_KAFKA_LINGER"),
    key("kafka_queue", "NETSOCKET_KAFKA_QUEUE"),
];

const fn key(name: &'static str, env: &'static str) -> Key {
    Key {
        name,
        env: Some(env),
        flag: None,
    }
}

/// The raw entries of [`ACCESS_KEYS`].
#[derive(Debug, Default, Deserialize)]
#[expect(missing_docs, reason = "each field is the key of its name")]
pub struct RawAccess {
    pub kafka_tls_ca: Option<Scalar>,
    pub kafka_tls_cert: Option<Scalar>,
    pub kafka_tls_key: Option<Scalar>,
    pub kafka_sasl: Option<Scalar>,
    pub kafka_user: Option<Scalar>,
    pub kafka_password: Option<Scalar>,
}

/// The raw entries of [`PRODUCER_KEYS`].
#[derive(Debug, Default, Deserialize)]
#[expect(missing_docs, reason = "each field is the key of its name")]
pub struct RawProducer {
    pub kafka_topic: Option<Scalar>,
    pub kafka_create_topic: Option<Scalar>,
    pub kafka_partitions: Option<Scalar>,
    pub kafka_replication: Option<Scalar>,
    pub kafka_compression: Option<Scalar>,
    pub kafka_linger: Option<Scalar>,
    pub kafka_queue: Option<Scalar>,
}

/// Reads [`RawAccess`]; every problem goes to `check`.
pub fn access(check: &mut Check, raw: &RawAccess) -> Security {
    let mut security = Security::default();
    if let Some(sasl) = sasl(check, raw) {
        security = security.with_sasl(sasl);
    }
    let file = |entry: &Option<Scalar>| entry.as_ref().map(|entry| PathBuf::from(entry.as_str()));
    let own = match (file(&raw.kafka_tls_cert), file(&raw.kafka_tls_key)) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        (Some(_), None) => {
            missing(check, "kafka_tls_cert", "kafka_tls_key");
            None
        }
        (None, Some(_)) => {
            missing(check, "kafka_tls_key", "kafka_tls_cert");
            None
        }
    };
    let Some(authorities) = file(&raw.kafka_tls_ca) else {
        if own.is_some() {
            missing(check, "kafka_tls_cert", "kafka_tls_ca");
        }
        return security;
    };
    let own: Option<(&Path, &Path)> = own.as_ref().map(|(cert, key)| (&**cert, &**key));
    match security.clone().with_tls(&authorities, own) {
        Ok(security) => security,
        Err(error) => {
            check.problem(
                "kafka_tls_ca",
                authorities.display(),
                format!("PEM files that belong together; {error}"),
            );
            security
        }
    }
}

fn missing(check: &mut Check, beside: &str, key: &str) {
    check.missing_beside(beside, key, format!("is missing beside {beside}"));
}

fn sasl(check: &mut Check, raw: &RawAccess) -> Option<Sasl> {
    let allowed = "plain, scram-sha-256 or scram-sha-512";
    let mechanism = check.read_with(
        "kafka_sasl",
        raw.kafka_sasl.as_ref(),
        None,
        allowed,
        |text| SaslMechanism::parse(text).map(Some),
    );
    if raw.kafka_sasl.is_none() {
        for (key, entry) in [
            ("kafka_user", &raw.kafka_user),
            ("kafka_password", &raw.kafka_password),
        ] {
            if entry.is_some() {
                check.problem_at(key, "has no effect without kafka_sasl");
            }
        }
        return None;
    }
    let mut needed = |key, entry: &Option<Scalar>| match entry {
        Some(entry) => entry.as_str().to_owned(),
        None => {
            missing(check, "kafka_sasl", key);
            String::new()
        }
    };
    Some(Sasl {
        user: needed("kafka_user", &raw.kafka_user),
        password: needed("kafka_password", &raw.kafka_password),
        mechanism: mechanism?,
    })
}

/// Reads [`RawProducer`]; every problem goes to `check`.
pub fn producer(
    check: &mut Check,
    raw: &RawProducer,
    brokers: Vec<String>,
    security: Security,
) -> ProducerConfig {
    let defaults = ProducerConfig::new(brokers);
    let mut number = |key, entry: &Option<Scalar>, max| {
        let given = entry.as_ref()?;
        Some(check.count(key, Some(given), 1, 1..=max))
    };
    let partitions = number("kafka_partitions", &raw.kafka_partitions, PARTITIONS_MAX);
    let replication = number("kafka_replication", &raw.kafka_replication, REPLICATION_MAX);
    let records = number("kafka_queue", &raw.kafka_queue, QUEUE_MAX);
    let new_topic = NewTopic {
        create: check.parse(
            "kafka_create_topic",
            raw.kafka_create_topic.as_ref(),
            defaults.new_topic.create,
            "true or false",
        ),
        partitions: partitions.and_then(|number| i32::try_from(number).ok()),
        replication: replication.and_then(|number| i16::try_from(number).ok()),
    };
    let mut limits = defaults.limits;
    if let Some(records) = records.and_then(|number| usize::try_from(number).ok()) {
        // Scale the bytes with the number, so that they do not limit a longer queue.
        limits.bytes = limits.bytes.max(limits.bytes / limits.records * records);
        limits.records = records;
    }
    ProducerConfig {
        topic: check.read_with(
            "kafka_topic",
            raw.kafka_topic.as_ref(),
            defaults.topic.clone(),
            TOPIC_RULE,
            topic_name,
        ),
        new_topic,
        security,
        compression: check.read_with(
            "kafka_compression",
            raw.kafka_compression.as_ref(),
            defaults.compression,
            "none, lz4 or zstd",
            Compression::parse,
        ),
        linger: check.duration(
            "kafka_linger",
            raw.kafka_linger.as_ref(),
            defaults.linger,
            Duration::ZERO..=LINGER_MAX,
        ),
        limits,
        ..defaults
    }
}

/// What [`topic_name`] allows, for messages.
pub(crate) const TOPIC_RULE: &str = "a topic name: letters, digits, '.', '_', '-'";

/// Kafka's own rule for topic names.
pub(crate) fn topic_name(text: &str) -> Option<String> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let legal =
        (1..=249).contains(&text.len()) && text.bytes().all(sound) && text != "." && text != "..";
    legal.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use netsocket_settings::{COLLECTOR, Layers, Problems, load};

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Raw {
        #[serde(flatten)]
        access: RawAccess,
        #[serde(flatten)]
        producer: RawProducer,
    }

    fn with_env(pairs: &[(&str, &str)]) -> Result<ProducerConfig, Problems> {
        let keys = [&ACCESS_KEYS[..], &PRODUCER_KEYS[..]].concat();
        let variable = |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let loaded = load::<Raw>(&keys, &COLLECTOR, &Layers::default(), variable)?;
        let (raw, mut check) = loaded.into_check();
        let security = access(&mut check, &raw.access);
        let brokers = vec!["kafka:9092".to_owned()];
        let config = producer(&mut check, &raw.producer, brokers, security);
        check.finish(config)
    }

    #[test]
    fn without_settings_the_defaults_stand() {
        let config = with_env(&[]).unwrap();
        assert_eq!(
            format!("{config:?}"),
            format!("{:?}", ProducerConfig::new(vec!["kafka:9092".into()]))
        );
    }

    #[test]
    fn every_setting_is_read() {
        let config = with_env(&[
            ("NETSOCKET_KAFKA_TOPIC", "t"),
            ("NETSOCKET_KAFKA_CREATE_TOPIC", "false"),
            ("NETSOCKET_KAFKA_PARTITIONS", "6"),
            ("NETSOCKET_KAFKA_REPLICATION", "2"),
            ("NETSOCKET_KAFKA_COMPRESSION", "zstd"),
            ("NETSOCKET_KAFKA_LINGER", "50ms"),
            ("NETSOCKET_KAFKA_QUEUE", "6000"),
            ("NETSOCKET_KAFKA_SASL", "scram-sha-256"),
            ("NETSOCKET_KAFKA_USER", "u"),
            ("NETSOCKET_KAFKA_PASSWORD", "p"),
        ])
        .unwrap();
        let new_topic = NewTopic {
            create: false,
            partitions: Some(6),
            replication: Some(2),
        };
        assert_eq!((config.topic.as_str(), config.new_topic), ("t", new_topic));
        assert_eq!(config.compression, Compression::Zstd);
        assert_eq!(config.linger, Duration::from_millis(50));
        assert_eq!(config.limits.records, 6_000);
        assert!(config.limits.bytes > ProducerConfig::new(vec![]).limits.bytes);
        assert!(config.security.has_sasl());
    }

    #[test]
    fn everything_wrong_is_told_at_once_and_no_password_with_it() {
        let problems = with_env(&[
            ("NETSOCKET_KAFKA_TOPIC", "a b"),
            ("NETSOCKET_KAFKA_CREATE_TOPIC", "perhaps"),
            ("NETSOCKET_KAFKA_PARTITIONS", "0"),
            ("NETSOCKET_KAFKA_REPLICATION", "many"),
            ("NETSOCKET_KAFKA_COMPRESSION", "rar"),
            ("NETSOCKET_KAFKA_LINGER", "1h"),
            ("NETSOCKET_KAFKA_QUEUE", "-1"),
            ("NETSOCKET_KAFKA_SASL", "gssapi"),
            ("NETSOCKET_KAFKA_PASSWORD", "secret"),
            ("NETSOCKET_KAFKA_TLS_CA", "/nonexistent/ca.pem"),
            ("NETSOCKET_KAFKA_TLS_KEY", "/nonexistent/key.pem"),
        ])
        .unwrap_err();
        let text = problems.to_string();
        for key in [
            "kafka_topic",
            "kafka_create_topic",
            "kafka_partitions",
            "kafka_replication",
            "kafka_compression",
            "kafka_linger",
            "kafka_queue",
            "kafka_sasl",
            "kafka_user",
            "kafka_tls_ca",
            "kafka_tls_cert",
        ] {
            assert!(text.contains(key), "{key}: {text}");
        }
        assert_eq!(problems.0.len(), 11, "{text}");
        assert!(!text.contains("secret"), "{text}");
        let alone = with_env(&[("NETSOCKET_KAFKA_PASSWORD", "secret")]).unwrap_err();
        assert!(alone.to_string().contains("kafka_sasl"), "{alone}");
    }
}
