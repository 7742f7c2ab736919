//! The collector's HTTP server: `/metrics` for Prometheus, `/healthz` for health checks.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::Listener;
use netsocket_settings::{Supervisor, dropped_lines};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::reader::Collector;
use super::status::{Health, Standing, Totals};
use crate::names::metric;

/// After a failed accept, which descriptors that run out make fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The server, and what it serves.
pub(super) struct Admin {
    listener: SharedListener,
    source: Source,
}

/// What the pages are made from.
#[derive(Clone)]
struct Source {
    collector: Arc<Collector>,
    supervisor: Supervisor,
}

impl Admin {
    /// On a listener that is already bound.
    pub(super) fn new(
        listener: TcpListener,
        collector: Arc<Collector>,
        supervisor: Supervisor,
    ) -> Self {
        Self {
            listener: SharedListener(Arc::new(listener)),
            source: Source {
                collector,
                supervisor,
            },
        }
    }

    /// Serves until it is dropped.
    pub(super) async fn serve(&self) {
        let routes = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .with_state(self.source.clone());
        // Ends only with its listener, which does not end.
        let _ = axum::serve(self.listener.clone(), routes).await;
    }
}

/// Serving may start again on the same listener.
#[derive(Clone)]
struct SharedListener(Arc<TcpListener>);

impl Listener for SharedListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection for metrics");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

async fn metrics(State(source): State<Source>) -> impl IntoResponse {
    let status = source.collector.status();
    let process = Process {
        task_panics: source.supervisor.panics(),
        log_lines_dropped: dropped_lines(),
    };
    let page = page(&status.totals(), &status.health(Instant::now()), &process);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        page,
    )
}

/// What the process counts besides its work.
#[derive(Debug, Default)]
struct Process {
    task_panics: Vec<(&'static str, u64)>,
    log_lines_dropped: u64,
}

/// 200 while reads and writes work or have failed only briefly; otherwise 503 with the reason.
async fn healthz(State(source): State<Source>) -> impl IntoResponse {
    let mut health = source.collector.status().health(Instant::now());
    health.trouble = source.supervisor.trouble(&[]).or(health.trouble);
    let status = match health.trouble {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let partition = |standing: &Standing| json!({"partition": standing.partition, "next_offset": standing.next, "lag": standing.lag, "uncommitted": standing.uncommitted});
    let body = json!({
        "status": if health.trouble.is_none() { "ok" } else { "failing" },
        "reason": health.trouble,
        "kafka_up": health.kafka_up,
        "influxdb_up": health.influx_up,
        "lag": health.lag(),
        "partitions": health.partitions.iter().map(partition).collect::<Vec<_>>(),
    });
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
}

/// The text format of Prometheus.
fn page(totals: &Totals, health: &Health, process: &Process) -> String {
    let mut page = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(page, "{name}{labels} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value)];
    let labelled = |label: &str, value: &dyn std::fmt::Display| format!("{{{label}=\"{value}\"}}");
    let of_partitions = |value: fn(&Standing) -> u64| {
        let sample = |standing| {
            (
                labelled("partition", &standing_index(standing)),
                value(standing),
            )
        };
        health.partitions.iter().map(sample).collect::<Vec<_>>()
    };
    let bad = totals.bad.iter();
    let bad: Vec<_> = bad.map(|(kind, n)| (labelled("kind", kind), *n)).collect();
    let panics = process.task_panics.iter();
    let panics: Vec<_> = panics
        .map(|(task, n)| (labelled("task", task), *n))
        .collect();
    let writes = [
        (labelled("result", &"ok"), totals.writes_ok),
        (labelled("result", &"failed"), totals.writes_failed),
    ];
    for (name, help, samples) in [
        (
            metric::COLLECTOR_RECORDS,
            "Records stored in InfluxDB.",
            one(totals.records),
        ),
        (
            metric::COLLECTOR_POINTS,
            "Points stored in InfluxDB.",
            one(totals.points),
        ),
        (
            metric::COLLECTOR_BAD,
            "Messages that were not valid records, by kind.",
            bad,
        ),
        (
            metric::COLLECTOR_REFUSED,
            "Points that InfluxDB rejected for good.",
            one(totals.refused),
        ),
        (
            metric::COLLECTOR_MISSED,
            "Offsets that Kafka had deleted before they were read.",
            one(totals.missed),
        ),
        (
            metric::COLLECTOR_REWOUND,
            "Partitions that had become shorter than what was read of them.",
            one(totals.rewound),
        ),
        (
            metric::COLLECTOR_ABORTED,
            "Messages of aborted transactions, which are not stored.",
            one(totals.aborted),
        ),
        (
            metric::COLLECTOR_UNKNOWN_FIELDS,
            "Record fields unknown to this version.",
            one(totals.unknown_fields),
        ),
        (
            metric::COLLECTOR_WRITES,
            "Writes to InfluxDB, by result.",
            writes.to_vec(),
        ),
        (
            metric::COLLECTOR_TASK_PANICS,
            "Panics of long-lived tasks, which are started again, by task.",
            panics,
        ),
        (
            metric::COLLECTOR_LOG_LINES_DROPPED,
            "Log lines that could not be written.",
            one(process.log_lines_dropped),
        ),
    ] {
        family(name, "counter", help, &samples);
    }
    for (name, help, samples) in [
        (
            metric::COLLECTOR_LAG,
            "Messages not stored yet, by partition.",
            of_partitions(|standing| standing.lag),
        ),
        (
            metric::COLLECTOR_UNCOMMITTED,
            "Messages that wait for the end of a transaction, by partition.",
            of_partitions(|standing| standing.uncommitted),
        ),
        (
            metric::COLLECTOR_OFFSET,
            "Next offset to read, by partition.",
            of_partitions(|standing| u64::try_from(standing.next).unwrap_or_default()),
        ),
        (
            metric::COLLECTOR_KAFKA_UP,
            "1 while Kafka can be read, else 0.",
            one(health.kafka_up.into()),
        ),
        (
            metric::COLLECTOR_INFLUX_UP,
            "1 while InfluxDB accepts points, else 0.",
            one(health.influx_up.into()),
        ),
    ] {
        family(name, "gauge", help, &samples);
    }
    page
}

fn standing_index(standing: &Standing) -> i32 {
    standing.partition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_prometheus_reads() {
        let totals = Totals {
            records: 7,
            bad: vec![("empty", 1), ("not_json", 2)],
            ..Totals::default()
        };
        let health = Health {
            partitions: vec![Standing {
                partition: 2,
                next: 10,
                lag: 3,
                uncommitted: 2,
            }],
            kafka_up: true,
            influx_up: false,
            trouble: None,
        };
        let process = Process {
            task_panics: vec![("reader", 2)],
            log_lines_dropped: 5,
        };
        let page = page(&totals, &health, &process);
        for line in [
            "# TYPE netsocket_collector_records_total counter",
            "netsocket_collector_records_total 7",
            "netsocket_collector_bad_total{kind=\"not_json\"} 2",
            "netsocket_collector_writes_total{result=\"failed\"} 0",
            "netsocket_collector_lag{partition=\"2\"} 3",
            "netsocket_collector_uncommitted{partition=\"2\"} 2",
            "netsocket_collector_next_offset{partition=\"2\"} 10",
            "# TYPE netsocket_collector_influxdb_up gauge",
            "netsocket_collector_task_panics_total{task=\"reader\"} 2",
            "netsocket_collector_log_lines_dropped_total 5",
            "netsocket_collector_kafka_up 1",
            "netsocket_collector_influxdb_up 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
