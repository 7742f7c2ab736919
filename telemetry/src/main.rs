//! The program `netsocket-collector`: copies records from Kafka to InfluxDB 2.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use netsocket_settings::{
    AdminTarget, COLLECTOR, CommonCommand, Flag, Layers, Problem, Problems, StopSignals,
    Supervisor, init_log, parse_duration, report_config, unresolved, with_equals_tip, with_key_tip,
};
use netsocket_telemetry::collector::setup::{ENV_ADMIN_TOKEN, ENV_PASSWORD, Plan, setup};
use netsocket_telemetry::collector::{self, Config, Format, Token};
use netsocket_telemetry::names::ENV_INFLUXDB_TOKEN;
use tokio_util::sync::CancellationToken;

const NAME: &str = "netsocket-collector";
/// The exit code for invalid settings.
const EXIT_SETTINGS: u8 = 2;

/// Stores the records of NetSocket's processes from Kafka in InfluxDB 2.
///
/// The API token is in the variable INFLUXDB_TOKEN or in the settings file.
#[derive(Debug, Parser)]
#[command(name = "netsocket-collector", version)]
struct Flags {
    /// Settings file (TOML)
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Check the settings and exit
    #[arg(long)]
    check_config: bool,
    /// Kafka brokers [default: 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Topic to read [default: system_stats]
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// InfluxDB [default: http://127.0.0.1:8086]
    #[arg(long, value_name = "URL", global = true)]
    influx_url: Option<String>,
    /// InfluxDB's organisation [default: root]
    #[arg(long, value_name = "NAME", global = true)]
    org: Option<String>,
    /// InfluxDB's bucket [default: root]
    #[arg(long, value_name = "NAME", global = true)]
    bucket: Option<String>,
    /// Bucket for its offsets [default: the bucket]
    #[arg(long, value_name = "NAME", global = true)]
    position_bucket: Option<String>,
    /// Metrics and health [default: 127.0.0.1:8405]
    #[arg(long, value_name = "IP:PORT", global = true)]
    admin: Option<String>,
    /// Print new records instead of storing them
    ///
    /// As text on a terminal, otherwise as the original JSON; or as you say.
    #[arg(
        long,
        value_name = "text|json",
        num_args = 0..=1,
        require_equals = true,
        value_enum,
        hide_possible_values = true
    )]
    stdout: Option<Option<Output>>,
    /// With --stdout: start with the oldest record
    #[arg(long, requires = "stdout")]
    from_start: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up a new InfluxDB: organisation, buckets, tokens
    ///
    /// What to configure where is printed. The password of the first user is read from NETSOCKET_INFLUX_PASSWORD, or generated
    /// and printed. If InfluxDB is already set up, NETSOCKET_INFLUX_ADMIN_TOKEN must hold an all-access token.
    Setup {
        /// Name of the first user
        #[arg(long, value_name = "NAME", default_value = "root")]
        user: String,
        /// How long points are kept, for example 30d; 0 means forever
        #[arg(long, value_name = "DURATION", default_value = "0", value_parser = parse_duration)]
        retention: Duration,
    },
    #[command(flatten)]
    Common(CommonCommand),
}

/// What to do.
enum Task {
    Collect(Token),
    Print { format: Format, from_start: bool },
    Setup { user: String, retention: Duration },
}

impl Flags {
    fn layers(&self) -> Layers<'_> {
        let given = [
            ("kafka", &self.kafka),
            ("topic", &self.topic),
            ("influx_url", &self.influx_url),
            ("org", &self.org),
            ("bucket", &self.bucket),
            ("position_bucket", &self.position_bucket),
            ("admin", &self.admin),
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
    let flags = Flags::try_parse().unwrap_or_else(|error| {
        let error = with_key_tip(error, &COLLECTOR);
        with_equals_tip(error, &Flags::command(), std::env::args()).exit()
    });
    if let Some(Command::Common(command)) = &flags.command {
        return run_common_command(&flags, command);
    }
    if flags.check_config {
        return check_config(&flags);
    }
    let (config, task, doubts) = match settings(&flags) {
        Ok(settings) => settings,
        Err(problems) => {
            complain(&problems);
            return ExitCode::from(EXIT_SETTINGS);
        }
    };
    let log = init_log(&config.log, config.log_format);
    log.start();
    for problem in misspelt_variables().into_iter().chain(doubts) {
        tracing::warn!("{problem}");
    }
    match start(&config, task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_common_command(flags: &Flags, command: &CommonCommand) -> ExitCode {
    let admin = || {
        if let Some(given) = AdminTarget::given(flags.admin.as_deref()) {
            return Ok(Some(given));
        }
        let config = Config::load(&flags.layers(), variable);
        let config = config.map_err(|problems| problems.to_string())?;
        Ok(Some(config.admin.into()))
    };
    match command.run(Flags::command(), admin, &mut stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn misspelt_variables() -> Vec<String> {
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    collector::misspelt_variables(variables)
}

fn check_config(flags: &Flags) -> ExitCode {
    let judged = Config::judge(&flags.layers(), variable);
    let summary = |config: &Config| {
        let (topic, url) = (&config.topic, config.influx_url.as_str());
        format!("stores {topic} of {} in {url}", config.kafka.join(","))
    };
    match report_config(NAME, misspelt_variables(), judged, doubts, summary) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_SETTINGS),
    }
}

/// What would stop a start, or could. The token is mostly a secret of the place where the collector runs.
fn doubts(config: &Config) -> Vec<String> {
    let mut doubts = names_without_address(config);
    if config.token.is_none() {
        doubts.insert(
            0,
            format!("{ENV_INFLUXDB_TOKEN} is not set: a start needs it"),
        );
    }
    doubts
}

/// The database may be elsewhere than its name says today: that is no mistake in the settings.
fn names_without_address(config: &Config) -> Vec<String> {
    let brokers = config.kafka.iter().map(|broker| ("kafka", broker.as_str()));
    let database = config.influx_url.as_str().split_once("://");
    let database = database.map(|(_, host)| ("influx_url", host));
    unresolved(brokers.chain(database))
}

/// A line on standard error for each line of the problem.
fn complain(problem: &(impl Display + ?Sized)) {
    netsocket_settings::complain(NAME, problem);
}

/// The settings, the task, and what is doubtful. Only collecting needs the token.
fn settings(flags: &Flags) -> Result<(Config, Task, Vec<String>), Problems> {
    let judged = Config::judge(&flags.layers(), variable)?;
    let (config, doubts) = judged.finish_with_doubts()?;
    let task = match (&flags.command, flags.stdout, config.token.clone()) {
        (Some(Command::Setup { user, retention }), ..) => Task::Setup {
            user: user.clone(),
            retention: *retention,
        },
        (_, Some(format), _) => Task::Print {
            format: match format {
                Some(Output::Json) => Format::Json,
                Some(Output::Text) => Format::Text,
                None if stdout().is_terminal() => Format::Text,
                None => Format::Json,
            },
            from_start: flags.from_start,
        },
        (_, None, Some(token)) => Task::Collect(token),
        (_, None, None) => {
            return Err(Problem {
                origin: ENV_INFLUXDB_TOKEN.to_owned(),
                key: String::new(),
                given: String::new(),
                allowed: "is not set: it must hold an InfluxDB API token".to_owned(),
            }
            .into());
        }
    };
    Ok((config, task, doubts))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[tokio::main(flavor = "current_thread")]
async fn start(config: &Config, task: Task) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    match task {
        Task::Collect(token) => {
            until_signalled(collect(config, token, shutdown.clone()), &shutdown).await
        }
        Task::Print { format, from_start } => {
            let print = async {
                let output = Box::new(stdout());
                collector::print(config, format, from_start, output, &shutdown)
                    .await
                    .context("standard output")
            };
            until_signalled(print, &shutdown).await
        }
        Task::Setup { user, retention } => {
            let plan = Plan {
                user,
                password: variable(ENV_PASSWORD),
                admin: variable(ENV_ADMIN_TOKEN).as_deref().and_then(Token::new),
                retention,
            };
            let ready = setup(config, plan).await?;
            writeln!(stdout(), "{ready}").context("standard output")
        }
    }
}

async fn collect(config: &Config, token: Token, shutdown: CancellationToken) -> anyhow::Result<()> {
    let admin = tokio::net::TcpListener::bind(config.admin)
        .await
        .with_context(|| format!("cannot listen on {} (--admin)", config.admin))?;
    tracing::info!(
        kafka = config.kafka.join(","),
        topic = config.topic,
        influx_url = config.influx_url.as_str(),
        org = config.org,
        bucket = config.bucket,
        admin = %admin.local_addr()?,
        "collecting"
    );
    let totals = collector::run(config, token, admin, Supervisor::default(), shutdown).await?;
    tracing::info!(
        records = totals.records,
        points = totals.points,
        bad = totals.bad(),
        refused = totals.refused,
        missed = totals.missed,
        "stopped"
    );
    Ok(())
}

/// Runs until it ends. The first signal asks it to end, a second one does not wait.
async fn until_signalled(
    running: impl Future<Output = anyhow::Result<()>>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let signals = StopSignals::watch().context("cannot watch for signals")?;
    let mut running = pin!(running);
    tokio::select! {
        done = &mut running => return done,
        _ = signals.next() => shutdown.cancel(),
    }
    tokio::select! {
        done = &mut running => done,
        _ = signals.next() => anyhow::bail!("second signal: stopped in the middle of a write"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_fits_a_terminal() {
        let mut command = Flags::command();
        let long = command.render_long_help().to_string();
        let help = command.render_help().to_string() + &long;
        let wide = help.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None);
    }
}
