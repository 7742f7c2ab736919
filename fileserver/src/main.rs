//! The program `netsocket-fileserver`: flags, log, signals, exit code. Everything else is in the library.

use std::fmt::Display;
use std::io::{Write as _, stdout};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use netsocket_fileserver::{Bound, Config, CredentialStore, run};
use netsocket_settings::{
    AdminTarget, CommonCommand, Flag, Layers, Problems, Supervisor, init_log,
    raise_descriptor_limit,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

/// The names of the tasks that obey signals: SIGHUP, and those that stop the program.
const RELOAD_TASK: &str = "reload";
const SIGNALS_TASK: &str = "signals";

/// Exit code if the settings are wrong or the server cannot start.
const EXIT_START: u8 = 2;

/// Exit code if a second signal cut sessions that were still running.
const EXIT_CUT: u8 = 1;

/// How long blocking tasks that nobody waits for may delay the exit.
const BLOCKING_TASKS_TIMEOUT: Duration = Duration::from_millis(500);

/// Serves the files below a directory over the old and the new NetSocket protocol.
#[derive(Debug, Parser)]
#[command(name = "netsocket-fileserver", version)]
struct Flags {
    /// Configuration file (TOML)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration and exit
    #[arg(long)]
    check_config: bool,
    /// Address to listen on [default: 0.0.0.0:9000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Expect a PROXY protocol header on every connection [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    proxy_protocol: Option<String>,
    /// Certificate chain (PEM); enables TLS [default: none]
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<String>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// CA certificates (PEM); clients must present a certificate signed by one of them [default: none]
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<String>,
    /// File with the accepted tokens, one per line; clients must send one of them [default: none]
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,
    /// Directory to share [default: the home directory]
    #[arg(long, value_name = "DIR")]
    root: Option<String>,
    /// Name of this server [default: the host name]
    #[arg(long)]
    name: Option<String>,
    /// Port that old clients are told to connect to [default: 8081]
    #[arg(long, value_name = "PORT")]
    advertise_port: Option<String>,
    /// Kafka brokers to send one telemetry record per second to [default: none]
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Address for metrics and health checks over HTTP [default: none]
    #[arg(long, global = true, value_name = "ADDR")]
    admin: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Subcommands that do something other than serve.
#[derive(Debug, Clone, Subcommand)]
enum Command {
    #[command(flatten)]
    Common(CommonCommand),
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match start(&flags) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(EXIT_START)
        }
    }
}

fn start(flags: &Flags) -> anyhow::Result<ExitCode> {
    let given = [
        ("listen", &flags.listen),
        ("proxy_protocol", &flags.proxy_protocol),
        ("tls_certificate", &flags.tls_certificate),
        ("tls_key", &flags.tls_key),
        ("tls_client_ca", &flags.tls_client_ca),
        ("token_file", &flags.token_file),
        ("root", &flags.root),
        ("name", &flags.name),
        ("advertise_port", &flags.advertise_port),
        ("kafka", &flags.kafka),
        ("admin", &flags.admin),
    ];
    let layers = Layers {
        file: flags.config.as_deref(),
        flags: given
            .into_iter()
            .filter_map(|(key, value)| Some((key, Flag::One(value.clone()?))))
            .collect(),
    };
    let load = || Config::load(&layers, |name| std::env::var(name).ok());
    if let Some(Command::Common(command)) = &flags.command {
        return Ok(run_common_command(flags, command, load));
    }
    let config = load()?;
    if flags.check_config {
        // If standard output is closed, the exit code says the same.
        let _ = writeln!(stdout(), "netsocket-fileserver: the settings are OK");
        return Ok(ExitCode::SUCCESS);
    }
    let log = init_log(&config.log, config.log_format);
    let bound = Bound::bind(config)?;
    // The sandbox only covers threads that start after it, the log's included.
    bound.sandbox()?;
    log.start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let code = runtime.block_on(serve(bound))?;
    runtime.shutdown_timeout(BLOCKING_TASKS_TIMEOUT);
    Ok(code)
}

fn run_common_command(
    flags: &Flags,
    command: &CommonCommand,
    load: impl FnOnce() -> Result<Config, Problems>,
) -> ExitCode {
    let admin = || {
        if let Some(named) = AdminTarget::by_name(flags.admin.as_deref()) {
            return Ok(Some(named));
        }
        let config = load().map_err(|problems| problems.to_string())?;
        Ok(config.admin.map(AdminTarget::from))
    };
    match command.run(Flags::command(), admin, &mut stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// A line on standard error for each line of the problem.
fn complain(problem: &(impl Display + ?Sized)) {
    netsocket_settings::complain("netsocket-fileserver", problem);
}

/// The first signal drains, the second stops at once. SIGHUP reloads certificates and tokens.
async fn serve(bound: Bound) -> anyhow::Result<ExitCode> {
    let tasks = bound.tasks();
    let hangup = signal(SignalKind::hangup()).context("cannot wait for signals")?;
    let credential_store = bound.credential_store();
    let reload = move || reload(credential_store.clone());
    let hangups = tokio::spawn(on_each(hangup, tasks.clone(), reload));
    let terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let stops = Mutex::new((terminate, interrupt));
    let shutdown = CancellationToken::new();
    if let Some(limit) = raise_descriptor_limit() {
        tracing::info!(limit, "descriptors");
    }
    let signals = tasks.run(SIGNALS_TASK, || stop_twice(&stops, &shutdown));
    let code = tokio::select! {
        ended = run(bound, shutdown.clone()) => {
            ended.context("cannot listen")?;
            ExitCode::SUCCESS
        }
        () = signals => ExitCode::from(EXIT_CUT),
    };
    hangups.abort();
    Ok(code)
}

/// Returns at the second signal; the first one begins the shutdown.
async fn stop_twice(signals: &Mutex<(Signal, Signal)>, shutdown: &CancellationToken) {
    let mut signals = signals.lock().await;
    let (terminate, interrupt) = &mut *signals;
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    // It may begin anew between the two.
    if !shutdown.is_cancelled() {
        next().await;
        shutdown.cancel();
    }
    next().await;
    tracing::warn!("second signal: closing all sessions now");
}

/// Acts on each signal, for ever; also on one that arrives while this begins anew.
async fn on_each<F: Future>(signal: Signal, tasks: Supervisor, act: impl Fn() -> F) {
    let signal = Mutex::new(signal);
    let obey = || async {
        let mut signal = signal.lock().await;
        while signal.recv().await.is_some() {
            act().await;
        }
    };
    tasks.run(RELOAD_TASK, obey).await;
}

/// Reloads the credentials. One that panics leaves the current ones in place.
async fn reload(credential_store: CredentialStore) {
    let reload = tokio::task::spawn_blocking(move || credential_store.reload());
    if let Some(Ok(payload)) = reload.await.err().map(JoinError::try_into_panic) {
        // It is counted and logged with the others.
        resume_unwind(payload);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustix::process::{Signal as Number, getpid, kill_process};
    use tokio::time::{sleep, timeout};

    use super::*;

    async fn eventually(mut condition: impl FnMut() -> bool) {
        let wait = async {
            while !condition() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), wait).await.unwrap();
    }

    #[tokio::test]
    async fn every_hangup_is_obeyed_also_after_a_panic() {
        let hangup = signal(SignalKind::hangup()).unwrap();
        let (tasks, obeyed) = (Supervisor::default(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&obeyed);
        let task = tokio::spawn(on_each(hangup, tasks.clone(), move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(())
        }));
        let send = || kill_process(getpid(), Number::HUP).unwrap();
        send();
        eventually(|| obeyed.load(Ordering::SeqCst) == 1).await;
        tasks.make_panic(RELOAD_TASK);
        eventually(|| tasks.panics() == [(RELOAD_TASK, 1)]).await;
        // It comes before the restart.
        send();
        eventually(|| obeyed.load(Ordering::SeqCst) == 2).await;
        task.abort();
    }

    #[tokio::test]
    async fn the_second_signal_is_the_second_also_after_a_panic() {
        let (tasks, shutdown) = (Supervisor::default(), CancellationToken::new());
        let signals = [SignalKind::terminate(), SignalKind::interrupt()];
        let [terminate, interrupt] = signals.map(|kind| signal(kind).unwrap());
        let task = tokio::spawn({
            let (tasks, shutdown) = (tasks.clone(), shutdown.clone());
            async move {
                let stops = Mutex::new((terminate, interrupt));
                tasks
                    .run(SIGNALS_TASK, || stop_twice(&stops, &shutdown))
                    .await;
            }
        });
        kill_process(getpid(), Number::TERM).unwrap();
        eventually(|| shutdown.is_cancelled()).await;
        tasks.make_panic(SIGNALS_TASK);
        eventually(|| tasks.panics() == [(SIGNALS_TASK, 1)]).await;
        kill_process(getpid(), Number::INT).unwrap();
        timeout(Duration::from_secs(60), task)
            .await
            .unwrap()
            .unwrap();
    }
}
