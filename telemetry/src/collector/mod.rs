//! Copies records from Kafka to InfluxDB 2: the library behind the program `netsocket-collector`.
//!
//! A batch is read, then written until InfluxDB has accepted it, and only then is the next one read. While InfluxDB is down
//! nothing more is read from Kafka, which keeps it; memory stays at one batch per partition. The offset of each partition is
//! stored in the database itself (`position`), after its points; so no disk is needed and any replica can take over. The
//! collector's lag is stored there as well (`report`).
//!
//! Nothing is lost and nothing duplicated: a point carries the time of its record and the tags `host`, `role`, `instance`
//! (and `backend`, `command`, `event`), so a record that is read again overwrites its own points. For the same reason two
//! collectors of one topic do not disturb each other.
//!
//! # Examples
//!
//! ```
//! use netsocket_settings::{Flag, Layers, Supervisor};
//! use netsocket_telemetry::collector::{self, Config, Token};
//! use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An InfluxDB that never answers.
//! let silent = TcpListener::bind("127.0.0.1:0").await?;
//! let url = Flag::One(format!("http://{}", silent.local_addr()?));
//! let layers = Layers { file: None, flags: vec![("influx_url", url)] };
//! let config = Config::load(&layers, |_| None)?;
//! let token = Token::new("secret").expect("visible characters");
//!
//! let admin = TcpListener::bind("127.0.0.1:0").await?;
//! let address = admin.local_addr()?;
//! let shutdown = CancellationToken::new();
//! let stop = shutdown.clone().drop_guard();
//! let asked = async move {
//!     let _stop = stop;
//!     let mut stream = TcpStream::connect(address).await?;
//!     stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").await?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer).await?;
//!     Ok::<_, std::io::Error>(answer)
//! };
//! let run = collector::run(&config, token, admin, Supervisor::default(), shutdown);
//! let (totals, answer) = tokio::join!(run, asked);
//! // After half a minute of this it would report a failure.
//! assert!(answer?.contains(" 200 OK\r\n"));
//! assert_eq!(totals?.records, 0);
//! # Ok(())
//! # }
//! ```

mod admin;
mod cluster;
mod config;
mod influx;
mod lines;
mod partition_log;
mod partition_readers;
mod points;
mod position;
mod print;
mod reader;
mod received;
mod report;
pub mod setup;
mod status;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::Supervisor;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use config::{Config, InfluxUrl, Token, misspelt_variables};
pub use influx::{Dropped, Influx, InfluxError};
pub use partition_log::{Decoded, Fetched, LogEntry, PartitionLog};
pub use points::points;
pub use position::Positions;
pub use print::{Format, print};
pub use reader::Collector;
pub use received::{BadKind, BadRecord, Figure, Measured, Received};
pub use status::{Health, PATIENCE, Standing, Status, Totals};

use crate::backoff::{Backoff, chance};
use admin::Admin;
use cluster::Cluster;
use partition_readers::PartitionReaders;
use report::Reporter;

/// The wait after the positions could not be read for the first time.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest wait between two such attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Copies until `shutdown`, through every failure of either side, and returns what it did. `/metrics` and `/healthz` are
/// served on `admin` meanwhile. A part that panics is started again by `supervisor`.
///
/// # Errors
/// Only if the InfluxDB client cannot be created from the settings.
pub async fn run(
    config: &Config,
    token: Token,
    admin: TcpListener,
    supervisor: Supervisor,
    shutdown: CancellationToken,
) -> Result<Totals, InfluxError> {
    let influx = Influx::new(&config.influx_url, &config.org, token)?;
    let bucket = config.position_bucket.as_ref().unwrap_or(&config.bucket);
    let positions = Positions::new(&config.topic, bucket);
    let collector = Arc::new(Collector::new(influx, &config.bucket, positions));
    // Collectors on one machine differ in where they tell of themselves.
    let instance = admin
        .local_addr()
        .map_or_else(|_| config.admin.to_string(), |address| address.to_string());
    let stop_admin = CancellationToken::new();
    let _stop_admin = stop_admin.clone().drop_guard();
    tokio::spawn({
        let admin = Admin::new(admin, Arc::clone(&collector), supervisor.clone());
        let supervisor = supervisor.clone();
        async move {
            let serve = supervisor.run("admin", || admin.serve());
            stop_admin.run_until_cancelled(serve).await;
        }
    });
    let reporter = Reporter::new(&instance, &config.topic, &config.bucket);
    let reporting = tokio::spawn({
        let (collector, shutdown) = (Arc::clone(&collector), shutdown.clone());
        let supervisor = supervisor.clone();
        async move {
            let report = || reporter.run(&collector, &shutdown);
            supervisor.run("report", report).await;
        }
    });
    let load = supervisor.run("offsets", || load_positions(&collector));
    if shutdown.run_until_cancelled(load).await.is_some() {
        let readers = PartitionReaders {
            cluster: Arc::new(Cluster::new(config)),
            consumer: Arc::clone(&collector),
            supervisor: supervisor.clone(),
        };
        readers.run(&shutdown).await;
    }
    // Ends with the shutdown, which has come: the readers end for nothing else.
    let _ = reporting.await;
    Ok(collector.status().totals())
}

/// Asks the database until it has answered. If it denies access, that costs only time: everything is read again.
async fn load_positions(collector: &Collector) {
    let mut backoff = Backoff::new(BACKOFF_FIRST, BACKOFF_MAX);
    loop {
        match collector.positions().load(collector.influx()).await {
            Ok(partitions) => {
                tracing::info!(partitions, "offsets loaded");
                return;
            }
            Err(error) if error.is_denial() => {
                tracing::warn!(%error, "cannot load offsets: reading everything that Kafka has; existing points are overwritten, not duplicated");
                return;
            }
            Err(error) => {
                if collector.status().write_failed(error.to_string()) {
                    tracing::warn!(%error, "cannot load offsets from InfluxDB; retrying");
                }
            }
        }
        sleep(backoff.after_failure(chance())).await;
    }
}
