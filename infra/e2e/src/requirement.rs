//! What some tests need of the machine, and how its absence is said.

use std::path::Path;

use crate::kafka::Release;
use crate::readers::catalogue;
use crate::readers::reader::Need;
use crate::tool::in_path;
use crate::{booted_systemd, browser, docker, grafana, influx, kafka, kubernetes, release, tool};

/// The environment variable that turns a skipped test into a failed one, as in CI.
pub const REQUIRE_STACK: &str = "NETSOCKET_REQUIRE_STACK";

/// Something that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Rights to make a network namespace.
    Root,
    /// What pages are followed with: machines, `curl` and `openssl`.
    Followed,
    /// The same, Kafka and an InfluxDB server.
    FollowedWithStack,
    /// Chromium.
    Browser,
    /// Tools that download over HTTP.
    Downloaders,
    /// The same, and what pages are followed with.
    FollowedDownloads,
    /// Programs that download and read zips.
    Unzippers,
    /// Languages with their libraries for HTTP.
    HttpLibraries,
    /// The judge of servers of HTTP/2.
    H2spec,
    /// The judge of servers of WebDAV, and nginx.
    Litmus,
    /// The file system over WebDAV, and rights to mount it.
    Davfs,
    /// HAProxy and nginx.
    Peers,
    /// Java and the jars of Apache Kafka.
    Kafka,
    /// An InfluxDB server.
    Influx,
    /// Kafka and an InfluxDB server.
    KafkaAndInflux,
    /// The newest Kafka.
    Kafka4,
    /// The newest Kafka and an InfluxDB server.
    Kafka4AndInflux,
    /// Python with the types that Grafana publishes.
    GrafanaTypes,
    /// Prometheus and its tool.
    Prometheus,
    /// Machines with networks and file systems of their own, and a DNS server.
    Lan,
    /// The same, Kafka and an InfluxDB server.
    LanKafkaAndInflux,
    /// Machines, and keepalived.
    Keepalived,
    /// Machines, BIRD, and the tool for settings of the kernel.
    Bird,
    /// `docker-compose`.
    Compose,
    /// Docker's engine, and static programs for its images.
    Docker,
    /// The same, `docker-compose` and rules for its networks.
    DockerNetworks,
    /// `systemd-analyze` and `strace`.
    Systemd,
    /// Rights and programs to boot a systemd in namespaces.
    BootedSystemd,
    /// kustomize, and the schemas of Kubernetes.
    Kubernetes,
    /// What a release is made with.
    Release,
    /// Programs and languages that read archives.
    Readers,
    /// Shells with completions.
    Shells,
}

impl Requirement {
    /// Whether it is here, else why not. May fetch Kafka once.
    ///
    /// # Errors
    /// The reason, in one line.
    pub fn check(self) -> Result<(), String> {
        match self {
            Self::Root => root(),
            Self::Followed => lan().and_then(|()| all_in_path(&["curl", "openssl"])),
            Self::FollowedWithStack => Self::Followed
                .check()
                .and_then(|()| Self::KafkaAndInflux.check()),
            Self::Browser => browser::program().map(drop),
            Self::Downloaders => all_in_path(&["curl", "wget", "aria2c", "rclone", "lftp"]),
            Self::FollowedDownloads => Self::Followed
                .check()
                .and_then(|()| Self::Downloaders.check()),
            Self::Unzippers => Self::Downloaders
                .check()
                .and_then(|()| all_in_path(&["python3", "unzip", "7zz", "bsdtar"])),
            Self::HttpLibraries => all_in_path(&["python-http", "go"]),
            Self::H2spec => all_in_path(&["h2spec"]),
            Self::Litmus => all_in_path(&["litmus", "nginx"]),
            Self::Davfs => davfs(),
            Self::Peers => all_in_path(&["haproxy", "nginx"]),
            Self::Kafka => kafka::jars(Release::V3).map(drop),
            Self::Influx => influx::program().map(drop),
            Self::KafkaAndInflux => {
                influx::program()?;
                kafka::jars(Release::V3).map(drop)
            }
            Self::Kafka4 => kafka::jars(Release::V4).map(drop),
            Self::Kafka4AndInflux => {
                influx::program()?;
                kafka::jars(Release::V4).map(drop)
            }
            Self::GrafanaTypes => grafana::published_types(),
            Self::Prometheus => all_in_path(&["prometheus", "promtool"]),
            Self::Lan => lan(),
            Self::LanKafkaAndInflux => lan().and_then(|()| Self::KafkaAndInflux.check()),
            Self::Keepalived => lan().and_then(|()| all_in_path(&["keepalived"])),
            Self::Bird => lan().and_then(|()| all_in_path(&["bird", "birdc", "sysctl"])),
            Self::Compose => all_in_path(&["docker-compose"]),
            Self::Docker => {
                root()?;
                docker::client()?;
                release::static_programs().map(drop)
            }
            Self::DockerNetworks => {
                Self::Docker.check()?;
                all_in_path(&["docker-compose", "iptables"])
            }
            Self::Systemd => all_in_path(&["systemd-analyze", "strace"]),
            Self::BootedSystemd => {
                root()?;
                booted_systemd::program().ok_or("systemd is not installed")?;
                all_in_path(&["systemctl", "nsenter"])
            }
            Self::Kubernetes => {
                kubernetes::renderer()?;
                all_in_path(&["kubernetes-validate"])
            }
            Self::Release => {
                all_in_path(&["cargo-deb", "cargo-cyclonedx"])?;
                all_in_path(&["dpkg", "systemd-sysusers", "sha256sum"])?;
                all_in_path(&["objcopy", "nm", "addr2line"])?;
                release::static_programs().map(drop)
            }
            Self::Readers => readers(),
            Self::Shells => shells(),
        }
    }

    /// What it is, for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Followed => "followed",
            Self::FollowedWithStack => "followed+kafka+influxdb",
            Self::Browser => "browser",
            Self::Downloaders => "downloaders",
            Self::FollowedDownloads => "followed+downloaders",
            Self::Unzippers => "unzippers",
            Self::HttpLibraries => "http-libraries",
            Self::H2spec => "h2spec",
            Self::Litmus => "litmus",
            Self::Davfs => "davfs2",
            Self::Peers => "peers",
            Self::Kafka => "kafka",
            Self::Influx => "influxdb",
            Self::KafkaAndInflux => "kafka+influxdb",
            Self::Kafka4 => "kafka4",
            Self::Kafka4AndInflux => "kafka4+influxdb",
            Self::GrafanaTypes => "grafana-types",
            Self::Prometheus => "prometheus",
            Self::Lan => "machines",
            Self::LanKafkaAndInflux => "machines+kafka+influxdb",
            Self::Keepalived => "keepalived",
            Self::Bird => "bird",
            Self::Compose => "docker-compose",
            Self::Docker => "docker",
            Self::DockerNetworks => "docker-networks",
            Self::Systemd => "systemd",
            Self::BootedSystemd => "booted-systemd",
            Self::Kubernetes => "kubernetes",
            Self::Release => "release",
            Self::Readers => "readers",
            Self::Shells => "shells",
        }
    }
}

/// Whether a skip counts as a failure.
#[must_use]
pub fn stack_is_required() -> bool {
    std::env::var_os(REQUIRE_STACK).is_some_and(|value| value == "1")
}

fn lan() -> Result<(), String> {
    root()?;
    all_in_path(&["nsenter", "hostname", "dnsmasq"])
}

fn root() -> Result<(), String> {
    if !tool::is_root() {
        return Err("a network namespace needs root".to_owned());
    }
    all_in_path(&["unshare", "ip"])
}

/// Those that every test run has a look at; the browser is a requirement of its own.
fn readers() -> Result<(), String> {
    let quick = catalogue::all().filter(|reader| reader.quick);
    let needs = quick.flat_map(|reader| reader.needs);
    for need in needs {
        if let Need::Program(program, _) = need
            && *program != "chromium"
        {
            all_in_path(&[program])?;
        }
    }
    Ok(())
}

fn davfs() -> Result<(), String> {
    if !tool::is_root() || !Path::new("/dev/fuse").exists() {
        return Err("a mount needs root and /dev/fuse".to_owned());
    }
    all_in_path(&["mount.davfs", "umount"])
}

fn shells() -> Result<(), String> {
    all_in_path(&["bash", "zsh", "fish", "setsid"])?;
    match Path::new("/usr/share/bash-completion/bash_completion").exists() {
        true => Ok(()),
        false => Err("`bash-completion` is not installed".to_owned()),
    }
}

fn all_in_path(names: &[&str]) -> Result<(), String> {
    match names.iter().find(|name| in_path(name).is_none()) {
        Some(missing) => Err(format!("`{missing}` is not installed")),
        None => Ok(()),
    }
}
