//! The program `netsocket-balancer`: flags, settings, log, sockets, exit code. Everything else is in the library.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use netsocket_balancer::config::{AdminSettings, DEFAULT_NAME, misspelt_variables};
use netsocket_balancer::{
    Command, Config, Flags, Inherited, Manager, Program, Signals, Startup, ctl, run,
    unresolved_names, with_tip,
};
use netsocket_settings::{
    AdminTarget, CommonCommand, Judged, Problems, init_log, raise_descriptor_limit, reason,
    report_config,
};
use tokio::runtime;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

const NAME: &str = "netsocket-balancer";
/// Exit code for settings or addresses that cannot be used.
const EXIT_BAD_START: u8 = 2;

fn main() -> ExitCode {
    let flags =
        Flags::try_parse().unwrap_or_else(|error| with_tip(error, &Flags::command()).exit());
    match &flags.command {
        Some(Command::Ctl(arguments)) => return ctl(&flags, arguments),
        Some(Command::HashSecret) => return hash_secret(),
        Some(Command::CompleteWords { words }) => return complete_words(words),
        Some(Command::Common(command)) => return run_common_command(&flags, command),
        None => {}
    }
    if flags.check_config {
        return check_config(&flags);
    }
    // Before anything else is opened: descriptors go by their numbers.
    let mut inherited = match Inherited::of_process(variable) {
        Ok(inherited) => inherited,
        Err(error) => return bad_start(&error),
    };
    let judged = Config::judge_to_start(&flags.layers(), variable);
    let (config, doubts) = match judged.and_then(Judged::finish_with_doubts) {
        Ok(judged) => judged,
        Err(problems) => {
            inherited.refuse(&problems.lines().join("\n"));
            return bad_start(&problems);
        }
    };
    let log = init_log(&config.log, config.log_format);
    log.start();
    for problem in misspelt_variables(variables())
        .into_iter()
        .chain(doubts)
        .chain(config.exposed_admin())
    {
        warn!("{problem}");
    }
    match serve(flags, config, inherited) {
        Ok(exit) => exit,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn check_config(flags: &Flags) -> ExitCode {
    let misspelt = misspelt_variables(variables());
    let judged = Config::judge_to_start(&flags.layers(), variable);
    let doubts = |config: &Config| {
        let unreachable = config.unreachable_logs();
        [config.doubts(), unreachable, unresolved_names(config)].concat()
    };
    match report_config(NAME, misspelt, judged, doubts, counted) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_BAD_START),
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
        Ok(said) => {
            said.iter().for_each(complain);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Whatever goes wrong, a shell completes nothing, and says nothing.
fn complete_words(words: &[String]) -> ExitCode {
    match ctl::complete(&Flags::command(), words, variable, &mut io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn hash_secret() -> ExitCode {
    let hash = ctl::new_secret().and_then(|secret| netsocket_balancer::hash_secret(&secret));
    match hash.and_then(|hash| writeln!(io::stdout(), "{hash}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run_common_command(flags: &Flags, command: &CommonCommand) -> ExitCode {
    let admin = || {
        let given = AdminTarget::given(flags.admin.as_deref());
        if given.is_some() && flags.config.is_none() {
            return Ok(given.map(|place| (place, None)));
        }
        let settings = match AdminSettings::load(&flags.layers(), variable) {
            Ok(settings) => settings,
            // It is known where the balancer is.
            Err(_) if given.is_some() => return Ok(given.map(|place| (place, None))),
            Err(problems) => return Err(problems.to_string()),
        };
        if let Some(ignored) = &settings.ignored {
            warning(&ignored.to_string());
        }
        let trust = ctl::local_trust(&settings.certificates);
        let trust = trust.map_err(|error| error.to_string())?;
        let place = given.unwrap_or_else(|| settings.address.into());
        Ok(Some((place, trust)))
    };
    let admin = || {
        let found: Result<Option<(AdminTarget, Option<ctl::Trust>)>, String> = admin();
        let wrapped = |(place, trust): (AdminTarget, Option<ctl::Trust>)| {
            let to = place.clone();
            (place, move |stream| {
                ctl::secured(stream, &to, trust.as_ref())
            })
        };
        Ok(found?.map(wrapped))
    };
    match command.run_over(Flags::command(), admin, &mut io::stdout()) {
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

/// The names of all variables.
fn variables() -> impl Iterator<Item = String> {
    env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

fn load(flags: &Flags) -> Result<Config, Problems> {
    let (config, doubts) = Config::judge(&flags.layers(), variable)?.finish_with_doubts()?;
    for doubt in doubts {
        warn!("{doubt}");
    }
    Ok(config)
}

fn serve(flags: Flags, config: Config, inherited: Inherited) -> anyhow::Result<ExitCode> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Before the sockets: from the first moment a signal means what the documentation says.
        let signals = Signals::watch().context("cannot watch for signals")?;
        let mut startup = match Startup::bind_with(config, inherited) {
            Ok(startup) => startup,
            Err(error) => return Ok(bad_start(&error)),
        };
        if let Some(file) = &flags.config {
            let whole = std::path::absolute(file);
            startup.name_settings_file(whole.unwrap_or_else(|_| file.clone()));
        }
        startup.reload_from(move || load(&flags));
        if let Some(program) = Program::of_process() {
            startup.restart_by(program);
        }
        match Manager::of_process(variable) {
            Ok(manager) => startup.report_to(manager),
            Err(error) => warn!(
                error = reason(&error),
                "NOTIFY_SOCKET: cannot notify the service manager"
            ),
        }
        let shutdown = CancellationToken::new();
        signals.obey(&shutdown, &startup.lifecycle(), &startup.tasks());
        for backend in startup.pools().iter().flat_map(|pool| pool.backends()) {
            info!(name = backend.full_name(), address = %backend.address(), "backend");
        }
        raise_descriptor_limit();
        for (service, address) in startup.listen_addresses().iter().skip(1) {
            if service == DEFAULT_NAME {
                info!(%address, "additional listener");
            } else {
                info!(service, %address, "additional listener");
            }
        }
        info!(address = %startup.listen_address(), admin = %startup.admin_address(), "listening");
        run(startup, shutdown).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// `3 backends; clients at 0.0.0.0:8081, admin at 127.0.0.1:8404`, and the groups of them that are looked for, if there are any.
fn counted(config: &Config) -> String {
    let pools = || {
        config
            .pools
            .iter()
            .map(|pool| &pool.settings)
            .chain([config])
    };
    let backends: usize = pools().map(|settings| settings.backends.len()).sum();
    let groups: usize = pools().map(|settings| settings.groups.len()).sum();
    let counted = counted_backends(backends, groups);
    let started = match config.services.len() + usize::from(config.listens_at_top) {
        0 => match config.listen.addresses() {
            [address] => format!("{counted}; clients at {address}"),
            addresses => format!("{counted}; clients at {} addresses", addresses.len()),
        },
        1 => format!("1 service, {counted}"),
        services => format!("{services} services, {counted}"),
    };
    format!("{started}, admin at {}", config.admin)
}

fn counted_backends(backends: usize, groups: usize) -> String {
    let backends = match backends {
        1 => "1 backend".to_owned(),
        backends => format!("{backends} backends"),
    };
    match groups {
        0 => backends,
        1 => format!("{backends}, 1 name to resolve"),
        groups => format!("{backends}, {groups} names to resolve"),
    }
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
    netsocket_settings::complain(NAME, problem);
}
