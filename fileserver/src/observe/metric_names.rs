//! The metrics of the file server: each name with its type and help text.

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only increases.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Family {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its type.
    pub(crate) kind: Kind,
    /// What it says.
    pub(crate) help: &'static str,
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

/// The label with the program's version.
pub(crate) const LABEL_VERSION: &str = "version";
/// The label with the command of a request.
pub(crate) const LABEL_COMMAND: &str = "command";
/// The label with the result of a request: `ok`, or the label of its error.
pub(crate) const LABEL_RESULT: &str = "result";
/// The label with the wire of a request.
pub(crate) const LABEL_WIRE: &str = "wire";
/// The label with the status of an answer over HTTP; empty on the other wires.
pub(crate) const LABEL_STATUS: &str = "status";
/// The label with the reason why a connection was closed or a client refused.
pub(crate) const LABEL_REASON: &str = "reason";
/// The label with the name of a long-lived task.
pub(crate) const LABEL_TASK: &str = "task";
/// The label with `index` or `walk`.
pub(crate) const LABEL_SOURCE: &str = "source";
/// The label with `surveying`, `index` or `walking`.
pub(crate) const LABEL_MODE: &str = "mode";
/// The label with the cause of a scan.
pub(crate) const LABEL_CAUSE: &str = "cause";

/// The program.
pub(crate) const BUILD_INFO: Family = gauge(
    "netsocket_build_info",
    "Always 1; the label holds the version.",
);
/// Age of the process.
pub(crate) const UPTIME: Family = gauge("netsocket_uptime_seconds", "Seconds since the start.");
/// Whether it is stopping.
pub(crate) const DRAINING: Family = gauge(
    "netsocket_draining",
    "1 while the server is stopping and accepts nothing new.",
);
/// Open sessions.
pub(crate) const SESSIONS_ACTIVE: Family =
    gauge("netsocket_fileserver_sessions_active", "Open sessions.");
/// How many may be open.
pub(crate) const SESSIONS_LIMIT: Family = gauge(
    "netsocket_fileserver_sessions_limit",
    "Limit on open sessions.",
);
/// Sessions since the start.
pub(crate) const SESSIONS: Family = counter(
    "netsocket_fileserver_sessions_total",
    "Sessions since the start, including open ones.",
);
/// Connections without a PROXY header.
pub(crate) const PROXY_FAULTS: Family = counter(
    "netsocket_fileserver_proxy_faults_total",
    "Connections closed for lack of a valid PROXY header, by reason.",
);
/// Connections without TLS, where that is spoken.
pub(crate) const TLS_FAULTS: Family = counter(
    "netsocket_fileserver_tls_faults_total",
    "Connections closed because the TLS handshake failed, by reason.",
);
/// Clients without a token, where one is wanted.
pub(crate) const TOKEN_REFUSALS: Family = counter(
    "netsocket_fileserver_token_refusals_total",
    "Clients refused for lack of a valid token, by reason.",
);
/// The end of our certificate.
pub(crate) const CERTIFICATE_EXPIRY: Family = gauge(
    "netsocket_fileserver_certificate_expiry_timestamp_seconds",
    "When the certificate expires, in seconds since 1970; absent without TLS.",
);
/// Reloads of the credentials.
pub(crate) const RELOADS: Family = counter(
    "netsocket_fileserver_reloads_total",
    "Reloads of certificates and tokens, by result.",
);
/// Whether the latest reload went well.
pub(crate) const RELOAD_SUCCESS: Family = gauge(
    "netsocket_fileserver_reload_success",
    "0 if the latest reload was refused, else 1.",
);
/// Requests.
pub(crate) const REQUESTS: Family = counter(
    "netsocket_fileserver_requests_total",
    "Finished requests, by command and result.",
);
/// Time of requests.
pub(crate) const REQUEST_SECONDS: Family = counter(
    "netsocket_fileserver_request_seconds_total",
    "Seconds from the arrival of requests to the last byte of their answers.",
);
/// Bytes of answers.
pub(crate) const SENT_BYTES: Family = counter(
    "netsocket_fileserver_sent_bytes_total",
    "Bytes sent in answers to finished requests.",
);
/// Files of answers.
pub(crate) const FILES: Family = counter(
    "netsocket_fileserver_files_total",
    "Files and directories listed or archived in answers.",
);
/// Requests by wire.
pub(crate) const WIRE_REQUESTS: Family = counter(
    "netsocket_fileserver_wire_requests_total",
    "Finished requests by wire (old, new, http), and over HTTP by the status of the answer.",
);
/// Archives under way.
pub(crate) const ARCHIVES_ACTIVE: Family = gauge(
    "netsocket_fileserver_archives_active",
    "Archives in progress.",
);
/// Where answers came from.
pub(crate) const ANSWERS: Family = counter(
    "netsocket_fileserver_answers_total",
    "Lookups answered from the index or by walking the tree.",
);
/// Where answers come from now.
pub(crate) const INDEX_MODE: Family = gauge(
    "netsocket_fileserver_index_mode",
    "1 for the current mode; in every mode but index, requests walk the tree.",
);
/// Files in the index.
pub(crate) const INDEX_FILES: Family = gauge(
    "netsocket_fileserver_index_files",
    "Files in the index; during the scan, those found so far.",
);
/// Directories in the index.
pub(crate) const INDEX_DIRECTORIES: Family = gauge(
    "netsocket_fileserver_index_directories",
    "Directories in the index, including the root.",
);
/// Directories that cannot be read.
pub(crate) const INDEX_UNREADABLE: Family = gauge(
    "netsocket_fileserver_index_unreadable_directories",
    "Directories that the server cannot read.",
);
/// Memory of the index.
pub(crate) const INDEX_BYTES: Family = gauge(
    "netsocket_fileserver_index_bytes",
    "Memory of the index in bytes, including names.",
);
/// Memory of names.
pub(crate) const INDEX_NAME_BYTES: Family = gauge(
    "netsocket_fileserver_index_name_bytes",
    "Memory of names and paths in the index in bytes.",
);
/// Watched directories.
pub(crate) const INDEX_WATCHES: Family = gauge(
    "netsocket_fileserver_index_watches",
    "Directories watched with inotify.",
);
/// Lag of the index.
pub(crate) const INDEX_LAG: Family = gauge(
    "netsocket_fileserver_index_lag_seconds",
    "Age of the oldest reported change that is not in the index yet; 0 if there is none.",
);
/// Reports of the system.
pub(crate) const INDEX_REPORTS: Family = counter(
    "netsocket_fileserver_index_reports_total",
    "inotify events read.",
);
/// Batches.
pub(crate) const INDEX_BATCHES: Family = counter(
    "netsocket_fileserver_index_batches_total",
    "Batches of reported changes applied.",
);
/// Surveys.
pub(crate) const INDEX_SURVEYS: Family = counter(
    "netsocket_fileserver_index_surveys_total",
    "Scans of the whole tree, by cause.",
);
/// Whether the root is another.
pub(crate) const ROOT_REPLACED: Family = gauge(
    "netsocket_fileserver_root_replaced",
    "1 while the path of the root is gone or leads to another directory.",
);

/// Panics of long-lived tasks.
pub(crate) const TASK_PANICS: Family = counter(
    "netsocket_fileserver_task_panics_total",
    "Panics of long-lived tasks, which are started again, by task.",
);
/// Lines of the log.
pub(crate) const LOG_LINES_DROPPED: Family = counter(
    "netsocket_fileserver_log_lines_dropped_total",
    "Log lines that could not be written.",
);

/// Every metric, in the order of the output.
#[cfg(test)]
pub(crate) const ALL: &[Family] = &[
    BUILD_INFO,
    UPTIME,
    DRAINING,
    SESSIONS_ACTIVE,
    SESSIONS_LIMIT,
    SESSIONS,
    PROXY_FAULTS,
    TLS_FAULTS,
    TOKEN_REFUSALS,
    CERTIFICATE_EXPIRY,
    RELOADS,
    RELOAD_SUCCESS,
    REQUESTS,
    REQUEST_SECONDS,
    SENT_BYTES,
    FILES,
    WIRE_REQUESTS,
    ARCHIVES_ACTIVE,
    ANSWERS,
    INDEX_MODE,
    INDEX_FILES,
    INDEX_DIRECTORIES,
    INDEX_UNREADABLE,
    INDEX_BYTES,
    INDEX_NAME_BYTES,
    INDEX_WATCHES,
    INDEX_LAG,
    INDEX_REPORTS,
    INDEX_BATCHES,
    INDEX_SURVEYS,
    ROOT_REPLACED,
    TASK_PANICS,
    LOG_LINES_DROPPED,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PAGE: &str = include_str!("../../../docs/metrics/fileserver.md");

    #[test]
    fn names_are_distinct_and_formed_as_prometheus_asks() {
        let names: BTreeSet<&str> = ALL.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), ALL.len());
        for family in ALL {
            let is_plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
            assert!(family.name.starts_with("netsocket_") && family.name.bytes().all(is_plain));
            let is_counter = family.kind == Kind::Counter;
            assert_eq!(
                family.name.ends_with("_total"),
                is_counter,
                "{}",
                family.name
            );
        }
    }

    #[test]
    fn the_page_has_each_metric_and_no_other() {
        let rows: Vec<&str> = PAGE
            .lines()
            .filter(|line| line.starts_with("| `netsocket_"))
            .collect();
        let expected: Vec<String> = ALL
            .iter()
            .map(|family| {
                let kind = match family.kind {
                    Kind::Counter => "counter",
                    Kind::Gauge => "gauge",
                };
                format!("| `{}` | {kind} | {} |", family.name, family.help)
            })
            .collect();
        assert_eq!(rows, expected);
    }
}
