//! Which keys stand in which tables of the settings file beside the top, and the name that the top itself has.

use crate::core::full_name::DEFAULT_POOL;

/// The name of the service and of the pool that the top of the file describes.
pub const DEFAULT_NAME: &str = DEFAULT_POOL;

/// Keys at the top that a service may have as well.
pub const SERVICE_KEYS: [&str; 27] = [
    "route_timeout",
    "defer_accept",
    "fast_open",
    "allow",
    "deny",
    "max_connections",
    "rate",
    "address_connections",
    "address_rate",
    "address_ipv6_prefix",
    "proxy_from",
    "proxy_timeout",
    "idle_timeout",
    "client_idle_timeout",
    "backend_idle_timeout",
    "half_close_timeout",
    "session_max_age",
    "session_age_jitter",
    "keepalive_time",
    "keepalive_interval",
    "keepalive_probes",
    "tcp_user_timeout",
    "access_log_target",
    "access_log_format",
    "access_log_scope",
    "access_log_sample",
    "listen",
];

/// Keys at the top that a pool may have as well; and a service with backends of its own.
pub const POOL_KEYS: [&str; 38] = [
    "backends",
    "dns_server",
    "dns_min_interval",
    "dns_max_interval",
    "dns_hold",
    "balance",
    "slow_start",
    "fail_open",
    "queue_length",
    "queue_timeout",
    "proxy_send",
    "connect_timeout",
    "check_kind",
    "check_interval",
    "check_fast_interval",
    "check_down_interval",
    "check_timeout",
    "check_rise",
    "check_fall",
    "check_send",
    "check_expect",
    "check_expect_pattern",
    "check_path",
    "check_host",
    "check_status",
    "check_close",
    "agent_port",
    "agent_interval",
    "agent_send",
    "ejection_connects",
    "ejection_early_resets",
    "ejection_time",
    "ejection_max_time",
    "ejection_forgive",
    "ejection_max_percent",
    "flap_hold",
    "flap_max_hold",
    "flap_forgive",
];

/// Keys of an entry of `services` that are not inherited from the top.
pub const OWN_KEYS: [&str; 4] = ["name", "pool", "routes", "tls"];

/// The keys of a backend's table.
pub const BACKEND_KEYS: [&str; 13] = [
    "name",
    "address",
    "resolve",
    "ip_family",
    "weight",
    "backup",
    "max_connections",
    "check_port",
    "check_address",
    "agent_address",
    "proxy_send",
    "source",
    "on_down",
];

/// Keys of checks at the top that a backend may have as well.
pub const BACKEND_CHECK_KEYS: [&str; 17] = [
    "check_kind",
    "check_interval",
    "check_fast_interval",
    "check_down_interval",
    "check_timeout",
    "check_rise",
    "check_fall",
    "check_send",
    "check_expect",
    "check_expect_pattern",
    "check_path",
    "check_host",
    "check_status",
    "check_close",
    "agent_port",
    "agent_interval",
    "agent_send",
];
