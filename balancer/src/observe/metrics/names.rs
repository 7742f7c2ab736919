//! The metrics of the balancer: every name once, with its type and its help. Those of the telemetry producer are
//! named by the telemetry crate, for all programs alike.
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

/// How Prometheus treats a metric.
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
    /// What it says.
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
/// The label that names a pool.
pub const LABEL_POOL: &str = "pool";
/// The label with `up` (from clients) or `down` (to clients).
pub const LABEL_DIRECTION: &str = "direction";
/// The label with HAProxy's two letters.
pub const LABEL_TERMINATION: &str = "termination";
/// The number of a worker.
pub const LABEL_WORKER: &str = "worker";
/// The label with a state of a backend.
pub const LABEL_STATE: &str = "state";
/// The label with what brought a state about.
pub const LABEL_REASON: &str = "reason";
/// The label with what came of a check or a question.
pub const LABEL_RESULT: &str = "result";
/// The label with the upper bound of a bucket.
pub const LABEL_BOUND: &str = "le";
/// The label with a resource of the system.
pub const LABEL_RESOURCE: &str = "resource";
/// The label with an HTTP method.
pub const LABEL_METHOD: &str = "method";
/// The label with a path of the admin HTTP, names in it left open.
pub const LABEL_PATH: &str = "path";
/// The label with the program's version.
pub const LABEL_VERSION: &str = "version";

/// The program.
pub const BUILD_INFO: Family = gauge(
    "netsocket_build_info",
    "Always 1; the label has the version.",
);
/// Age of the process.
pub const UPTIME: Family = gauge("netsocket_uptime_seconds", "Seconds since the start.");
/// Whether it is stopping.
pub const DRAINING: Family = gauge(
    "netsocket_draining",
    "1 while stopping: nothing new is accepted.",
);
/// How often the settings have come into force.
pub const CONFIG_GENERATION: Family = gauge(
    "netsocket_config_generation",
    "1 after the start, and one more after each reload that was not refused.",
);
/// Whether the latest reload went well.
pub const RELOAD_SUCCESS: Family = gauge(
    "netsocket_reload_success",
    "0 after a reload that was refused, until one is not.",
);
/// Open sessions.
pub const SESSIONS_ACTIVE: Family = gauge("netsocket_sessions_active", "Sessions that are open.");
/// How many may be open.
pub const SESSIONS_LIMIT: Family = gauge(
    "netsocket_sessions_limit",
    "Sessions that may be open at a time.",
);
/// Open sessions of a worker.
pub const WORKER_SESSIONS: Family = gauge(
    "netsocket_worker_sessions",
    "Sessions that are open, by worker.",
);
/// Sessions that are over.
pub const SESSIONS: Family = counter(
    "netsocket_sessions_total",
    "Sessions that are over, by termination code.",
);
/// Bytes relayed.
pub const BYTES: Family = counter(
    "netsocket_bytes_total",
    "Bytes relayed in sessions that are over.",
);
/// Redispatches.
pub const RETRIES: Family = counter(
    "netsocket_connect_retries_total",
    "Attempts on another backend after a failed one.",
);
/// Last resorts.
pub const LAST_RESORTS: Family = counter(
    "netsocket_last_resort_sessions_total",
    "Sessions for which no usable backend could be had, tried on those that are down or ejected: served, or refused after all.",
);
/// Accept errors.
pub const ACCEPT_ERRORS: Family = counter(
    "netsocket_accept_errors_total",
    "Connections that the system could not hand over.",
);
/// Resources that ran out.
pub const SHORTAGES: Family = counter(
    "netsocket_resource_shortages_total",
    "How often the system had none left of a resource, by resource.",
);
/// Whether a pool uses unhealthy backends.
pub const POOL_FAIL_OPEN: Family = gauge(
    "netsocket_pool_fail_open",
    "1 while no backend of the pool is healthy and all in service are used.",
);
/// Refused clients.
pub const REFUSED: Family = counter(
    "netsocket_refused_total",
    "Clients that were not let in, by reason.",
);
/// Clients in the queue.
pub const QUEUED: Family = gauge(
    "netsocket_queued",
    "Clients that wait for a place at a backend.",
);
/// How many may wait.
pub const QUEUE_LIMIT: Family = gauge("netsocket_queue_limit", "Clients that may wait at a time.");
/// Lines of the access log.
pub const ACCESS_LOG_LINES: Family = counter(
    "netsocket_access_log_lines_total",
    "Lines of the access log: written, dropped for want of room, or not taken by its target.",
);
/// Backends that have left.
pub const POOL_LEAVING: Family = gauge(
    "netsocket_pool_leaving_backends",
    "Backends that the pool does not have any more, but which still have sessions.",
);
/// Their sessions.
pub const POOL_LEAVING_SESSIONS: Family = gauge(
    "netsocket_pool_leaving_sessions_active",
    "Sessions of backends that the pool does not have any more.",
);
/// Members of a group.
pub const DISCOVERY_MEMBERS: Family = gauge(
    "netsocket_discovery_members",
    "Backends that were found behind the name of the group.",
);
/// Age of what is known about a group.
pub const DISCOVERY_AGE: Family = gauge(
    "netsocket_discovery_age_seconds",
    "Seconds since DNS named servers of the group; since the start, where it never has.",
);
/// Questions in vain.
pub const DISCOVERY_FAILURES: Family = gauge(
    "netsocket_discovery_failures",
    "How often in a row there was no answer about the group.",
);
/// Questions.
pub const DISCOVERY_QUESTIONS: Family = counter(
    "netsocket_discovery_questions_total",
    "Questions about the group, by what came of them.",
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
    "How often the backend came into a state, by the reason.",
);
/// Weight of a backend.
pub const BACKEND_WEIGHT: Family = gauge(
    "netsocket_backend_weight",
    "The weight that counts now: 0 while it takes no sessions, less than what is set in a slow start.",
);
/// Open sessions of a backend.
pub const BACKEND_ACTIVE: Family = gauge(
    "netsocket_backend_sessions_active",
    "Sessions that the backend has now.",
);
/// Sessions of a backend that are over.
pub const BACKEND_SESSIONS: Family = counter(
    "netsocket_backend_sessions_total",
    "Sessions of the backend that are over.",
);
/// Errors of a backend.
pub const BACKEND_ERRORS: Family = counter(
    "netsocket_backend_errors_total",
    "Failed connects to the backend, and sessions that it broke or left waiting.",
);
/// Bytes of a backend.
pub const BACKEND_BYTES: Family = counter(
    "netsocket_backend_bytes_total",
    "Bytes relayed in sessions of the backend that are over.",
);
/// Latest connect of a backend.
pub const BACKEND_CONNECT: Family = gauge(
    "netsocket_backend_connect_seconds",
    "How long the latest connect of a session took.",
);
/// All connects of a backend.
pub const BACKEND_CONNECTS: Family = histogram(
    "netsocket_backend_connect_duration_seconds",
    "How long connects of sessions took.",
);
/// Checks of a backend.
pub const BACKEND_CHECKS: Family = counter(
    "netsocket_backend_checks_total",
    "Health checks of the backend, by result.",
);
/// Changes through the admin HTTP.
pub const ADMIN_CHANGES: Family = counter(
    "netsocket_admin_changes_total",
    "Changes asked for through the admin HTTP: done, wrong (nothing was changed), or denied.",
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
/// Telemetry records given up.
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
    REFUSED,
    QUEUED,
    QUEUE_LIMIT,
    ACCESS_LOG_LINES,
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
    BACKEND_CHECKS,
    ADMIN_CHANGES,
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
