//! The checked settings and their defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use netsocket_protocol::MAX_REQUEST;
use netsocket_protocol::old::MAX_ARCHIVE;
use netsocket_settings::{LogFilter, LogFormat};
use netsocket_telemetry::{Identity, ProducerConfig, Role};

use crate::index;
use crate::security::credentials::{CredentialFiles, Credentials};
use crate::security::sandbox::SandboxMode;

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

/// The most threads that make archives.
pub(super) const MAX_ARCHIVE_THREADS: usize = 256;
/// The most blocks that all archives share.
pub(super) const MAX_ARCHIVE_BLOCKS: usize = 4096;

/// The wires that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wires {
    /// That of the C system.
    pub old: bool,
    /// Our own.
    pub new: bool,
    /// HTTP, for browsers and download tools.
    pub http: bool,
}

impl Wires {
    /// All of them.
    pub const ALL: Self = Self {
        old: true,
        new: true,
        http: true,
    };

    /// Parses names that are separated by commas; nothing if one of them is unknown, or there is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut wires = Self {
            old: false,
            new: false,
            http: false,
        };
        for name in text.split(',') {
            match name.trim() {
                "old" => wires.old = true,
                "new" => wires.new = true,
                "http" => wires.http = true,
                _ => return None,
            }
        }
        Some(wires)
    }
}

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Whether every connection must begin with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// The files with certificate, key, client CAs and tokens, if set.
    pub credentials: CredentialFiles,
    /// What is in these files, if they were read as the settings were judged.
    pub(crate) credentials_read: Option<Arc<Credentials>>,
    /// Whether clients must use TLS, if there is a certificate.
    pub tls_required: bool,
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
    /// The wires to serve.
    pub wires: Wires,
    /// The origins whose pages may read answers over HTTP; `*` stands for all.
    pub cors_origins: Vec<String>,
    /// Whether a directory over HTTP is its `index.html`, if it has one.
    pub index_html: bool,
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
    pub log: LogFilter,
    /// The log format.
    pub log_format: LogFormat,
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
            credentials_read: None,
            tls_required: true,
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
            wires: Wires::ALL,
            cors_origins: Vec::new(),
            index_html: false,
            old_wire: true,
            spool_dir: std::env::temp_dir(),
            spool_limit: DEFAULT_SPOOL_LIMIT,
            spool_reserve: DEFAULT_SPOOL_RESERVE,
            confinement: SandboxMode::default(),
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
            log: LogFilter::by_default(DEFAULT_LOG),
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
}
