//! The settings of a file server: keys, defaults, limits.
//!
//! Belongs here: reading and checking settings from file, environment and flags. Does not belong here: acting on them.

mod credentials;
mod kafka;
mod keys;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use netsocket_protocol::MAX_REQUEST;
use netsocket_protocol::old::MAX_ARCHIVE;
use netsocket_settings::{Check, Layers, LogFormat, Problems, Scalar, load, parse_socket_address};
use netsocket_telemetry::settings::{RawAccess, RawProducer};
use netsocket_telemetry::{Identity, ProducerConfig, Role};
use serde::Deserialize;

use crate::index;
use crate::security::credentials::CredentialFiles;
use crate::security::sandbox::SandboxMode;
use credentials::RawCredentials;

pub(crate) use keys::KEYS;

/// Where to listen.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9000);
/// The answer to the port question of the old wire: the balancer's port.
pub(crate) const DEFAULT_ADVERTISE_PORT: u16 = 8081;
/// How often the index reads change events.
pub(crate) const DEFAULT_INDEX_BATCH: Duration = Duration::from_millis(100);
/// How often the whole tree is scanned again, in case an event was lost.
pub(crate) const DEFAULT_RESCAN_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The most directories to watch: the kernel uses about a kilobyte for each.
pub(crate) const DEFAULT_MAX_WATCHES: usize = 1_000_000;
/// How long a session may be idle.
pub(crate) const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How long a client may read nothing of an answer.
pub(crate) const DEFAULT_PROGRESS_TIMEOUT: Duration = Duration::from_secs(60);
/// Sessions at a time.
pub(crate) const DEFAULT_MAX_SESSIONS: usize = 1024;
/// Archives at a time, for each core, up to [`DEFAULT_MOST_ARCHIVES`].
pub(crate) const DEFAULT_ARCHIVES_PER_CORE: usize = 4;
/// Archives at a time by default, however many cores there are: each may hold two blocks of 1 MiB.
pub(crate) const DEFAULT_MOST_ARCHIVES: usize = 16;
/// Bytes of one spooled archive: the most that the old wire can announce.
pub(crate) const DEFAULT_SPOOL_LIMIT: u64 = MAX_ARCHIVE;
/// Free bytes that spooling must leave on its disk.
pub(crate) const DEFAULT_SPOOL_RESERVE: u64 = 64 << 20;
/// Files in the plans of all running archives together: about 200 bytes of memory each.
pub(crate) const DEFAULT_MAX_PLANNED_FILES: u32 = 1_000_000;
/// Blocks of 1 MiB per thread that all archives share, beyond the two each archive has; at least
/// [`LEAST_ARCHIVE_BLOCKS`].
pub(crate) const DEFAULT_BLOCKS_PER_THREAD: usize = 2;
/// Blocks of 1 MiB that all archives share at least by default.
pub(crate) const LEAST_ARCHIVE_BLOCKS: usize = 16;
/// How long running answers may take after the server is told to stop.
pub(crate) const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// The log filter. rskafka logs every connection attempt; telemetry logs the first of a series.
pub(crate) const DEFAULT_LOG: &str = "info,rskafka=off";

/// The most archives at a time: each may hold two blocks of 1 MiB.
const MAX_MAX_ARCHIVES: usize = 256;
/// The most threads that make archives.
const MAX_ARCHIVE_THREADS: usize = 256;
/// The most blocks that all archives share.
const MAX_ARCHIVE_BLOCKS: usize = 4096;
/// The most files in plans.
const MAX_MAX_PLANNED_FILES: u32 = 100_000_000;
/// The smallest request limit: a query with a long name must fit.
const LEAST_MAX_REQUEST: u64 = 1024;
/// The most watches the kernel can count.
const MAX_MAX_WATCHES: usize = i32::MAX as usize;
/// The most sessions at a time.
const MAX_MAX_SESSIONS: usize = 1_000_000;
/// The longest timeout.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Bounds of the batch interval; events wait in a kernel queue that holds 16,384 by default.
const SHORTEST_BATCH: Duration = Duration::from_millis(1);
const LONGEST_BATCH: Duration = Duration::from_secs(1);
/// Scanning a large tree more often would never end.
const SHORTEST_RESCAN: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_millis(100);

/// The environment variable with the home directory, shared by default.
const ENV_HOME: &str = "HOME";

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Whether every connection must begin with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// The files with certificate, key, client CAs and tokens, if set.
    pub credentials: CredentialFiles,
    /// The directory to share.
    pub root: PathBuf,
    /// The name of the server.
    pub name: String,
    /// The answer to the port question of the old wire.
    pub advertise_port: u16,
    /// The Kafka cluster for telemetry; `None` disables it.
    pub kafka: Option<ProducerConfig>,
    /// The address for metrics and health over HTTP; port 0 lets the system choose, `None` disables it.
    pub admin: Option<SocketAddr>,
    /// Whether to keep an index in memory; if not, each request walks the tree.
    pub index: bool,
    /// How often the index reads change events.
    pub index_batch: Duration,
    /// How often the whole tree is scanned again.
    pub rescan_interval: Duration,
    /// The most directories to watch; a larger tree is walked for each request.
    pub max_watches: usize,
    /// Whether a query may ask for hidden files: those with a path component that begins with a dot.
    pub allow_hidden: bool,
    /// How long a session waits for the next complete request.
    pub idle_timeout: Duration,
    /// How long a client may read nothing of an answer.
    pub progress_timeout: Duration,
    /// Sessions at a time.
    pub max_sessions: usize,
    /// Sessions at a time from one address. Behind a balancer without the PROXY protocol, all come from the balancer's
    /// address.
    pub max_sessions_per_address: usize,
    /// The largest request, in bytes.
    pub max_request: usize,
    /// Archives at a time, on both wires. A session makes one at a time.
    pub max_archives: usize,
    /// Files in the plans of all running archives together.
    pub max_planned_files: u32,
    /// Threads that make archives.
    pub archive_threads: usize,
    /// Blocks of 1 MiB that all archives share, beyond the two each archive has.
    pub archive_blocks: usize,
    /// Whether to serve the old wire; always off with TLS or tokens.
    pub old_wire: bool,
    /// The directory where archives for the old wire are spooled.
    pub spool_dir: PathBuf,
    /// The largest spooled archive, in bytes.
    pub spool_limit: u64,
    /// Free bytes that spooling must leave on its disk.
    pub spool_reserve: u64,
    /// Whether the process enters a Landlock sandbox before it serves.
    pub confinement: SandboxMode,
    /// How long running answers may take after the server is told to stop.
    pub drain_timeout: Duration,
    /// The log filter.
    pub log: String,
    /// The log format.
    pub log_format: LogFormat,
}

/// Serde cannot deny unknown fields next to a flattened struct; the table of keys does.
#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(flatten)]
    producer: RawProducer,
    #[serde(flatten)]
    access: RawAccess,
    #[serde(flatten)]
    credentials: RawCredentials,
    listen: Option<Scalar>,
    proxy_protocol: Option<Scalar>,
    root: Option<Scalar>,
    name: Option<Scalar>,
    advertise_port: Option<Scalar>,
    kafka: Option<Scalar>,
    admin: Option<Scalar>,
    index: Option<Scalar>,
    index_batch: Option<Scalar>,
    rescan_interval: Option<Scalar>,
    max_watches: Option<Scalar>,
    allow_hidden: Option<Scalar>,
    idle_timeout: Option<Scalar>,
    progress_timeout: Option<Scalar>,
    max_sessions: Option<Scalar>,
    max_sessions_per_address: Option<Scalar>,
    max_request: Option<Scalar>,
    max_archives: Option<Scalar>,
    max_planned_files: Option<Scalar>,
    archive_threads: Option<Scalar>,
    archive_blocks: Option<Scalar>,
    old_wire: Option<Scalar>,
    spool_dir: Option<Scalar>,
    spool_limit: Option<Scalar>,
    spool_reserve: Option<Scalar>,
    confinement: Option<Scalar>,
    drain_timeout: Option<Scalar>,
    log: Option<Scalar>,
    log_format: Option<Scalar>,
}

impl Config {
    /// The defaults, with this directory to share.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            listen: DEFAULT_LISTEN,
            proxy_protocol: false,
            credentials: CredentialFiles::default(),
            root: root.into(),
            name: Identity::new(Role::Fileserver, "").host,
            advertise_port: DEFAULT_ADVERTISE_PORT,
            kafka: None,
            admin: None,
            index: true,
            index_batch: DEFAULT_INDEX_BATCH,
            rescan_interval: DEFAULT_RESCAN_INTERVAL,
            max_watches: DEFAULT_MAX_WATCHES,
            allow_hidden: false,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            progress_timeout: DEFAULT_PROGRESS_TIMEOUT,
            max_sessions: DEFAULT_MAX_SESSIONS,
            max_sessions_per_address: DEFAULT_MAX_SESSIONS,
            max_request: MAX_REQUEST,
            max_archives: (cores * DEFAULT_ARCHIVES_PER_CORE).min(DEFAULT_MOST_ARCHIVES),
            max_planned_files: DEFAULT_MAX_PLANNED_FILES,
            archive_threads: cores.min(MAX_ARCHIVE_THREADS),
            archive_blocks: (cores * DEFAULT_BLOCKS_PER_THREAD)
                .clamp(LEAST_ARCHIVE_BLOCKS, MAX_ARCHIVE_BLOCKS),
            old_wire: true,
            spool_dir: std::env::temp_dir(),
            spool_limit: DEFAULT_SPOOL_LIMIT,
            spool_reserve: DEFAULT_SPOOL_RESERVE,
            confinement: SandboxMode::default(),
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
            log: DEFAULT_LOG.to_owned(),
            log_format: LogFormat::default(),
        }
    }

    /// The settings of the index.
    pub(crate) fn index_settings(&self) -> index::Settings {
        index::Settings {
            enabled: self.index,
            batch: self.index_batch,
            rescan_interval: self.rescan_interval,
            max_watches: self.max_watches,
        }
    }

    /// Merges and checks the layers; `variable` reads an environment variable.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let home = variable(ENV_HOME).filter(|home| !home.is_empty());
        let (raw, mut check) = load::<Raw>(&KEYS, layers, variable)?.into_check();
        if raw.root.is_none() && home.is_none() {
            check.problem("root", "", "a directory to share, because HOME is not set");
        }
        let default = Self::new(home.unwrap_or_default());
        let config = raw.judged(&mut check, default);
        check.finish(config)
    }
}

impl Raw {
    fn judged(mut self, check: &mut Check, default: Config) -> Config {
        let timeout = SHORTEST..=LONGEST;
        let config = Config {
            listen: check.read_with(
                "listen",
                self.listen.as_ref(),
                default.listen,
                "an address and a port, such as 0.0.0.0:9000 or [::1]:9000",
                parse_socket_address,
            ),
            proxy_protocol: switch(
                check,
                "proxy_protocol",
                self.proxy_protocol.as_ref(),
                default.proxy_protocol,
            ),
            credentials: credentials::credentials(check, &self.credentials),
            root: path(check, "root", self.root.as_ref(), default.root),
            name: check.read_with(
                "name",
                self.name.as_ref(),
                default.name,
                "a name of 1 to 100 printable characters",
                |text| is_name(text).then(|| text.to_owned()),
            ),
            advertise_port: check.read_with(
                "advertise_port",
                self.advertise_port.as_ref(),
                default.advertise_port,
                "a port from 1 to 65535",
                |text| text.parse().ok().filter(|port| *port != 0),
            ),
            kafka: kafka::kafka(check, self.kafka.as_ref(), &self.producer, &self.access),
            idle_timeout: check.duration(
                "idle_timeout",
                self.idle_timeout.as_ref(),
                default.idle_timeout,
                timeout.clone(),
            ),
            progress_timeout: check.duration(
                "progress_timeout",
                self.progress_timeout.as_ref(),
                default.progress_timeout,
                timeout,
            ),
            max_sessions: count(
                check,
                "max_sessions",
                self.max_sessions.as_ref(),
                default.max_sessions,
                MAX_MAX_SESSIONS,
            ),
            max_sessions_per_address: count(
                check,
                "max_sessions_per_address",
                self.max_sessions_per_address.as_ref(),
                default.max_sessions_per_address,
                MAX_MAX_SESSIONS,
            ),
            max_request: max_request(check, self.max_request.as_ref(), default.max_request),
            max_archives: count(
                check,
                "max_archives",
                self.max_archives.as_ref(),
                default.max_archives,
                MAX_MAX_ARCHIVES,
            ),
            max_planned_files: planned_files(
                check,
                self.max_planned_files.as_ref(),
                default.max_planned_files,
            ),
            archive_threads: count(
                check,
                "archive_threads",
                self.archive_threads.as_ref(),
                default.archive_threads,
                MAX_ARCHIVE_THREADS,
            ),
            archive_blocks: count(
                check,
                "archive_blocks",
                self.archive_blocks.as_ref(),
                default.archive_blocks,
                MAX_ARCHIVE_BLOCKS,
            ),
            old_wire: check.parse(
                "old_wire",
                self.old_wire.as_ref(),
                default.old_wire,
                "true or false",
            ),
            spool_dir: path(
                check,
                "spool_dir",
                self.spool_dir.as_ref(),
                default.spool_dir,
            ),
            spool_limit: check.size(
                "spool_limit",
                self.spool_limit.as_ref(),
                default.spool_limit,
                1..=MAX_ARCHIVE,
            ),
            spool_reserve: check.size(
                "spool_reserve",
                self.spool_reserve.as_ref(),
                default.spool_reserve,
                0..=u64::MAX,
            ),
            confinement: check.parse(
                "confinement",
                self.confinement.as_ref(),
                default.confinement,
                "auto, required or off",
            ),
            drain_timeout: check.duration(
                "drain_timeout",
                self.drain_timeout.as_ref(),
                default.drain_timeout,
                Duration::ZERO..=LONGEST,
            ),
            log: self.log.take().map_or(default.log, |log| log.0),
            log_format: check.parse(
                "log_format",
                self.log_format.as_ref(),
                default.log_format,
                "text or json",
            ),
            ..default
        };
        let excluded = config.credentials.exclude_old_wire();
        let wanted = |entry: &Scalar| entry.as_str().parse() == Ok(true);
        if excluded && self.old_wire.as_ref().is_some_and(wanted) {
            let allowed =
                "false with tls_certificate or token_file: clients of the old wire support neither";
            check.problem("old_wire", true, allowed);
        }
        let config = Config {
            old_wire: config.old_wire && !excluded,
            ..config
        };
        self.judged_index(check, config)
    }

    /// The settings of the index and of the admin HTTP server.
    fn judged_index(&self, check: &mut Check, default: Config) -> Config {
        Config {
            admin: check.read_with(
                "admin",
                self.admin.as_ref(),
                default.admin,
                "an address and a port, such as 127.0.0.1:9404",
                |text| parse_socket_address(text).map(Some),
            ),
            index: switch(check, "index", self.index.as_ref(), default.index),
            index_batch: check.duration(
                "index_batch",
                self.index_batch.as_ref(),
                default.index_batch,
                SHORTEST_BATCH..=LONGEST_BATCH,
            ),
            rescan_interval: check.duration(
                "rescan_interval",
                self.rescan_interval.as_ref(),
                default.rescan_interval,
                SHORTEST_RESCAN..=LONGEST,
            ),
            max_watches: count(
                check,
                "max_watches",
                self.max_watches.as_ref(),
                default.max_watches,
                MAX_MAX_WATCHES,
            ),
            allow_hidden: switch(
                check,
                "allow_hidden",
                self.allow_hidden.as_ref(),
                default.allow_hidden,
            ),
            ..default
        }
    }
}

fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)
}

fn path(check: &mut Check, key: &str, entry: Option<&Scalar>, default: PathBuf) -> PathBuf {
    check.read_with(key, entry, default, "the path of a directory", |text| {
        (!text.is_empty()).then(|| Path::new(text).to_owned())
    })
}

fn switch(check: &mut Check, key: &str, entry: Option<&Scalar>, default: bool) -> bool {
    check.read_with(key, entry, default, "true or false", |text| {
        text.parse().ok()
    })
}

fn count(
    check: &mut Check,
    key: &str,
    entry: Option<&Scalar>,
    default: usize,
    most: usize,
) -> usize {
    let value = check.count(key, entry, default as u64, 1..=most as u64);
    usize::try_from(value).unwrap_or(default)
}

fn max_request(check: &mut Check, entry: Option<&Scalar>, default: usize) -> usize {
    let range = LEAST_MAX_REQUEST..=MAX_REQUEST as u64;
    let value = check.size("max_request", entry, default as u64, range);
    usize::try_from(value).unwrap_or(default)
}

fn planned_files(check: &mut Check, entry: Option<&Scalar>, default: u32) -> u32 {
    let range = 1..=u64::from(MAX_MAX_PLANNED_FILES);
    let value = check.count("max_planned_files", entry, u64::from(default), range);
    u32::try_from(value).unwrap_or(default)
}

#[cfg(test)]
mod tests;
