//! The program `netsocket-collector`: records from Kafka to InfluxDB 2.

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use clap::Parser;
use netsocket_settings::{Flag, Layers, Problem, Problems, init_log};
use netsocket_telemetry::collector::{self, Config, Token};
use netsocket_telemetry::names::ENV_INFLUXDB_TOKEN;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code for settings that are wrong.
const EXIT_SETTINGS: u8 = 2;

/// Reads the records of NetSocket's processes from Kafka and stores them in InfluxDB 2.
///
/// The API token of InfluxDB comes from the environment variable INFLUXDB_TOKEN or from the settings file.
#[derive(Debug, Parser)]
#[command(name = "netsocket-collector", version)]
struct Flags {
    /// Settings file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the settings and exit
    #[arg(long)]
    check_config: bool,
    /// Kafka brokers to start from, with commas between [default: 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Topic to read [default: system_stats]
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// InfluxDB's address [default: http://127.0.0.1:8086]
    #[arg(long, value_name = "URL")]
    influx_url: Option<String>,
    /// InfluxDB's organisation [default: root]
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// InfluxDB's bucket [default: root]
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
}

impl Flags {
    fn layers(&self) -> Layers<'_> {
        let given = [
            ("kafka", &self.kafka),
            ("topic", &self.topic),
            ("influx_url", &self.influx_url),
            ("org", &self.org),
            ("bucket", &self.bucket),
        ];
        let flags = given
            .into_iter()
            .filter_map(|(key, value)| Some((key, Flag::One(value.clone()?))))
            .collect();
        Layers {
            file: self.config.as_deref(),
            flags,
        }
    }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let (config, token) = match settings(&flags) {
        Ok((config, Some(token))) => (config, token),
        Ok((_, None)) => {
            println!("settings are OK");
            return ExitCode::SUCCESS;
        }
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(EXIT_SETTINGS);
        }
    };
    init_log(&config.log, config.log_format);
    match start(&config, token) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The settings, with the token that a start needs and a check does not.
fn settings(flags: &Flags) -> Result<(Config, Option<Token>), Problems> {
    let config = Config::load(&flags.layers(), |name| std::env::var(name).ok())?;
    match config.token.clone() {
        _ if flags.check_config => Ok((config, None)),
        Some(token) => Ok((config, Some(token))),
        None => Err(Problem {
            origin: ENV_INFLUXDB_TOKEN.to_owned(),
            key: String::new(),
            given: String::new(),
            allowed: "is not set; it holds the API token of InfluxDB".to_owned(),
        }
        .into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn start(config: &Config, token: Token) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut signalled = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let Config {
        kafka,
        topic,
        influx_url,
        org,
        bucket,
        ..
    } = config;
    tracing::info!(
        kafka = kafka.join(","),
        topic,
        influx_url = influx_url.as_str(),
        org,
        bucket,
        "collecting"
    );

    let shutdown = CancellationToken::new();
    let mut running = pin!(collector::run(config, token, shutdown.clone()));
    let totals = tokio::select! {
        totals = &mut running => totals?,
        () = signalled() => {
            shutdown.cancel();
            tokio::select! {
                totals = &mut running => totals?,
                () = signalled() => anyhow::bail!("a second signal: ended in the middle of a write"),
            }
        }
    };
    let [records, points, bad, refused, missed] = [
        &totals.records,
        &totals.points,
        &totals.bad,
        &totals.refused,
        &totals.missed,
    ]
    .map(|counter| counter.load(Ordering::Relaxed));
    tracing::info!(records, points, bad, refused, missed, "stopped");
    Ok(())
}
