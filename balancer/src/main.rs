//! The program `netsocket-balancer`: flags, settings, log, sockets, signals, exit code. Everything else is the library.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::{self, ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use netsocket_balancer::config::Command;
use netsocket_balancer::{Bound, Config, Flags, ctl, run};
use netsocket_settings::{init_log, raise_descriptor_limit};
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Settings or addresses that cannot be used.
const EXIT_BAD_START: u8 = 2;
/// A second signal: what a shell reports for a process that a signal ended.
const EXIT_SIGNALLED: i32 = 128;

fn main() -> ExitCode {
    let flags = Flags::parse();
    if let Some(Command::Ctl(arguments)) = &flags.command {
        return ctl(&flags, arguments);
    }
    let config = match Config::load(&flags.layers(), |name| env::var(name).ok()) {
        Ok(config) => config,
        Err(problems) => return bad_start(&problems),
    };
    if flags.check_config {
        // A closed standard output leaves the exit code to tell.
        let _ = writeln!(io::stdout(), "OK: {}", counted(&config));
        return ExitCode::SUCCESS;
    }
    init_log(&config.log, config.log_format);
    let bound = match Bound::bind(config) {
        Ok(bound) => bound,
        Err(error) => return bad_start(&error),
    };
    match serve(bound) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn ctl(flags: &Flags, arguments: &ctl::Arguments) -> ExitCode {
    let mut out = io::stdout();
    let live = out.is_terminal();
    let variable = |name: &str| env::var(name).ok();
    match ctl::run(flags, arguments, variable, &mut out, live) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn serve(bound: Bound) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
        tokio::spawn(watch_signals(terminate, interrupt, shutdown.clone()));
        for backend in bound.pool().backends() {
            info!(name = backend.name(), address = %backend.address(), "backend");
        }
        raise_descriptor_limit();
        info!(address = %bound.listen_address(), admin = %bound.admin_address(), "listening");
        run(bound, shutdown).await?;
        Ok(())
    })
}

/// `3 backends`, and the groups of them that are looked for, if there are any.
fn counted(config: &Config) -> String {
    let backends = config.backends.len();
    match config.groups.len() {
        0 => format!("{backends} backends"),
        1 => format!("{backends} backends, 1 name to resolve"),
        groups => format!("{backends} backends, {groups} names to resolve"),
    }
}

/// The first signal begins the drain, the second ends the process at once.
async fn watch_signals(mut terminate: Signal, mut interrupt: Signal, shutdown: CancellationToken) {
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        }
    };
    next().await;
    shutdown.cancel();
    let second = next().await;
    warn!("second signal, ending at once");
    process::exit(EXIT_SIGNALLED + second.as_raw_value());
}

fn bad_start(problem: &impl Display) -> ExitCode {
    complain(problem);
    ExitCode::from(EXIT_BAD_START)
}

/// A line on standard error for each line of the problem. Nothing can be done where that is closed.
fn complain(problem: &(impl Display + ?Sized)) {
    for line in problem.to_string().lines() {
        let _ = writeln!(io::stderr(), "netsocket-balancer: {line}");
    }
}
