//! Every name that leaves the process: topic, measurements, tags, fields, metrics, environment variables. Writers,
//! readers, dashboards and docs use these constants, and tests compare them with the files that cannot.

/// The Kafka topic that balancer and file servers write their records to.
pub const TOPIC: &str = "system_stats";

/// The InfluxDB measurement with one point a record.
pub const MEASUREMENT_SYSTEM: &str = "system_stats";

/// The InfluxDB measurement with one point a record and backend.
pub const MEASUREMENT_BACKEND: &str = "backend_stats";

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
    /// The backend that a point of [`super::MEASUREMENT_BACKEND`] is about.
    pub const BACKEND: &str = "backend";
}

/// InfluxDB fields. A field keeps its type for ever: InfluxDB refuses points that change it.
pub mod field {
    /// Float, percent of all cores.
    pub const CPU_PERCENT: &str = "cpu_percent";
    /// Float, percent of the machine's memory.
    pub const MEMORY_PERCENT: &str = "memory_percent";
    /// Integer, sessions since the start.
    pub const CLIENT_COUNT: &str = "client_count";
    /// Integer, open sessions on backend `server`.
    pub const SERVER_ACTIVE_CLIENTS: &str = "server_active_clients";
    /// Integer, open sessions on backend `mirror1`.
    pub const MIRROR1_ACTIVE_CLIENTS: &str = "mirror1_active_clients";
    /// Integer, open sessions on backend `mirror2`.
    pub const MIRROR2_ACTIVE_CLIENTS: &str = "mirror2_active_clients";
    /// Integer, open sessions.
    pub const ACTIVE_CLIENTS: &str = "active_clients";
    /// Integer, 1 while the backend is up, else 0.
    pub const UP: &str = "up";
    /// Integer, open sessions on the backend.
    pub const ACTIVE: &str = "active";
    /// Integer, sessions on the backend since the start.
    pub const TOTAL: &str = "total";
    /// Integer, failed connects and broken sessions since the start.
    pub const ERRORS: &str = "errors";
    /// Integer, bytes from clients to the backend since the start.
    pub const BYTES_UP: &str = "bytes_up";
    /// Integer, bytes from the backend to clients since the start.
    pub const BYTES_DOWN: &str = "bytes_down";
    /// Float, milliseconds that the last connect took.
    pub const CONNECT_MS: &str = "connect_ms";
}

/// Prometheus metrics of a [`crate::Producer`], for every process that has one.
pub mod metric {
    /// Gauge: 1 while the producer holds a connection to Kafka, else 0.
    pub const PRODUCER_CONNECTED: &str = "netsocket_telemetry_connected";
    /// Gauge: records that wait or are on their way.
    pub const PRODUCER_QUEUED: &str = "netsocket_telemetry_queued";
    /// Counter: records that Kafka has acknowledged.
    pub const PRODUCER_SENT: &str = "netsocket_telemetry_sent_total";
    /// Counter: records that were given up.
    pub const PRODUCER_DROPPED: &str = "netsocket_telemetry_dropped_total";
}
