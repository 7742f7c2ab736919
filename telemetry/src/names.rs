//! Every name that leaves the process: topic, measurements, tags, fields, metrics, environment variables. Writers,
//! readers, dashboards and docs use these constants, and tests compare them with the files that cannot.
//!
//! [`crate::schema`] says of each field what it holds.
//!
//! # Examples
//!
//! ```
//! use netsocket_telemetry::names::{MEASUREMENT_SYSTEM, field, tag};
//!
//! let flux = format!(
//!     "from(bucket: \"root\") |> range(start: -5m) \
//!      |> filter(fn: (r) => r._measurement == \"{MEASUREMENT_SYSTEM}\" and r._field == \"{}\") \
//!      |> group(columns: [\"{}\"])",
//!     field::CPU_PERCENT,
//!     tag::INSTANCE,
//! );
//! assert!(flux.contains(r#"r._measurement == "system_stats" and r._field == "cpu_percent""#));
//! ```

/// The Kafka topic that balancer and file servers write their records to.
pub const TOPIC: &str = "system_stats";

/// The InfluxDB measurement with one point a record.
pub const MEASUREMENT_SYSTEM: &str = "system_stats";

/// The InfluxDB measurement with one point a record and backend.
pub const MEASUREMENT_BACKEND: &str = "backend_stats";

/// The InfluxDB measurement with one point a record and service of a balancer.
pub const MEASUREMENT_SERVICE: &str = "service_stats";

/// The InfluxDB measurement with one point a record and command of a file server.
pub const MEASUREMENT_COMMAND: &str = "command_stats";

/// The InfluxDB measurement with one point an event, for annotations.
pub const MEASUREMENT_EVENT: &str = "events";

/// The InfluxDB measurement in which a collector tells of itself.
pub const MEASUREMENT_COLLECTOR: &str = "collector_stats";

/// The InfluxDB measurement in which collectors keep their places.
pub const MEASUREMENT_POSITION: &str = "collector_position";

/// The environment variable that holds the Kafka brokers of any program.
pub const ENV_KAFKA: &str = "NETSOCKET_KAFKA";

/// The environment variable that holds the API token of InfluxDB, as in the original system.
pub const ENV_INFLUXDB_TOKEN: &str = "INFLUXDB_TOKEN";

/// The host of a record that names none, as those of the original producer do.
pub const UNKNOWN_HOST: &str = "unknown";

/// The backends whose sessions have a field of their own in every balancer record.
pub mod backend {
    /// The original server.
    pub const SERVER: &str = "server";
    /// The first mirror.
    pub const MIRROR1: &str = "mirror1";
    /// The second mirror.
    pub const MIRROR2: &str = "mirror2";
}

/// InfluxDB tags.
pub mod tag {
    /// The machine that measured.
    pub const HOST: &str = "host";
    /// What the process is: `balancer` or `fileserver`.
    pub const ROLE: &str = "role";
    /// The process among those of its role.
    pub const INSTANCE: &str = "instance";
    /// The backend that a point of [`super::MEASUREMENT_BACKEND`] or [`super::MEASUREMENT_EVENT`] is about.
    pub const BACKEND: &str = "backend";
    /// The service that a point of [`super::MEASUREMENT_SERVICE`] is about.
    pub const SERVICE: &str = "service";
    /// The command that a point of [`super::MEASUREMENT_COMMAND`] is about.
    pub const COMMAND: &str = "command";
    /// What happened, in [`super::MEASUREMENT_EVENT`].
    pub const EVENT: &str = "event";
    /// The Kafka topic of a [`super::MEASUREMENT_POSITION`] or a [`super::MEASUREMENT_COLLECTOR`].
    pub const TOPIC: &str = "topic";
    /// The Kafka partition of a [`super::MEASUREMENT_POSITION`].
    pub const PARTITION: &str = "partition";
}

/// InfluxDB fields. A field keeps its type for ever: InfluxDB refuses points that change it. Most have the same name in a
/// record's JSON.
pub mod field {
    /// Busy share of the CPU that this process may use.
    pub const CPU_PERCENT: &str = "cpu_percent";
    /// Used share of the memory that this process may use.
    pub const MEMORY_PERCENT: &str = "memory_percent";
    /// Sessions since the start.
    pub const CLIENT_COUNT: &str = "client_count";
    /// Open sessions on backend `server`.
    pub const SERVER_ACTIVE_CLIENTS: &str = "server_active_clients";
    /// Open sessions on backend `mirror1`.
    pub const MIRROR1_ACTIVE_CLIENTS: &str = "mirror1_active_clients";
    /// Open sessions on backend `mirror2`.
    pub const MIRROR2_ACTIVE_CLIENTS: &str = "mirror2_active_clients";
    /// Open sessions.
    pub const ACTIVE_CLIENTS: &str = "active_clients";
    /// How many sessions may be open.
    pub const SESSION_LIMIT: &str = "session_limit";
    /// How long after its second a record was made.
    pub const LATE_MS: &str = "late_ms";
    /// Seconds without a record before this one.
    pub const MISSED_TICKS: &str = "missed_ticks";
    /// CPU cores that this process may use.
    pub const CORES: &str = "cores";
    /// Runnable threads, average of a minute.
    pub const LOAD1: &str = "load1";
    /// Runnable threads, average of five minutes.
    pub const LOAD5: &str = "load5";
    /// Runnable threads, average of fifteen minutes.
    pub const LOAD15: &str = "load15";
    /// Memory in use.
    pub const MEMORY_USED_BYTES: &str = "memory_used_bytes";
    /// Memory that there is, or that the control group allows.
    pub const MEMORY_TOTAL_BYTES: &str = "memory_total_bytes";
    /// Bytes received by all network interfaces but loopback.
    pub const NET_RX_BYTES: &str = "net_rx_bytes";
    /// Bytes sent by all network interfaces but loopback.
    pub const NET_TX_BYTES: &str = "net_tx_bytes";
    /// CPU of this process, of one core.
    pub const PROCESS_CPU_PERCENT: &str = "process_cpu_percent";
    /// Resident memory of this process.
    pub const PROCESS_MEMORY_BYTES: &str = "process_memory_bytes";
    /// Open descriptors of this process.
    pub const PROCESS_OPEN_FILES: &str = "process_open_files";
    /// Records that Kafka has acknowledged.
    pub const TELEMETRY_SENT: &str = "telemetry_sent";
    /// Records that were given up.
    pub const TELEMETRY_DROPPED: &str = "telemetry_dropped";
    /// Log lines that could not be written.
    pub const LOG_LINES_DROPPED: &str = "log_lines_dropped";
    /// Bytes from clients to a backend, or to all.
    pub const BYTES_UP: &str = "bytes_up";
    /// Bytes from a backend, or from all, to clients.
    pub const BYTES_DOWN: &str = "bytes_down";
    /// Connects to another backend after one had failed.
    pub const RETRIES: &str = "retries";
    /// Failed accepts.
    pub const ACCEPT_ERRORS: &str = "accept_errors";
    /// Clients that were not let in.
    pub const REFUSED: &str = "refused";
    /// Clients that wait for a place at a backend.
    pub const QUEUED: &str = "queued";
    /// How many may wait.
    pub const QUEUE_LIMIT: &str = "queue_limit";
    /// Backends that take new sessions.
    pub const BACKENDS_UP: &str = "backends_up";
    /// Bytes that a file server has sent to clients.
    pub const BYTES_SENT: &str = "bytes_sent";
    /// Archives that a file server has begun.
    pub const ARCHIVES: &str = "archives";
    /// Requests that a file server has refused or failed.
    pub const REQUEST_ERRORS: &str = "request_errors";
    /// How long the requests of a file server took, all together.
    pub const REQUEST_MS: &str = "request_ms";
    /// Files and directories in a file server's index.
    pub const INDEX_ENTRIES: &str = "index_entries";
    /// 1 while a backend is up, else 0.
    pub const UP: &str = "up";
    /// 1 while a backend is out although nobody wants it to be, else 0.
    pub const DOWN: &str = "down";
    /// Open sessions on a backend.
    pub const ACTIVE: &str = "active";
    /// Sessions on a backend.
    pub const TOTAL: &str = "total";
    /// Failed connects and broken sessions.
    pub const ERRORS: &str = "errors";
    /// What the last connect took.
    pub const CONNECT_MS: &str = "connect_ms";
    /// Requests of one command.
    pub const REQUESTS: &str = "requests";
    /// What happened, for people.
    pub const TEXT: &str = "text";
    /// Messages in Kafka that a collector has not stored.
    pub const LAG: &str = "lag";
    /// Records that a collector has stored.
    pub const RECORDS: &str = "records";
    /// Messages that were no records.
    pub const BAD: &str = "bad";
    /// 1 while a collector can read Kafka, else 0.
    pub const KAFKA_UP: &str = "kafka_up";
    /// The next offset to be read.
    pub const NEXT_OFFSET: &str = "next_offset";
}

/// Prometheus metrics.
pub mod metric {
    /// Gauge: 1 while the producer holds a connection to Kafka, else 0.
    pub const PRODUCER_CONNECTED: &str = "netsocket_telemetry_connected";
    /// Gauge: records that are queued or in flight.
    pub const PRODUCER_QUEUED: &str = "netsocket_telemetry_queued";
    /// Counter: records that Kafka has acknowledged.
    pub const PRODUCER_SENT: &str = "netsocket_telemetry_sent_total";
    /// Counter: records that were dropped.
    pub const PRODUCER_DROPPED: &str = "netsocket_telemetry_dropped_total";

    /// Counter: records whose points InfluxDB has accepted.
    pub const COLLECTOR_RECORDS: &str = "netsocket_collector_records_total";
    /// Counter: points that InfluxDB has accepted.
    pub const COLLECTOR_POINTS: &str = "netsocket_collector_points_total";
    /// Counter by `kind`: messages that were not valid records.
    pub const COLLECTOR_BAD: &str = "netsocket_collector_bad_total";
    /// Counter: points that InfluxDB will never accept.
    pub const COLLECTOR_REFUSED: &str = "netsocket_collector_refused_total";
    /// Counter: offsets that were gone before they were read.
    pub const COLLECTOR_MISSED: &str = "netsocket_collector_missed_total";
    /// Counter: partitions that had become shorter than what was read of them.
    pub const COLLECTOR_REWOUND: &str = "netsocket_collector_rewound_total";
    /// Counter: messages of transactions that were aborted.
    pub const COLLECTOR_ABORTED: &str = "netsocket_collector_aborted_total";
    /// Counter: fields of records that this version does not know.
    pub const COLLECTOR_UNKNOWN_FIELDS: &str = "netsocket_collector_unknown_fields_total";
    /// Counter by `result`: writes to InfluxDB.
    pub const COLLECTOR_WRITES: &str = "netsocket_collector_writes_total";
    /// Counter by `task`: panics of long-lived tasks, which are started again.
    pub const COLLECTOR_TASK_PANICS: &str = "netsocket_collector_task_panics_total";
    /// Counter: log lines that could not be written.
    pub const COLLECTOR_LOG_LINES_DROPPED: &str = "netsocket_collector_log_lines_dropped_total";
    /// Gauge by `partition`: messages that are not stored yet.
    pub const COLLECTOR_LAG: &str = "netsocket_collector_lag";
    /// Gauge by `partition`: messages that wait for the end of another program's transaction.
    pub const COLLECTOR_UNCOMMITTED: &str = "netsocket_collector_uncommitted";
    /// Gauge by `partition`: the next offset to be read.
    pub const COLLECTOR_OFFSET: &str = "netsocket_collector_next_offset";
    /// Gauge: 1 while Kafka can be read, else 0.
    pub const COLLECTOR_KAFKA_UP: &str = "netsocket_collector_kafka_up";
    /// Gauge: 1 while InfluxDB takes points, else 0.
    pub const COLLECTOR_INFLUX_UP: &str = "netsocket_collector_influxdb_up";
}
