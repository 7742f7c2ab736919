//! Every configuration key, with its environment variable and its flag.

use netsocket_settings::{FILE_SERVER, Key, LOG_KEYS};
use netsocket_telemetry::names::ENV_KAFKA;
use netsocket_telemetry::settings::{ACCESS_KEYS, PRODUCER_KEYS};

use crate::security::credentials::{CERTIFICATE, CLIENT_CA, KEY, TOKENS};

/// Every setting, in the order of the documentation.
pub(crate) const KEYS: [Key; 50] = [
    key("listen", Some("NETSOCKET_LISTEN"), Some("--listen")),
    key(
        "proxy_protocol",
        Some("NETSOCKET_PROXY_PROTOCOL"),
        Some("--proxy-protocol"),
    ),
    key(
        CERTIFICATE,
        Some("NETSOCKET_TLS_CERTIFICATE"),
        Some("--tls-certificate"),
    ),
    key(KEY, Some("NETSOCKET_TLS_KEY"), Some("--tls-key")),
    key(
        CLIENT_CA,
        Some("NETSOCKET_TLS_CLIENT_CA"),
        Some("--tls-client-ca"),
    ),
    key("tls_required", Some("NETSOCKET_TLS_REQUIRED"), None),
    key(TOKENS, Some("NETSOCKET_TOKEN_FILE"), Some("--token-file")),
    key("root", Some("NETSOCKET_ROOT"), Some("--root")),
    key("name", Some("NETSOCKET_NAME"), Some("--name")),
    key(
        "advertise_port",
        Some("NETSOCKET_ADVERTISE_PORT"),
        Some("--advertise-port"),
    ),
    key("kafka", Some(ENV_KAFKA), Some("--kafka")),
    PRODUCER_KEYS[0],
    PRODUCER_KEYS[1],
    PRODUCER_KEYS[2],
    PRODUCER_KEYS[3],
    PRODUCER_KEYS[4],
    PRODUCER_KEYS[5],
    PRODUCER_KEYS[6],
    ACCESS_KEYS[0],
    ACCESS_KEYS[1],
    ACCESS_KEYS[2],
    ACCESS_KEYS[3],
    ACCESS_KEYS[4],
    ACCESS_KEYS[5],
    key("idle_timeout", Some("NETSOCKET_IDLE_TIMEOUT"), None),
    key("progress_timeout", Some("NETSOCKET_PROGRESS_TIMEOUT"), None),
    key("max_sessions", Some("NETSOCKET_MAX_SESSIONS"), None),
    key(
        "max_sessions_per_address",
        Some("NETSOCKET_MAX_SESSIONS_PER_ADDRESS"),
        None,
    ),
    key("max_request", Some("NETSOCKET_MAX_REQUEST"), None),
    key("max_archives", Some("NETSOCKET_MAX_ARCHIVES"), None),
    key(
        "max_planned_files",
        Some("NETSOCKET_MAX_PLANNED_FILES"),
        None,
    ),
    key("archive_threads", Some("NETSOCKET_ARCHIVE_THREADS"), None),
    key("archive_blocks", Some("NETSOCKET_ARCHIVE_BLOCKS"), None),
    key("wires", Some("NETSOCKET_WIRES"), None),
    key("old_wire", Some("NETSOCKET_OLD_WIRE"), None),
    key("cors_origins", Some("NETSOCKET_CORS_ORIGINS"), None),
    key("index_html", Some("NETSOCKET_INDEX_HTML"), None),
    key("spool_dir", Some("NETSOCKET_SPOOL_DIR"), None),
    key("spool_limit", Some("NETSOCKET_SPOOL_LIMIT"), None),
    key("spool_reserve", Some("NETSOCKET_SPOOL_RESERVE"), None),
    key("confinement", Some("NETSOCKET_CONFINEMENT"), None),
    key("drain_timeout", Some("NETSOCKET_DRAIN_TIMEOUT"), None),
    LOG_KEYS[0],
    LOG_KEYS[1],
    key("admin", Some("NETSOCKET_ADMIN"), Some("--admin")),
    key("index", Some("NETSOCKET_INDEX"), None),
    key("index_batch", Some("NETSOCKET_INDEX_BATCH"), None),
    key("rescan_interval", Some("NETSOCKET_RESCAN_INTERVAL"), None),
    key("max_watches", Some("NETSOCKET_MAX_WATCHES"), None),
    key("allow_hidden", Some("NETSOCKET_ALLOW_HIDDEN"), None),
];

/// What is said of environment variables that are probably misspelt.
pub fn misspelt_variables(set: impl IntoIterator<Item = String>) -> Vec<String> {
    netsocket_settings::misspelt_variables(&KEYS, &FILE_SERVER, set)
}

const fn key(name: &'static str, env: Option<&'static str>, flag: Option<&'static str>) -> Key {
    Key { name, env, flag }
}
