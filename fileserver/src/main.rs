//! The program `netsocket-fileserver`: flags, log, exit code. Everything else is in the library.

use std::fmt::Display;
use std::io::stdout;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Parser, Subcommand};
use netsocket_fileserver::{Bound, Config, Signals, misspelt_variables, run};
use netsocket_settings::{
    AdminTarget, CommonCommand, FILE_SERVER, Flag, Judged, Layers, Problems, init_log,
    raise_descriptor_limit, report_config, unresolved, with_equals_tip, with_key_tip,
    with_only_tip,
};
use tokio_util::sync::CancellationToken;

const NAME: &str = "netsocket-fileserver";

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
    /// Expect a PROXY header first [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    proxy_protocol: Option<String>,
    /// Certificate chain (PEM); enables TLS
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<String>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Clients need a certificate of these CAs (PEM)
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<String>,
    /// Clients need a token of this file, one a line
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,
    /// Directory to share [default: home directory]
    #[arg(long, value_name = "DIR")]
    root: Option<String>,
    /// Name of this server [default: the host name]
    #[arg(long)]
    name: Option<String>,
    /// Port that old clients are told [default: 8081]
    #[arg(long, value_name = "PORT")]
    advertise_port: Option<String>,
    /// Send telemetry to these Kafka brokers
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Metrics and health over HTTP [default: none]
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
    let flags = Flags::try_parse().unwrap_or_else(|error| {
        with_equals_tip(with_tip(error), &Flags::command(), std::env::args()).exit()
    });
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
    let variable = |name: &str| std::env::var(name).ok();
    let load = || Config::load(&layers, variable);
    if let Some(Command::Common(command)) = &flags.command {
        return Ok(run_common_command(flags, command, load));
    }
    if flags.check_config {
        return Ok(check_config(Config::judge_to_serve(&layers, variable)));
    }
    let config = Config::load_to_serve(&layers, variable)?;
    // What a client does wrong in HTTP/2 is no matter for the log of a server, however often.
    let log = init_log(&config.log.after("h2=error"), config.log_format);
    for problem in misspelt_variables(variables()) {
        tracing::warn!("{problem}");
    }
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

/// The names of all variables.
fn variables() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

fn check_config(judged: Result<Judged<Config>, Problems>) -> ExitCode {
    let doubts = |config: &Config| {
        let brokers = config.kafka.iter().flat_map(|kafka| &kafka.brokers);
        unresolved(brokers.map(|broker| ("kafka", broker)))
    };
    let summary = |config: &Config| {
        let admin = config.admin.map(|admin| format!(", admin at {admin}"));
        let (root, listen) = (config.root.display(), config.listen);
        format!("serves {root} on {listen}{}", admin.unwrap_or_default())
    };
    match report_config(
        NAME,
        misspelt_variables(variables()),
        judged,
        doubts,
        summary,
    ) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_START),
    }
}

fn run_common_command(
    flags: &Flags,
    command: &CommonCommand,
    load: impl FnOnce() -> Result<Config, Problems>,
) -> ExitCode {
    let admin = || {
        if let Some(given) = AdminTarget::given(flags.admin.as_deref()) {
            return Ok(Some(given));
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

/// A word that is no command may be the directory, as other servers take it.
fn with_tip(error: clap::Error) -> clap::Error {
    let word = error.get(ContextKind::InvalidSubcommand);
    let tip = match word {
        Some(ContextValue::String(word)) if Path::new(word).is_dir() => {
            format!("to share this directory, write '--root {word}'")
        }
        _ => return with_key_tip(error, &FILE_SERVER),
    };
    with_only_tip(error, tip)
}

/// A line on standard error for each line of the problem.
fn complain(problem: &(impl Display + ?Sized)) {
    netsocket_settings::complain(NAME, problem);
}

/// The first signal drains, the second stops at once. SIGHUP reloads certificates and tokens.
async fn serve(bound: Bound) -> anyhow::Result<ExitCode> {
    let signals = Signals::watch().context("cannot wait for signals")?;
    let (tasks, credential_store) = (bound.tasks(), bound.credential_store());
    let shutdown = CancellationToken::new();
    if let Some(limit) = raise_descriptor_limit() {
        tracing::info!(limit, "descriptors");
    }
    let signals = signals.obey(&shutdown, credential_store, &tasks);
    let code = tokio::select! {
        ended = run(bound, shutdown.clone()) => {
            ended.context("cannot listen")?;
            ExitCode::SUCCESS
        }
        () = signals => ExitCode::from(EXIT_CUT),
    };
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_fits_a_terminal() {
        let help = Flags::command().render_long_help().to_string();
        let wide = help.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None);
    }

    #[test]
    fn a_directory_leads_to_its_flag() {
        let said = |word: &str| {
            let error = Flags::try_parse_from([NAME, word]).unwrap_err();
            with_tip(error).to_string()
        };
        assert!(said("/").contains("'--root /'"), "{}", said("/"));
        assert!(said("--max-archives").contains("'max_archives'"));
        let said = said("heatlh");
        assert!(
            said.contains("'health'") && !said.contains("--root"),
            "{said}"
        );
    }

    #[test]
    fn flags_of_other_servers_lead_to_ours() {
        for (flag, ours) in [
            ("--port", "'--listen ADDR'"),
            ("-p", "'--listen ADDR'"),
            ("--dir", "'--root DIR'"),
            ("-d", "'--root DIR'"),
            ("--tls", "'--tls-certificate FILE' and '--tls-key FILE'"),
        ] {
            let error = Flags::try_parse_from([NAME, flag, "x"]).unwrap_err();
            let said = with_tip(error).to_string();
            assert!(said.contains(ours), "{said}");
            assert!(!said.contains("similar"), "{said}");
        }
    }
}
