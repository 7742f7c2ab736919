//! The program `netsocket-balancer`: flags, settings, log, sockets, signals, exit code. Everything else is in the library.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::{self, ExitCode};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use netsocket_balancer::config::AdminSettings;
use netsocket_balancer::{
    Command, Config, Flags, Inherited, LifecycleHandle, Manager, Program, Startup, ctl, run,
};
use netsocket_settings::{
    AdminTarget, CommonCommand, Problems, Supervisor, flush_log, init_log, raise_descriptor_limit,
};
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Exit code for settings or addresses that cannot be used.
const EXIT_BAD_START: u8 = 2;
/// The name of the tasks that obey signals.
const SIGNALS_TASK: &str = "signals";
/// A second signal: what a shell reports for a process that a signal ended.
const EXIT_SIGNALLED: i32 = 128;

fn main() -> ExitCode {
    let flags = Flags::parse();
    match &flags.command {
        Some(Command::Ctl(arguments)) => return ctl(&flags, arguments),
        Some(Command::Common(command)) => return run_common_command(&flags, command),
        None => {}
    }
    if flags.check_config {
        return match load(&flags) {
            Ok(config) => {
                // A closed standard output leaves the exit code to tell.
                let _ = writeln!(io::stdout(), "OK: {}", counted(&config));
                ExitCode::SUCCESS
            }
            Err(problems) => bad_start(&problems),
        };
    }
    // Before anything else is opened: descriptors go by their numbers.
    let mut inherited = match Inherited::of_process(variable) {
        Ok(inherited) => inherited,
        Err(error) => return bad_start(&error),
    };
    let config = match load(&flags) {
        Ok(config) => config,
        Err(problems) => {
            inherited.refuse(&problems);
            return bad_start(&problems);
        }
    };
    let log = init_log(&config.log, config.log_format);
    log.start();
    match serve(flags, config, inherited) {
        Ok(exit) => exit,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn ctl(flags: &Flags, arguments: &ctl::Arguments) -> ExitCode {
    let mut out = io::stdout();
    let live = out.is_terminal();
    match ctl::run(
        &flags.layers(),
        arguments,
        variable,
        warning,
        &mut out,
        live,
    ) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run_common_command(flags: &Flags, command: &CommonCommand) -> ExitCode {
    let admin = || {
        if let Some(named) = AdminTarget::by_name(flags.admin.as_deref()) {
            return Ok(Some(named));
        }
        let settings = AdminSettings::load(&flags.layers(), variable);
        let settings = settings.map_err(|problems| problems.to_string())?;
        if let Some(ignored) = &settings.ignored {
            warning(&ignored.to_string());
        }
        Ok(Some(settings.address.into()))
    };
    match command.run(Flags::command(), admin, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn load(flags: &Flags) -> Result<Config, Problems> {
    Config::load(&flags.layers(), variable)
}

fn serve(flags: Flags, config: Config, inherited: Inherited) -> anyhow::Result<ExitCode> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Before the sockets: from the first moment a signal means what the documentation says.
        let signals = Signals::watch()?;
        let mut startup = match Startup::bind_with(config, inherited) {
            Ok(startup) => startup,
            Err(error) => return Ok(bad_start(&error)),
        };
        startup.reload_from(move || load(&flags));
        if let Some(program) = Program::of_process() {
            startup.restart_by(program);
        }
        match Manager::of_process(variable) {
            Ok(manager) => startup.report_to(manager),
            Err(error) => warn!(%error, "NOTIFY_SOCKET: cannot notify the service manager"),
        }
        let shutdown = CancellationToken::new();
        signals.obey(&shutdown, &startup.lifecycle(), &startup.tasks());
        for backend in startup.pool().backends() {
            info!(name = backend.name(), address = %backend.address(), "backend");
        }
        raise_descriptor_limit();
        for address in startup.listen_addresses().iter().skip(1) {
            info!(%address, "additional listener");
        }
        info!(address = %startup.listen_address(), admin = %startup.admin_address(), "listening");
        run(startup, shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user2: Signal,
}

impl Signals {
    fn watch() -> anyhow::Result<Self> {
        let watch = |kind, name| signal(kind).with_context(|| format!("cannot watch for {name}"));
        Ok(Self {
            terminate: watch(SignalKind::terminate(), "SIGTERM")?,
            interrupt: watch(SignalKind::interrupt(), "SIGINT")?,
            hangup: watch(SignalKind::hangup(), "SIGHUP")?,
            user2: watch(SignalKind::user_defined2(), "SIGUSR2")?,
        })
    }

    fn obey(self, shutdown: &CancellationToken, lifecycle: &LifecycleHandle, tasks: &Supervisor) {
        let Self {
            terminate,
            interrupt,
            hangup,
            user2,
        } = self;
        let (shutdown, supervisor) = (shutdown.clone(), tasks.clone());
        tokio::spawn(async move {
            let signals = Mutex::new((terminate, interrupt));
            let stop = || stop(&signals, &shutdown);
            supervisor.run(SIGNALS_TASK, stop).await;
        });
        let reloading = lifecycle.clone();
        tokio::spawn(on_each(hangup, tasks.clone(), move || {
            let reloading = reloading.clone();
            // What came of it is in the log.
            async move { drop(reloading.reload().await) }
        }));
        let restarting = lifecycle.clone();
        tokio::spawn(on_each(user2, tasks.clone(), move || {
            let restarting = restarting.clone();
            async move { drop(restarting.restart().await) }
        }));
    }
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
    tasks.run(SIGNALS_TASK, obey).await;
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
async fn stop(signals: &Mutex<(Signal, Signal)>, shutdown: &CancellationToken) {
    let mut signals = signals.lock().await;
    let (terminate, interrupt) = &mut *signals;
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        }
    };
    if !shutdown.is_cancelled() {
        next().await;
        shutdown.cancel();
    }
    let second = next().await;
    warn!("second signal, exiting immediately");
    flush_log();
    process::exit(EXIT_SIGNALLED + second.as_raw_value());
}

fn bad_start(problem: &impl Display) -> ExitCode {
    complain(problem);
    ExitCode::from(EXIT_BAD_START)
}

/// Something is wrong, and does not matter now.
fn warning(said: &str) {
    complain(&format!("warning: {said}"));
}

/// A line on standard error for each line of the problem.
fn complain(problem: &(impl Display + ?Sized)) {
    netsocket_settings::complain("netsocket-balancer", problem);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

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
    async fn signals_are_obeyed_also_after_a_panic() {
        let signal = signal(SignalKind::user_defined1()).unwrap();
        let (tasks, obeyed) = (Supervisor::default(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&obeyed);
        let task = tokio::spawn(on_each(signal, tasks.clone(), move || {
            count.fetch_add(1, SeqCst);
            std::future::ready(())
        }));
        let send = || kill_process(getpid(), Number::USR1).unwrap();
        send();
        eventually(|| obeyed.load(SeqCst) == 1).await;
        tasks.make_panic(SIGNALS_TASK);
        eventually(|| tasks.panics() == [(SIGNALS_TASK, 1)]).await;
        // It comes before the restart.
        send();
        eventually(|| obeyed.load(SeqCst) == 2).await;
        task.abort();
    }

    #[tokio::test]
    async fn a_stop_goes_on_where_it_was() {
        let signals = [SignalKind::terminate(), SignalKind::interrupt()];
        let [terminate, interrupt] = signals.map(|kind| signal(kind).unwrap());
        let (tasks, shutdown) = (Supervisor::default(), CancellationToken::new());
        let supervisor = tasks.clone();
        let task = tokio::spawn({
            let shutdown = shutdown.clone();
            async move {
                let signals = Mutex::new((terminate, interrupt));
                let stop = || stop(&signals, &shutdown);
                supervisor.run(SIGNALS_TASK, stop).await;
            }
        });
        eventually(|| tasks.panics() == [(SIGNALS_TASK, 0)]).await;
        tasks.make_panic(SIGNALS_TASK);
        eventually(|| tasks.panics() == [(SIGNALS_TASK, 1)]).await;
        kill_process(getpid(), Number::TERM).unwrap();
        timeout(Duration::from_secs(60), shutdown.cancelled())
            .await
            .unwrap();
        // A second one would end this process.
        task.abort();
    }
}
