//! The fields of records and of the database: the table that `docs/telemetry.md` repeats.
//!
//! Owns the meaning, unit and type of every field. The names are in [`crate::names`].
//!
//! # Examples
//!
//! ```
//! use netsocket_telemetry::names::{MEASUREMENT_BACKEND, field, tag};
//! use netsocket_telemetry::schema::{FIELDS, FieldType, TAGS};
//!
//! let up = FIELDS
//!     .iter()
//!     .find(|spec| (spec.measurement, spec.name) == (MEASUREMENT_BACKEND, field::UP))
//!     .expect("a field");
//! assert_eq!(up.kind, FieldType::Integer);
//!
//! let (_, tags) = TAGS.iter().find(|(name, _)| *name == up.measurement).expect("its tags");
//! assert!(tags.contains(&tag::BACKEND));
//! ```

use crate::names::{
    MEASUREMENT_BACKEND, MEASUREMENT_COLLECTOR, MEASUREMENT_COMMAND, MEASUREMENT_EVENT,
    MEASUREMENT_POSITION, MEASUREMENT_SERVICE, MEASUREMENT_SYSTEM, field, tag,
};

/// The version of the record format. A reader uses what it understands of newer versions; a field never changes its
/// meaning or type, so the number grows only when a field is removed.
pub const SCHEMA_VERSION: u32 = 1;

/// The type of a field, which never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// 64-bit floating point, always finite.
    Float,
    /// 64-bit signed integer, never negative.
    Integer,
    /// Text.
    Text,
}

impl FieldType {
    /// The word for it in the documentation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Text => "string",
        }
    }
}

/// One field of one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSpec {
    /// The measurement.
    pub measurement: &'static str,
    /// The field, by which name it also stands in a record.
    pub name: &'static str,
    /// Its type.
    pub kind: FieldType,
    /// What it is, with its unit.
    pub meaning: &'static str,
}

/// The tags of each measurement; those that do not apply are left out of a point.
pub const TAGS: [(&str, &[&str]); 7] = [
    (MEASUREMENT_SYSTEM, &[tag::HOST, tag::ROLE, tag::INSTANCE]),
    (
        MEASUREMENT_BACKEND,
        &[tag::HOST, tag::ROLE, tag::INSTANCE, tag::BACKEND],
    ),
    (
        MEASUREMENT_SERVICE,
        &[tag::HOST, tag::ROLE, tag::INSTANCE, tag::SERVICE],
    ),
    (
        MEASUREMENT_COMMAND,
        &[tag::HOST, tag::ROLE, tag::INSTANCE, tag::COMMAND],
    ),
    (
        MEASUREMENT_EVENT,
        &[
            tag::HOST,
            tag::ROLE,
            tag::INSTANCE,
            tag::EVENT,
            tag::BACKEND,
        ],
    ),
    (
        MEASUREMENT_COLLECTOR,
        &[tag::HOST, tag::INSTANCE, tag::TOPIC],
    ),
    (MEASUREMENT_POSITION, &[tag::TOPIC, tag::PARTITION]),
];

const fn system(name: &'static str, kind: FieldType, meaning: &'static str) -> FieldSpec {
    spec(MEASUREMENT_SYSTEM, name, kind, meaning)
}

const fn backend(name: &'static str, kind: FieldType, meaning: &'static str) -> FieldSpec {
    spec(MEASUREMENT_BACKEND, name, kind, meaning)
}

const fn service(name: &'static str, meaning: &'static str) -> FieldSpec {
    spec(MEASUREMENT_SERVICE, name, Integer, meaning)
}

const fn collector(name: &'static str, meaning: &'static str) -> FieldSpec {
    spec(MEASUREMENT_COLLECTOR, name, Integer, meaning)
}

const fn spec(
    measurement: &'static str,
    name: &'static str,
    kind: FieldType,
    meaning: &'static str,
) -> FieldSpec {
    FieldSpec {
        measurement,
        name,
        kind,
        meaning,
    }
}

use FieldType::{Float, Integer, Text};

/// Every field. Counters run since the start of the process.
pub const FIELDS: [FieldSpec; 59] = [
    system(
        field::CPU_PERCENT,
        Float,
        "busy share of the CPU it may use, 0 to 100",
    ),
    system(
        field::MEMORY_PERCENT,
        Float,
        "used share of the memory it may use, 0 to 100",
    ),
    system(field::CLIENT_COUNT, Integer, "sessions since the start"),
    system(
        field::SERVER_ACTIVE_CLIENTS,
        Integer,
        "balancer: open sessions on backend `server`",
    ),
    system(
        field::MIRROR1_ACTIVE_CLIENTS,
        Integer,
        "balancer: open sessions on backend `mirror1`",
    ),
    system(
        field::MIRROR2_ACTIVE_CLIENTS,
        Integer,
        "balancer: open sessions on backend `mirror2`",
    ),
    system(field::ACTIVE_CLIENTS, Integer, "open sessions"),
    system(
        field::SESSION_LIMIT,
        Integer,
        "sessions that may be open at a time",
    ),
    system(
        field::LATE_MS,
        Integer,
        "milliseconds from the record's second to its making",
    ),
    system(
        field::MISSED_TICKS,
        Integer,
        "seconds without a record before this one",
    ),
    system(
        field::CORES,
        Float,
        "CPU cores it may use: the machine's, or the quota of its control group",
    ),
    system(field::LOAD1, Float, "load average of 1 minute"),
    system(field::LOAD5, Float, "load average of 5 minutes"),
    system(field::LOAD15, Float, "load average of 15 minutes"),
    system(field::MEMORY_USED_BYTES, Integer, "bytes of memory in use"),
    system(
        field::MEMORY_TOTAL_BYTES,
        Integer,
        "bytes of memory: the machine's, or the limit of its control group",
    ),
    system(
        field::NET_RX_BYTES,
        Integer,
        "bytes received by the machine's interfaces but loopback",
    ),
    system(
        field::NET_TX_BYTES,
        Integer,
        "bytes sent by the machine's interfaces but loopback",
    ),
    system(
        field::PROCESS_CPU_PERCENT,
        Float,
        "CPU of the process, 100 is one core",
    ),
    system(
        field::PROCESS_MEMORY_BYTES,
        Integer,
        "bytes of resident memory of the process",
    ),
    system(
        field::PROCESS_OPEN_FILES,
        Integer,
        "open descriptors of the process",
    ),
    system(
        field::TELEMETRY_SENT,
        Integer,
        "records that Kafka has acknowledged",
    ),
    system(
        field::TELEMETRY_DROPPED,
        Integer,
        "records that were given up",
    ),
    system(
        field::LOG_LINES_DROPPED,
        Integer,
        "log lines that could not be written",
    ),
    system(
        field::BYTES_UP,
        Integer,
        "balancer: bytes from clients to backends",
    ),
    system(
        field::BYTES_DOWN,
        Integer,
        "balancer: bytes from backends to clients",
    ),
    system(
        field::RETRIES,
        Integer,
        "balancer: connects to another backend after a failed one",
    ),
    system(field::ACCEPT_ERRORS, Integer, "balancer: failed accepts"),
    system(
        field::REFUSED,
        Integer,
        "balancer: clients that were not let in",
    ),
    system(
        field::QUEUED,
        Integer,
        "balancer: clients that wait for a place at a backend",
    ),
    system(
        field::QUEUE_LIMIT,
        Integer,
        "balancer: clients that may wait at a time",
    ),
    system(
        field::BACKENDS_UP,
        Integer,
        "balancer: backends that take new sessions",
    ),
    system(
        field::BYTES_SENT,
        Integer,
        "file server: bytes sent to clients",
    ),
    system(field::ARCHIVES, Integer, "file server: archives begun"),
    system(
        field::REQUEST_ERRORS,
        Integer,
        "file server: requests refused or failed",
    ),
    system(
        field::REQUEST_MS,
        Integer,
        "file server: milliseconds that all requests together took",
    ),
    system(
        field::INDEX_ENTRIES,
        Integer,
        "file server: files and directories in the index",
    ),
    backend(
        field::UP,
        Integer,
        "1 while the backend takes new sessions, else 0",
    ),
    backend(
        field::DOWN,
        Integer,
        "1 while it takes none although no operator wants that, else 0",
    ),
    backend(field::ACTIVE, Integer, "open sessions"),
    backend(field::TOTAL, Integer, "sessions since the start"),
    backend(
        field::ERRORS,
        Integer,
        "failed connects and broken sessions since the start",
    ),
    backend(
        field::BYTES_UP,
        Integer,
        "bytes from clients to the backend",
    ),
    backend(
        field::BYTES_DOWN,
        Integer,
        "bytes from the backend to clients",
    ),
    backend(
        field::CONNECT_MS,
        Float,
        "milliseconds that the last connect took",
    ),
    service(field::ACTIVE, "open sessions"),
    service(field::SESSION_LIMIT, "sessions that may be open at a time"),
    service(field::TOTAL, "sessions since the start"),
    service(field::BYTES_UP, "bytes from clients of the service"),
    service(field::BYTES_DOWN, "bytes to clients of the service"),
    service(field::REFUSED, "clients that were not let in"),
    service(
        field::BACKENDS_UP,
        "backends of its pools that take new sessions",
    ),
    spec(
        MEASUREMENT_COMMAND,
        field::REQUESTS,
        Integer,
        "requests of the command since the start",
    ),
    spec(
        MEASUREMENT_EVENT,
        field::TEXT,
        Text,
        "what happened and why, for people",
    ),
    collector(field::LAG, "messages in Kafka that are not stored yet"),
    collector(field::RECORDS, "records stored since the start"),
    collector(field::BAD, "messages since the start that were no records"),
    collector(field::KAFKA_UP, "1 while Kafka can be read, else 0"),
    spec(
        MEASUREMENT_POSITION,
        field::NEXT_OFFSET,
        Integer,
        "everything before this offset is stored",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::metric;

    const DOC: &str = include_str!("../../docs/telemetry.md");

    /// The cells of the table rows that begin with a code span.
    fn rows() -> Vec<Vec<String>> {
        DOC.lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| {
                let line = line.trim_matches('|');
                line.split(" | ")
                    .map(|cell| cell.trim().to_owned())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn the_documentation_has_every_field_and_no_other() {
        let documented: Vec<_> = rows().into_iter().filter(|row| row.len() == 4).collect();
        let code: Vec<_> = FIELDS
            .iter()
            .map(|spec| {
                let FieldSpec {
                    measurement,
                    name,
                    kind,
                    meaning,
                } = spec;
                [
                    format!("`{measurement}`"),
                    format!("`{name}`"),
                    kind.as_str().to_owned(),
                    (*meaning).to_owned(),
                ]
            })
            .collect();
        let wanted = code
            .iter()
            .map(|row| format!("| {} |", row.join(" | ")))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(documented, code, "the table should read:\n{wanted}");
    }

    #[test]
    fn the_documentation_has_every_tag() {
        for (measurement, tags) in TAGS {
            let list: Vec<_> = tags.iter().map(|tag| format!("`{tag}`")).collect();
            let row = vec![format!("`{measurement}`"), list.join(", ")];
            assert!(rows().contains(&row), "no row {row:?}");
        }
    }

    #[test]
    fn the_documentation_has_every_metric() {
        for name in [
            metric::PRODUCER_CONNECTED,
            metric::PRODUCER_QUEUED,
            metric::PRODUCER_SENT,
            metric::PRODUCER_DROPPED,
            metric::COLLECTOR_RECORDS,
            metric::COLLECTOR_POINTS,
            metric::COLLECTOR_BAD,
            metric::COLLECTOR_REFUSED,
            metric::COLLECTOR_MISSED,
            metric::COLLECTOR_REWOUND,
            metric::COLLECTOR_ABORTED,
            metric::COLLECTOR_UNKNOWN_FIELDS,
            metric::COLLECTOR_WRITES,
            metric::COLLECTOR_TASK_PANICS,
            metric::COLLECTOR_LOG_LINES_DROPPED,
            metric::COLLECTOR_LAG,
            metric::COLLECTOR_UNCOMMITTED,
            metric::COLLECTOR_OFFSET,
            metric::COLLECTOR_KAFKA_UP,
            metric::COLLECTOR_INFLUX_UP,
        ] {
            let rows = rows();
            let row = rows.iter().find(|row| {
                row.len() == 3 && row[0].trim_matches('`').split('{').next() == Some(name)
            });
            assert!(row.is_some(), "no row for {name}");
        }
    }

    #[test]
    fn a_name_stands_once_and_keeps_one_type() {
        for (index, spec) in FIELDS.iter().enumerate() {
            for other in &FIELDS[..index] {
                assert!(
                    (spec.measurement, spec.name) != (other.measurement, other.name),
                    "{spec:?}"
                );
                assert!(
                    spec.name != other.name || spec.kind == other.kind,
                    "{spec:?}"
                );
            }
            assert!(
                TAGS.iter()
                    .any(|(measurement, _)| *measurement == spec.measurement)
            );
        }
    }
}
