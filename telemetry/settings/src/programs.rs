//! Which program has which keys: one that was written into the file of another is told where it belongs.
//!
//! Does not own what a key means. Each program compares its own settings with its entry here, in a test.

/// A program, and what its settings file may have at the top.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{COLLECTOR, FILE_SERVER, Program};
///
/// let Program { name, key_list, keys } = FILE_SERVER;
/// assert_eq!((name, key_list), ("netsocket-fileserver", "infra/config/fileserver.toml"));
/// assert!(keys.contains(&"root") && !COLLECTOR.keys.contains(&"root"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// What it is called.
    pub name: &'static str,
    /// The file that lists all its keys.
    pub key_list: &'static str,
    /// The keys at the top of its settings file, tables included.
    pub keys: &'static [&'static str],
}

/// All of them.
const PROGRAMS: [Program; 4] = [BALANCER, FILE_SERVER, CLIENT, COLLECTOR];

impl Program {
    /// The others.
    pub(crate) fn sisters(&self) -> impl Iterator<Item = Self> {
        let own = self.name;
        let all = PROGRAMS.into_iter();
        all.filter(move |program| program.name != own)
    }
}

/// The balancer.
pub const BALANCER: Program = Program {
    name: "netsocket-balancer",
    key_list: "docs/configuration.md",
    keys: &[
        "access_log",
        "access_log_format",
        "access_log_sample",
        "access_log_scope",
        "access_log_target",
        "address",
        "address_connections",
        "address_ipv6_prefix",
        "address_rate",
        "admin",
        "admin_read_token_file",
        "admin_tls",
        "admin_token_file",
        "agent",
        "agent_interval",
        "agent_port",
        "agent_send",
        "allow",
        "backend_idle_timeout",
        "backend_tls",
        "backends",
        "balance",
        "check",
        "check_close",
        "check_down_interval",
        "check_expect",
        "check_expect_pattern",
        "check_fall",
        "check_fast_interval",
        "check_host",
        "check_interval",
        "check_kind",
        "check_path",
        "check_rise",
        "check_send",
        "check_status",
        "check_timeout",
        "client_idle_timeout",
        "connect_timeout",
        "defer_accept",
        "deny",
        "dns",
        "dns_hold",
        "dns_max_interval",
        "dns_min_interval",
        "dns_server",
        "drain_timeout",
        "ejection",
        "ejection_connects",
        "ejection_early_resets",
        "ejection_forgive",
        "ejection_max_percent",
        "ejection_max_time",
        "ejection_time",
        "fail_open",
        "fast_open",
        "flap",
        "flap_forgive",
        "flap_hold",
        "flap_max_hold",
        "half_close_timeout",
        "idle_timeout",
        "instance",
        "kafka",
        "kafka_compression",
        "kafka_create_topic",
        "kafka_linger",
        "kafka_partitions",
        "kafka_password",
        "kafka_queue",
        "kafka_replication",
        "kafka_sasl",
        "kafka_tls_ca",
        "kafka_tls_cert",
        "kafka_tls_key",
        "kafka_topic",
        "kafka_user",
        "keepalive_interval",
        "keepalive_probes",
        "keepalive_time",
        "listen",
        "log",
        "log_format",
        "max_connections",
        "pid_file",
        "pools",
        "proxy",
        "proxy_from",
        "proxy_send",
        "proxy_timeout",
        "queue",
        "queue_length",
        "queue_timeout",
        "rate",
        "relay",
        "reload_removed",
        "restart_timeout",
        "route_timeout",
        "routes",
        "services",
        "session_age_jitter",
        "session_max_age",
        "slow_start",
        "tcp_user_timeout",
        "tls",
        "workers",
    ],
};

/// The file server.
pub const FILE_SERVER: Program = Program {
    name: "netsocket-fileserver",
    key_list: "infra/config/fileserver.toml",
    keys: &[
        "admin",
        "advertise_port",
        "allow_hidden",
        "archive_blocks",
        "archive_threads",
        "confinement",
        "cors_origins",
        "drain_timeout",
        "idle_timeout",
        "index",
        "index_batch",
        "index_html",
        "kafka",
        "kafka_compression",
        "kafka_create_topic",
        "kafka_linger",
        "kafka_partitions",
        "kafka_password",
        "kafka_queue",
        "kafka_replication",
        "kafka_sasl",
        "kafka_tls_ca",
        "kafka_tls_cert",
        "kafka_tls_key",
        "kafka_topic",
        "kafka_user",
        "listen",
        "log",
        "log_format",
        "max_archives",
        "max_planned_files",
        "max_request",
        "max_sessions",
        "max_sessions_per_address",
        "max_watches",
        "name",
        "old_wire",
        "progress_timeout",
        "proxy_protocol",
        "rescan_interval",
        "root",
        "spool_dir",
        "spool_limit",
        "spool_reserve",
        "tls_certificate",
        "tls_client_ca",
        "tls_key",
        "tls_required",
        "token_file",
        "wires",
    ],
};

/// The client.
pub const CLIENT: Program = Program {
    name: "netsocket",
    key_list: "infra/config/client.toml",
    keys: &[
        "answer_timeout",
        "ca_file",
        "client_certificate",
        "client_key",
        "connect_timeout",
        "log",
        "log_format",
        "retry_deadline",
        "server",
        "stall_timeout",
        "tls",
        "tls_name",
        "token_file",
    ],
};

/// The collector.
pub const COLLECTOR: Program = Program {
    name: "netsocket-collector",
    key_list: "infra/config/collector.toml",
    keys: &[
        "admin",
        "bucket",
        "influx_url",
        "kafka",
        "kafka_password",
        "kafka_sasl",
        "kafka_tls_ca",
        "kafka_tls_cert",
        "kafka_tls_key",
        "kafka_user",
        "log",
        "log_format",
        "org",
        "position_bucket",
        "token",
        "topic",
    ],
};
