//! What some tests need of the machine, and how its absence is said.

use std::path::PathBuf;

use crate::kafka::Release;
use crate::{browser, grafana, influx, kafka, tool};

/// The environment variable that turns a skipped test into a failed one, as in CI.
pub const REQUIRE_STACK: &str = "NETSOCKET_REQUIRE_STACK";

/// Something that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Rights to make a network namespace.
    Root,
    /// The tool that makes certificates.
    Openssl,
    /// Chromium.
    Browser,
    /// HAProxy and nginx.
    Peers,
    /// Java and the jars of Apache Kafka.
    Kafka,
    /// An InfluxDB server.
    Influx,
    /// Kafka and an InfluxDB server.
    KafkaAndInflux,
    /// The newest Kafka, and Java's tool for certificates.
    Kafka4,
    /// The newest Kafka and an InfluxDB server.
    Kafka4AndInflux,
    /// Python with the types that Grafana publishes.
    GrafanaTypes,
    /// Prometheus and its tool.
    Prometheus,
}

impl Requirement {
    /// Whether it is here, else why not. May fetch Kafka once.
    ///
    /// # Errors
    /// The reason, in one line.
    pub fn check(self) -> Result<(), String> {
        match self {
            Self::Root => root(),
            Self::Openssl => {
                in_path("openssl").ok_or("`openssl` is not installed")?;
                Ok(())
            }
            Self::Browser => browser::program().map(drop),
            Self::Peers => all_in_path(&["haproxy", "nginx"]),
            Self::Kafka => kafka::jars(Release::V3).map(drop),
            Self::Influx => influx::program().map(drop),
            Self::KafkaAndInflux => {
                influx::program()?;
                kafka::jars(Release::V3).map(drop)
            }
            Self::Kafka4 => {
                in_path("keytool").ok_or("a certificate for Kafka needs `keytool`")?;
                kafka::jars(Release::V4).map(drop)
            }
            Self::Kafka4AndInflux => {
                influx::program()?;
                kafka::jars(Release::V4).map(drop)
            }
            Self::GrafanaTypes => grafana::published_types(),
            Self::Prometheus => all_in_path(&["prometheus", "promtool"]),
        }
    }

    /// What it is, for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Openssl => "openssl",
            Self::Browser => "browser",
            Self::Peers => "peers",
            Self::Kafka => "kafka",
            Self::Influx => "influxdb",
            Self::KafkaAndInflux => "kafka+influxdb",
            Self::Kafka4 => "kafka4",
            Self::Kafka4AndInflux => "kafka4+influxdb",
            Self::GrafanaTypes => "grafana-types",
            Self::Prometheus => "prometheus",
        }
    }
}

/// Whether a skip counts as a failure.
#[must_use]
pub fn stack_is_required() -> bool {
    std::env::var_os(REQUIRE_STACK).is_some_and(|value| value == "1")
}

fn root() -> Result<(), String> {
    if !tool::is_root() {
        return Err("a network namespace needs root".to_owned());
    }
    all_in_path(&["unshare", "ip"])
}

fn all_in_path(names: &[&str]) -> Result<(), String> {
    match names.iter().find(|name| in_path(name).is_none()) {
        Some(missing) => Err(format!("`{missing}` is not installed")),
        None => Ok(()),
    }
}

/// The file that a name means in `PATH`.
#[must_use]
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
