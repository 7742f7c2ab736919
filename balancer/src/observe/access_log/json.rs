//! JSON, one object a line.

use std::fmt::Write as _;
use std::net::IpAddr;

use netsocket_settings::AdminAddress;
use serde::{Serialize, Serializer};

use super::date::{Dates, JSON_DATE, Zone};
use super::line::{Failure, Line};
use crate::observe::units::in_millis;

#[derive(Debug)]
pub(super) struct JsonForm {
    dates: Dates,
    time: String,
}

/// The fields, in the order of the output. Times are milliseconds, with microseconds behind the point.
#[derive(Serialize)]
struct Fields<'a> {
    time: &'a str,
    client_ip: IpAddr,
    client_port: u16,
    frontend: &'a str,
    pool: &'a str,
    backend: Option<&'a str>,
    #[serde(serialize_with = "as_text")]
    backend_address: Option<&'a AdminAddress>,
    queue_ms: Option<f64>,
    connect_ms: Option<f64>,
    total_ms: f64,
    bytes_up: u64,
    bytes_down: u64,
    termination: &'static str,
    process_connections: u32,
    frontend_connections: u32,
    pool_connections: u32,
    backend_connections: u32,
    retries: u32,
    queued_behind: u32,
    failures: &'a [Failure<'a>],
}

fn as_text<S: Serializer>(
    address: &Option<&AdminAddress>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => serializer.collect_str(address),
        None => serializer.serialize_none(),
    }
}

impl JsonForm {
    pub(super) fn new() -> Self {
        Self {
            dates: Dates::new(JSON_DATE, Zone::Utc),
            time: String::new(),
        }
    }

    /// Appends the line and its end.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, line: &Line<'_>) {
        let (date, ms) = self.dates.of(line.accepted);
        self.time.clear();
        // Writing to memory cannot fail, here and below.
        let _ = write!(self.time, "{date}.{ms:03}Z");
        let fields = Fields {
            time: &self.time,
            client_ip: line.client.ip(),
            client_port: line.client.port(),
            frontend: line.frontend,
            pool: line.pool,
            backend: line.backend.map(|(name, _)| name),
            backend_address: line.backend.map(|(_, address)| address),
            queue_ms: line.queue.map(in_millis),
            connect_ms: line.connect.map(in_millis),
            total_ms: in_millis(line.total),
            bytes_up: line.bytes_up,
            bytes_down: line.bytes_down,
            termination: line.termination.code(),
            process_connections: line.open.process,
            frontend_connections: line.open.frontend,
            pool_connections: line.open.pool,
            backend_connections: line.open.backend,
            retries: line.retries,
            queued_behind: line.queued_behind,
            failures: line.failures,
        };
        let _ = serde_json::to_writer(&mut *out, &fields);
        out.push(b'\n');
    }
}
