//! Reading and checking the settings: every key, its limits, and the problems with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use netsocket_protocol::MAX_REQUEST;
use netsocket_protocol::old::MAX_ARCHIVE;
use netsocket_settings::{
    Check, FILE_SERVER, Judged, Layers, Problems, Scalar, address_form, load, parse_socket_address,
    with_commas,
};
use netsocket_telemetry::settings::{RawAccess, RawProducer};
use serde::Deserialize;

use super::credentials::{self, RawCredentials};
use super::exposure;
use super::kafka;
use super::keys::KEYS;
use super::root;
use super::settings::{Config, MAX_ARCHIVE_BLOCKS, MAX_ARCHIVE_THREADS, Wires};

/// The most archives at a time: each may hold two blocks of 1 MiB.
const MAX_MAX_ARCHIVES: usize = 256;
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
pub(super) const ENV_HOME: &str = "HOME";

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
    #[serde(default, deserialize_with = "with_commas")]
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
    tls_required: Option<Scalar>,
    #[serde(default, deserialize_with = "with_commas")]
    wires: Option<Scalar>,
    old_wire: Option<Scalar>,
    #[serde(default, deserialize_with = "with_commas")]
    cors_origins: Option<Scalar>,
    index_html: Option<Scalar>,
    spool_dir: Option<Scalar>,
    spool_limit: Option<Scalar>,
    spool_reserve: Option<Scalar>,
    confinement: Option<Scalar>,
    drain_timeout: Option<Scalar>,
    log: Option<Scalar>,
    log_format: Option<Scalar>,
}

impl Config {
    /// Merges and checks the layers; `variable` reads an environment variable. Whether the directories are there is left open.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        Self::judge_with(layers, variable, |_, _| {})?.finish()
    }

    /// The same, for a program that is going to serve: the directories must be there.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load_to_serve(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        Self::judge_to_serve(layers, variable)?.finish()
    }

    /// The same, as far as it could be judged.
    ///
    /// # Errors
    /// Why there is nothing to judge.
    pub fn judge_to_serve(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Judged<Self>, Problems> {
        Self::judge_with(layers, variable, root::directories)
    }

    fn judge_with(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
        look: impl FnOnce(&mut Check, &Self),
    ) -> Result<Judged<Self>, Problems> {
        let home = variable(ENV_HOME).filter(|home| !home.is_empty());
        let (raw, mut check) = load::<Raw>(&KEYS, &FILE_SERVER, layers, variable)?.into_check();
        if raw.root.is_none() && home.is_none() && !check.is_misplaced("root") {
            check.problem_at("root", "a directory to share, because HOME is not set");
        }
        let default = Self::new(home.unwrap_or_default());
        let is_misplaced = raw.root.is_none() && check.is_misplaced("root");
        let mut config = raw.judged(&mut check, default);
        if is_misplaced {
            // An empty path is not looked at.
            config.root = PathBuf::new();
        }
        look(&mut check, &config);
        Ok(check.judged(config))
    }
}

impl Raw {
    fn judged(self, check: &mut Check, default: Config) -> Config {
        let timeout = SHORTEST..=LONGEST;
        check.not_text("advertise_port");
        let (credentials, credentials_read) = credentials::credentials(check, &self.credentials);
        let is_misplaced = self.listen.is_none() && check.is_misplaced("listen");
        let before = check.count_problems();
        let listen = check.read_with(
            "listen",
            self.listen.as_ref(),
            default.listen,
            &address_form(
                "an address and a port, such as 0.0.0.0:9000 or [::1]:9000",
                self.listen.as_ref(),
                "0.0.0.0",
            ),
            parse_socket_address,
        );
        // What stands in for a wrong address is nobody's choice.
        let is_chosen = check.count_problems() == before && !is_misplaced;
        let judged_listen = is_chosen.then_some(listen);
        let config = Config {
            listen,
            proxy_protocol: switch(
                check,
                "proxy_protocol",
                self.proxy_protocol.as_ref(),
                default.proxy_protocol,
            ),
            credentials,
            credentials_read,
            tls_required: switch(
                check,
                "tls_required",
                self.tls_required.as_ref(),
                default.tls_required,
            ),
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
            log: check.log_filter(self.log.as_ref(), default.log),
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
        if config.credentials.client_ca.is_some() && !config.tls_required {
            let allowed = "true with tls_client_ca: without TLS a client shows no certificate";
            check.problem("tls_required", false, allowed);
        }
        let config = self.judged_http(check, config);
        let config = self.judged_index(check, config);
        if let Some(listen) = judged_listen {
            exposure::judge_address(check, listen, &config);
        }
        config
    }

    /// The settings of the wires together, and of HTTP.
    fn judged_http(&self, check: &mut Check, default: Config) -> Config {
        Config {
            wires: check.read_list(
                "wires",
                self.wires.as_ref(),
                default.wires,
                "one or more of old, new and http, separated by commas",
                Wires::parse,
            ),
            cors_origins: check.read_list(
                "cors_origins",
                self.cors_origins.as_ref(),
                default.cors_origins,
                "origins such as https://example.com, separated by commas, or *",
                origins,
            ),
            index_html: switch(
                check,
                "index_html",
                self.index_html.as_ref(),
                default.index_html,
            ),
            ..default
        }
    }

    /// The settings of the index and of the admin HTTP server.
    fn judged_index(&self, check: &mut Check, default: Config) -> Config {
        Config {
            admin: check.read_with(
                "admin",
                self.admin.as_ref(),
                default.admin,
                &address_form(
                    "an address and a port, such as 127.0.0.1:9404",
                    self.admin.as_ref(),
                    "127.0.0.1",
                ),
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

/// Origins as browsers send them: a scheme and a host, nothing behind them.
fn origins(text: &str) -> Option<Vec<String>> {
    let is_origin = |origin: &str| {
        let host = origin
            .strip_prefix("https://")
            .or(origin.strip_prefix("http://"));
        origin == "*"
            || host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '*']))
    };
    let origins: Vec<String> = text
        .split(',')
        .map(|origin| origin.trim().to_owned())
        .collect();
    origins
        .iter()
        .all(|origin| is_origin(origin))
        .then_some(origins)
}

fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)
}

/// An empty path, which is not looked at, stands in for a wrong one.
fn path(check: &mut Check, key: &str, entry: Option<&Scalar>, default: PathBuf) -> PathBuf {
    let default = entry.map_or(default, |_| PathBuf::new());
    check.read_with(key, entry, default, "the path of a directory", |text| {
        (!text.is_empty()).then(|| Path::new(text).to_owned())
    })
}

fn switch(check: &mut Check, key: &str, entry: Option<&Scalar>, default: bool) -> bool {
    check.parse(key, entry, default, "true or false")
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
