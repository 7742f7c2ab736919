//! The metrics of the balancer: each name once, with its type and help text. The telemetry crate names those of the
//! telemetry producer, for all programs alike.
//!
//! # Examples
//!
//! ```
//! use netsocket_balancer::metrics::names;
//!
//! let rule = format!("rate({}[1m]) > 1", names::SESSIONS.name);
//! assert_eq!(rule, "rate(netsocket_sessions_total[1m]) > 1");
//! ```

use netsocket_telemetry::names::metric;

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets, which only grow, and their sum.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its help text.
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Counter,
        help,
    }
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Gauge,
        help,
    }
}

const fn histogram(name: &'static str, help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Histogram,
        help,
    }
}

/// The label that names a backend.
pub const LABEL_BACKEND: &str = "backend";
/// The label that names a group of backends.
pub const LABEL_GROUP: &str = "group";
/// The label that names a service, where there is anything but the default one.
pub const LABEL_SERVICE: &str = "service";
/// The label that names a rule of a service.
pub const LABEL_RULE: &str = "rule";
/// The label with the kind of a handshake.
pub const LABEL_KIND: &str = "kind";
/// The label with the file of a certificate.
pub const LABEL_CERTIFICATE: &str = "certificate";
/// The label that names a pool.
pub const LABEL_POOL: &str = "pool";
/// The label with `up` (from clients) or `down` (to clients).
pub const LABEL_DIRECTION: &str = "direction";
/// The label with the two-letter termination code.
pub const LABEL_TERMINATION: &str = "termination";
/// The number of a worker.
pub const LABEL_WORKER: &str = "worker";
/// The label with a state of a backend.
pub const LABEL_STATE: &str = "state";
/// The label with the reason for a state.
pub const LABEL_REASON: &str = "reason";
/// The label with the result of a check or a query.
pub const LABEL_RESULT: &str = "result";
/// The label with the upper bound of a bucket.
pub const LABEL_BOUND: &str = "le";
/// The label with a resource of the system.
pub const LABEL_RESOURCE: &str = "resource";
/// The label with an HTTP method.
pub const LABEL_METHOD: &str = "method";
/// The label with a route of the admin HTTP, with placeholders for names.
pub const LABEL_PATH: &str = "path";
/// The label with the name of a long-lived task.
pub const LABEL_TASK: &str = "task";
/// The label with the program's version.
pub const LABEL_VERSION: &str = "version";

/// The program.
pub const BUILD_INFO: Family = gauge(
    "netsocket_build_info",
    "Always 1; the version is in the label.",
);
/// Age of the process.
pub const UPTIME: Family = gauge("netsocket_uptime_seconds", "Seconds since the start.");
/// Whether it is draining.
pub const DRAINING: Family = gauge(
    "netsocket_draining",
    "1 while the balancer drains and accepts no new clients.",
);
/// Generation of the settings.
pub const CONFIG_GENERATION: Family = gauge(
    "netsocket_config_generation",
    "Starts at 1 and increases with each successful reload.",
);
/// Whether the latest reload succeeded.
pub const RELOAD_SUCCESS: Family = gauge(
    "netsocket_reload_success",
    "0 if the latest reload was refused, otherwise 1.",
);
/// Open sessions.
pub const SESSIONS_ACTIVE: Family = gauge("netsocket_sessions_active", "Open sessions.");
/// Limit of open sessions.
pub const SESSIONS_LIMIT: Family = gauge(
    "netsocket_sessions_limit",
    "Maximum number of open sessions.",
);
/// Open sessions of a worker.
pub const WORKER_SESSIONS: Family = gauge("netsocket_worker_sessions", "Open sessions, by worker.");
/// Finished sessions.
pub const SESSIONS: Family = counter(
    "netsocket_sessions_total",
    "Finished sessions, by termination code.",
);
/// Bytes relayed.
pub const BYTES: Family = counter(
    "netsocket_bytes_total",
    "Bytes relayed; those of open sessions are counted some seconds late.",
);
/// Connect retries.
pub const RETRIES: Family = counter(
    "netsocket_connect_retries_total",
    "Connect attempts to another backend after a failed one.",
);
/// Last resorts.
pub const LAST_RESORTS: Family = counter(
    "netsocket_last_resort_sessions_total",
    "Sessions that no healthy backend took, until the checks noticed: they tried those that are down or ejected, by result: served or refused.",
);
/// Accept errors.
pub const ACCEPT_ERRORS: Family = counter(
    "netsocket_accept_errors_total",
    "Connections that could not be accepted.",
);
/// Resources that ran out.
pub const SHORTAGES: Family = counter(
    "netsocket_resource_shortages_total",
    "How often the system had none left of a resource, by resource.",
);
/// Clients by the rule that chose their pool.
pub const ROUTED: Family = counter(
    "netsocket_routed_total",
    "Clients by the rule that was about them, `none` for those that no rule was about.",
);
/// Complete handshakes.
pub const TLS_HANDSHAKES: Family = counter(
    "netsocket_tls_handshakes_total",
    "Complete TLS handshakes with clients of services that end TLS, by kind: full or resumed.",
);
/// Failed handshakes.
pub const TLS_HANDSHAKE_FAILURES: Family = counter(
    "netsocket_tls_handshake_failures_total",
    "Failed TLS handshakes with clients, by reason.",
);
/// End of a certificate.
pub const CERTIFICATE_EXPIRY: Family = gauge(
    "netsocket_certificate_expiry_timestamp_seconds",
    "When each certificate of a service, or of the admin address, expires, in seconds since 1970, by its file.",
);
/// Backends that serve a service.
pub const SERVICE_BACKENDS_UP: Family = gauge(
    "netsocket_service_backends_up",
    "Backends of the pools of a service that are healthy and take sessions; where there is anything but the default service.",
);
/// Sessions that a service may have open.
pub const SERVICE_SESSIONS_LIMIT: Family = gauge(
    "netsocket_service_sessions_limit",
    "Maximum number of open sessions of a service, where its settings say one.",
);
/// Whether a pool uses unhealthy backends.
pub const POOL_FAIL_OPEN: Family = gauge(
    "netsocket_pool_fail_open",
    "1 while no backend of the pool is healthy and all backends in service are used.",
);
/// Refused clients.
pub const REFUSED: Family = counter("netsocket_refused_total", "Refused clients, by reason.");
/// Clients in the queue.
pub const QUEUED: Family = gauge(
    "netsocket_queued",
    "Clients waiting in the queue for a backend.",
);
/// Limit of the queue.
pub const QUEUE_LIMIT: Family = gauge(
    "netsocket_queue_limit",
    "Maximum number of waiting clients.",
);
/// Lines of the access log.
pub const ACCESS_LOG_LINES: Family = counter(
    "netsocket_access_log_lines_total",
    "Access log lines, by result: written, dropped because the buffer was full, or failed to write.",
);
/// Lines of the log.
pub const LOG_LINES_DROPPED: Family = counter(
    "netsocket_log_lines_dropped_total",
    "Log lines that could not be written.",
);
/// Backends removed from the pool.
pub const POOL_LEAVING: Family = gauge(
    "netsocket_pool_leaving_backends",
    "Backends removed from the pool that still have sessions.",
);
/// Their sessions.
pub const POOL_LEAVING_SESSIONS: Family = gauge(
    "netsocket_pool_leaving_sessions_active",
    "Open sessions of backends removed from the pool.",
);
/// Backends of a group.
pub const DISCOVERY_MEMBERS: Family = gauge(
    "netsocket_discovery_members",
    "Backends found in DNS for the group.",
);
/// Age of the latest answer for a group.
pub const DISCOVERY_AGE: Family = gauge(
    "netsocket_discovery_age_seconds",
    "Seconds since DNS last returned servers of the group, or since the start if it never has.",
);
/// Failed DNS queries.
pub const DISCOVERY_FAILURES: Family = gauge(
    "netsocket_discovery_failures",
    "Failed DNS lookups of the group in a row.",
);
/// DNS queries.
pub const DISCOVERY_QUESTIONS: Family = counter(
    "netsocket_discovery_questions_total",
    "DNS lookups of the group, by result.",
);
/// State of a backend.
pub const BACKEND_UP: Family = gauge(
    "netsocket_backend_up",
    "1 while the backend takes sessions.",
);
/// State of a backend, one sample a state.
pub const BACKEND_STATE: Family = gauge(
    "netsocket_backend_state",
    "1 for the state that the backend is in, 0 for the others.",
);
/// Transitions of a backend.
pub const BACKEND_TRANSITIONS: Family = counter(
    "netsocket_backend_transitions_total",
    "State changes of the backend, by new state and reason.",
);
/// Weight of a backend.
pub const BACKEND_WEIGHT: Family = gauge(
    "netsocket_backend_weight",
    "The effective weight: 0 while the backend takes no sessions, less than the configured weight during a slow start.",
);
/// Open sessions of a backend.
pub const BACKEND_ACTIVE: Family = gauge(
    "netsocket_backend_sessions_active",
    "Open sessions of the backend.",
);
/// Finished sessions of a backend.
pub const BACKEND_SESSIONS: Family = counter(
    "netsocket_backend_sessions_total",
    "Finished sessions of the backend.",
);
/// Errors of a backend.
pub const BACKEND_ERRORS: Family = counter(
    "netsocket_backend_errors_total",
    "Failed connects to the backend, and sessions that it broke or left without an answer.",
);
/// Bytes of a backend.
pub const BACKEND_BYTES: Family = counter(
    "netsocket_backend_bytes_total",
    "Bytes relayed in sessions of the backend; those of open sessions are counted some seconds late.",
);
/// Latest connect of a backend.
pub const BACKEND_CONNECT: Family = gauge(
    "netsocket_backend_connect_seconds",
    "Duration of the latest connect of a session.",
);
/// All connects of a backend.
pub const BACKEND_CONNECTS: Family = histogram(
    "netsocket_backend_connect_duration_seconds",
    "Duration of connects of sessions.",
);
/// Connects without a local port.
pub const BACKEND_NO_PORTS: Family = counter(
    "netsocket_backend_local_port_shortages_total",
    "Connects to the backend for which no local port was left.",
);
/// Questions to the agent of a backend.
pub const BACKEND_AGENT: Family = counter(
    "netsocket_backend_agent_checks_total",
    "Questions to the agent of the backend, by result: answered, unknown (with a word that means nothing) or failed.",
);
/// Checks of a backend.
pub const BACKEND_CHECKS: Family = counter(
    "netsocket_backend_checks_total",
    "Health checks of the backend, by result.",
);
/// Changes through the admin HTTP.
pub const ADMIN_CHANGES: Family = counter(
    "netsocket_admin_changes_total",
    "Changes requested through the admin HTTP, by result: done, wrong (nothing changed) or denied.",
);
/// Panics of long-lived tasks.
pub const TASK_PANICS: Family = counter(
    "netsocket_balancer_task_panics_total",
    "Panics of long-lived tasks, which are started again, by task.",
);
/// The telemetry producer's connection.
pub const TELEMETRY_CONNECTED: Family =
    gauge(metric::PRODUCER_CONNECTED, "1 while connected to Kafka.");
/// The telemetry producer's queue.
pub const TELEMETRY_QUEUED: Family = gauge(
    metric::PRODUCER_QUEUED,
    "Telemetry records that wait or are on their way.",
);
/// Telemetry records delivered.
pub const TELEMETRY_SENT: Family = counter(
    metric::PRODUCER_SENT,
    "Telemetry records that Kafka has acknowledged.",
);
/// Dropped telemetry records.
pub const TELEMETRY_DROPPED: Family = counter(
    metric::PRODUCER_DROPPED,
    "Telemetry records that were given up.",
);

/// Every metric, in the order of the output.
pub const ALL: &[Family] = &[
    BUILD_INFO,
    UPTIME,
    DRAINING,
    CONFIG_GENERATION,
    RELOAD_SUCCESS,
    SESSIONS_ACTIVE,
    SESSIONS_LIMIT,
    WORKER_SESSIONS,
    SESSIONS,
    BYTES,
    RETRIES,
    LAST_RESORTS,
    ACCEPT_ERRORS,
    SHORTAGES,
    ROUTED,
    TLS_HANDSHAKES,
    TLS_HANDSHAKE_FAILURES,
    CERTIFICATE_EXPIRY,
    SERVICE_BACKENDS_UP,
    SERVICE_SESSIONS_LIMIT,
    REFUSED,
    QUEUED,
    QUEUE_LIMIT,
    ACCESS_LOG_LINES,
    LOG_LINES_DROPPED,
    POOL_FAIL_OPEN,
    POOL_LEAVING,
    POOL_LEAVING_SESSIONS,
    DISCOVERY_MEMBERS,
    DISCOVERY_AGE,
    DISCOVERY_FAILURES,
    DISCOVERY_QUESTIONS,
    BACKEND_UP,
    BACKEND_STATE,
    BACKEND_TRANSITIONS,
    BACKEND_WEIGHT,
    BACKEND_ACTIVE,
    BACKEND_SESSIONS,
    BACKEND_ERRORS,
    BACKEND_BYTES,
    BACKEND_CONNECT,
    BACKEND_CONNECTS,
    BACKEND_NO_PORTS,
    BACKEND_AGENT,
    BACKEND_CHECKS,
    ADMIN_CHANGES,
    TASK_PANICS,
    TELEMETRY_CONNECTED,
    TELEMETRY_QUEUED,
    TELEMETRY_SENT,
    TELEMETRY_DROPPED,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_formed_as_prometheus_asks() {
        let names: BTreeSet<&str> = ALL.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), ALL.len());
        for family in ALL {
            assert!(family.name.starts_with("netsocket_"), "{}", family.name);
            assert!(
                family
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            );
            assert_eq!(
                family.name.ends_with("_total"),
                family.kind == Kind::Counter,
                "{}",
                family.name
            );
        }
    }

    #[test]
    fn the_page_has_each_metric_and_no_other() {
        const PAGE: &str = include_str!("../../../../docs/metrics/balancer.md");
        let rows: Vec<&str> = PAGE
            .lines()
            .filter(|line| line.starts_with("| `netsocket_"))
            .collect();
        // Those of the producer are in docs/telemetry.md, with all that it has.
        let own = |family: &&Family| !family.name.starts_with("netsocket_telemetry_");
        let row = |family: &Family| {
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            format!("| `{}` | {kind} | {} |", family.name, family.help)
        };
        let expected: Vec<String> = ALL.iter().filter(own).map(row).collect();
        assert_eq!(rows, expected);
    }
}
