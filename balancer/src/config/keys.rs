//! Every key, with its environment variable and flag, and the tables that some keys belong to.

use std::collections::BTreeMap;

use netsocket_settings::{BALANCER, Check, Key, Scalar};
use netsocket_telemetry::names::ENV_KAFKA;

use super::entry_keys::{POOL_KEYS, SERVICE_KEYS};

/// What is said of a key that is not one of `known`.
pub(crate) fn unknown_key(name: &str, known: &[&str]) -> String {
    netsocket_settings::unknown_key(name, known, &BALANCER)
}

/// Every key of the balancer itself. A key that begins with the name of a table in [`TABLES`] may also be in that table,
/// without the prefix: `check_interval` is `interval` in `[check]`.
pub const KEYS: [Key; 76] = [
    key("listen", "NETSOCKET_LISTEN", Some("--listen")),
    key("admin", "NETSOCKET_ADMIN", Some("--admin")),
    key("admin_token_file", "NETSOCKET_ADMIN_TOKEN_FILE", None),
    key(
        "admin_read_token_file",
        "NETSOCKET_ADMIN_READ_TOKEN_FILE",
        None,
    ),
    key("kafka", ENV_KAFKA, Some("--kafka")),
    key("backends", "NETSOCKET_BACKENDS", Some("--backend")),
    key("dns_server", "NETSOCKET_DNS_SERVER", None),
    key("dns_min_interval", "NETSOCKET_DNS_MIN_INTERVAL", None),
    key("dns_max_interval", "NETSOCKET_DNS_MAX_INTERVAL", None),
    key("dns_hold", "NETSOCKET_DNS_HOLD", None),
    key("workers", "NETSOCKET_WORKERS", None),
    key("relay", "NETSOCKET_RELAY", None),
    key("defer_accept", "NETSOCKET_DEFER_ACCEPT", None),
    key("fast_open", "NETSOCKET_FAST_OPEN", None),
    key("balance", "NETSOCKET_BALANCE", None),
    key("slow_start", "NETSOCKET_SLOW_START", None),
    key("fail_open", "NETSOCKET_FAIL_OPEN", None),
    key("allow", "NETSOCKET_ALLOW", None),
    key("deny", "NETSOCKET_DENY", None),
    key("max_connections", "NETSOCKET_MAX_CONNECTIONS", None),
    key("rate", "NETSOCKET_RATE", None),
    key("address_connections", "NETSOCKET_ADDRESS_CONNECTIONS", None),
    key("address_rate", "NETSOCKET_ADDRESS_RATE", None),
    key("address_ipv6_prefix", "NETSOCKET_ADDRESS_IPV6_PREFIX", None),
    key("queue_length", "NETSOCKET_QUEUE_LENGTH", None),
    key("queue_timeout", "NETSOCKET_QUEUE_TIMEOUT", None),
    key("proxy_from", "NETSOCKET_PROXY_FROM", None),
    key("proxy_timeout", "NETSOCKET_PROXY_TIMEOUT", None),
    key("proxy_send", "NETSOCKET_PROXY_SEND", None),
    key("access_log_target", "NETSOCKET_ACCESS_LOG_TARGET", None),
    key("access_log_format", "NETSOCKET_ACCESS_LOG_FORMAT", None),
    key("access_log_scope", "NETSOCKET_ACCESS_LOG_SCOPE", None),
    key("access_log_sample", "NETSOCKET_ACCESS_LOG_SAMPLE", None),
    key("connect_timeout", "NETSOCKET_CONNECT_TIMEOUT", None),
    key("route_timeout", "NETSOCKET_ROUTE_TIMEOUT", None),
    key("idle_timeout", "NETSOCKET_IDLE_TIMEOUT", None),
    key("client_idle_timeout", "NETSOCKET_CLIENT_IDLE_TIMEOUT", None),
    key(
        "backend_idle_timeout",
        "NETSOCKET_BACKEND_IDLE_TIMEOUT",
        None,
    ),
    key("half_close_timeout", "NETSOCKET_HALF_CLOSE_TIMEOUT", None),
    key("session_max_age", "NETSOCKET_SESSION_MAX_AGE", None),
    key("session_age_jitter", "NETSOCKET_SESSION_AGE_JITTER", None),
    key("keepalive_time", "NETSOCKET_KEEPALIVE_TIME", None),
    key("keepalive_interval", "NETSOCKET_KEEPALIVE_INTERVAL", None),
    key("keepalive_probes", "NETSOCKET_KEEPALIVE_PROBES", None),
    key("tcp_user_timeout", "NETSOCKET_TCP_USER_TIMEOUT", None),
    key("drain_timeout", "NETSOCKET_DRAIN_TIMEOUT", None),
    key("reload_removed", "NETSOCKET_RELOAD_REMOVED", None),
    key("restart_timeout", "NETSOCKET_RESTART_TIMEOUT", None),
    key("pid_file", "NETSOCKET_PID_FILE", None),
    key("check_kind", "NETSOCKET_CHECK_KIND", None),
    key("check_interval", "NETSOCKET_CHECK_INTERVAL", None),
    key("check_fast_interval", "NETSOCKET_CHECK_FAST_INTERVAL", None),
    key("check_down_interval", "NETSOCKET_CHECK_DOWN_INTERVAL", None),
    key("check_timeout", "NETSOCKET_CHECK_TIMEOUT", None),
    key("check_rise", "NETSOCKET_CHECK_RISE", None),
    key("check_fall", "NETSOCKET_CHECK_FALL", None),
    key("check_send", "NETSOCKET_CHECK_SEND", None),
    key("check_expect", "NETSOCKET_CHECK_EXPECT", None),
    key(
        "check_expect_pattern",
        "NETSOCKET_CHECK_EXPECT_PATTERN",
        None,
    ),
    key("check_path", "NETSOCKET_CHECK_PATH", None),
    key("check_host", "NETSOCKET_CHECK_HOST", None),
    key("check_status", "NETSOCKET_CHECK_STATUS", None),
    key("check_close", "NETSOCKET_CHECK_CLOSE", None),
    key("agent_port", "NETSOCKET_AGENT_PORT", None),
    key("agent_interval", "NETSOCKET_AGENT_INTERVAL", None),
    key("agent_send", "NETSOCKET_AGENT_SEND", None),
    key("ejection_connects", "NETSOCKET_EJECTION_CONNECTS", None),
    key(
        "ejection_early_resets",
        "NETSOCKET_EJECTION_EARLY_RESETS",
        None,
    ),
    key("ejection_time", "NETSOCKET_EJECTION_TIME", None),
    key("ejection_max_time", "NETSOCKET_EJECTION_MAX_TIME", None),
    key("ejection_forgive", "NETSOCKET_EJECTION_FORGIVE", None),
    key(
        "ejection_max_percent",
        "NETSOCKET_EJECTION_MAX_PERCENT",
        None,
    ),
    key("flap_hold", "NETSOCKET_FLAP_HOLD", None),
    key("flap_max_hold", "NETSOCKET_FLAP_MAX_HOLD", None),
    key("flap_forgive", "NETSOCKET_FLAP_FORGIVE", None),
    key("instance", "NETSOCKET_INSTANCE", None),
];

/// The tables of the settings file.
pub const TABLES: [Key; 9] = [
    table("check"),
    table("agent"),
    table("dns"),
    table("ejection"),
    table("flap"),
    table("address"),
    table("queue"),
    table("proxy"),
    table("access_log"),
];

/// The lists of tables of the settings file.
pub const LISTS: [Key; 3] = [table("services"), table("pools"), table("routes")];

/// Tables with keys of their own, which nothing else may have.
pub const NESTED: [Key; 3] = [table("tls"), table("backend_tls"), table("admin_tls")];

const fn key(name: &'static str, env: &'static str, flag: Option<&'static str>) -> Key {
    Key {
        name,
        env: Some(env),
        flag,
    }
}

const fn table(name: &'static str) -> Key {
    Key {
        name,
        env: None,
        flag: None,
    }
}

/// The table that a key may be in, and its name there.
#[must_use]
pub fn in_table(key: &'static str) -> Option<(&'static str, &'static str)> {
    let place = |table: &Key| {
        let rest = key.strip_prefix(table.name)?.strip_prefix('_')?;
        Some((table.name, rest))
    };
    TABLES.iter().find_map(place)
}

/// A table of the file. Wrong forms are taken in as well, to be reported with all other problems.
#[derive(Debug)]
pub(super) enum RawTable {
    Table {
        single: BTreeMap<String, Scalar>,
        /// Keys that have no single value, and what is said of them.
        misfits: Vec<(String, String)>,
    },
    Other,
}

/// What the layers hold for keys with a single value, unjudged.
#[derive(Debug)]
pub(super) struct Entries {
    single: BTreeMap<String, Scalar>,
    tables: BTreeMap<&'static str, BTreeMap<String, Scalar>>,
}

/// A key as it was written, and its value if there is one.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: String,
    pub(super) value: Option<&'a Scalar>,
}

impl Entries {
    /// Reports what no table knows, and what the file says twice. `beaten`: whether another layer sets the key, which
    /// then counts instead of the file.
    pub(super) fn new(
        check: &mut Check,
        single: BTreeMap<String, Scalar>,
        raw: [Option<RawTable>; TABLES.len()],
        beaten: impl Fn(&Key) -> bool,
    ) -> Self {
        let mut tables = BTreeMap::new();
        for (Key { name: table, .. }, raw) in TABLES.into_iter().zip(raw) {
            let known: Vec<_> = KEYS
                .iter()
                .filter(|key| in_table(key.name).is_some_and(|place| place.0 == table))
                .collect();
            let names: Vec<&str> = known
                .iter()
                .filter_map(|key| Some(in_table(key.name)?.1))
                .collect();
            let found = match raw {
                None => continue,
                Some(RawTable::Other) => {
                    check.problem_at(
                        table,
                        format!("a table, [{table}], with {}", names.join(", ")),
                    );
                    continue;
                }
                Some(RawTable::Table { single, misfits }) => {
                    for (name, said) in misfits {
                        let key = format!("{table}.{name}");
                        match names.contains(&name.as_str()) {
                            true => check.problem_at(&key, said),
                            false => check.problem_at(&key, unknown_key(&name, &names)),
                        }
                    }
                    single
                }
            };
            for name in found.keys().filter(|name| !names.contains(&name.as_str())) {
                check.problem_at(&format!("{table}.{name}"), unknown_key(name, &names));
            }
            for (key, name) in known.iter().zip(&names) {
                let Some(value) = found.get(*name) else {
                    continue;
                };
                let is_twice = single.contains_key(key.name) && !beaten(key);
                if is_twice || beaten(key) {
                    // Nobody looks at what it is.
                    check.not_text(&format!("{table}.{name}"));
                }
                if is_twice {
                    let twice = format!("duplicates {}, which is also set", key.name);
                    check.problem(&format!("{table}.{name}"), value.as_str(), twice);
                }
            }
            tables.insert(table, found);
        }
        Self { single, tables }
    }

    /// Those of one entry, without tables.
    pub(super) fn of(single: BTreeMap<String, Scalar>) -> Self {
        Self {
            single,
            tables: BTreeMap::new(),
        }
    }

    /// These with what they do not say of the keys that a service or a pool may have, taken from `top`.
    pub(super) fn over(mut self, top: &Self) -> Self {
        let keys = SERVICE_KEYS.into_iter().chain(POOL_KEYS);
        let unsaid = keys.filter(|key| self.get(key).value.is_none() && !self.replaces(key));
        let inherited =
            unsaid.filter_map(|key| Some((key.to_owned(), top.get(key).value?.clone())));
        let inherited: Vec<_> = inherited.collect();
        self.single.extend(inherited);
        self
    }

    /// Whether what is said makes another key meaningless, which then is not inherited.
    fn replaces(&self, key: &str) -> bool {
        let says = |key| self.get(key).value.is_some();
        match key {
            "check_expect" | "check_expect_pattern" => {
                says("check_kind") || says("check_expect") || says("check_expect_pattern")
            }
            // What is said for both sides is said for each.
            "client_idle_timeout" | "backend_idle_timeout" => says("idle_timeout"),
            "check_send" | "check_path" | "check_host" | "check_status" => says("check_kind"),
            _ => false,
        }
    }

    pub(super) fn get(&self, key: &'static str) -> Entry<'_> {
        let single = self.single.get(key);
        let place = in_table(key)
            .and_then(|(table, name)| Some((table, name, self.tables.get(table)?.get(name)?)));
        match (single, place) {
            (None, Some((table, name, value))) => Entry {
                key: format!("{table}.{name}"),
                value: Some(value),
            },
            (value, _) => Entry {
                key: key.to_owned(),
                value,
            },
        }
    }
}
