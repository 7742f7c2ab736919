//! The program `bench`: command line, runtime, signals, output, exit code. Everything else is the library.

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use bench::case::{Case, http, services, tls};
use bench::failure::{Explain as _, Failure, Outcome};
use bench::host::Host;
use bench::options::{Options, Role};
use bench::peer::{Peer, copy, floor, uring};
use bench::{curves, files, hyper_alone, json, plot, run, scale, soak, table, tether};
use clap::{Parser as _, ValueEnum as _};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// What a shell reports for a process that a signal ended.
const EXIT_INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.role {
        None => measure(&options),
        Some(role) => take(role),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("bench: {failure}");
        ExitCode::FAILURE
    })
}

fn take(role: &Role) -> Outcome<ExitCode> {
    match role {
        Role::Files { parts, rounds } => {
            return measure_group(*rounds, async |host, rounds| {
                files::run(host, rounds, parts).await
            });
        }
        Role::Http { rounds } => return measure_group(*rounds, http::run),
        Role::Tls { rounds, seconds } => {
            return measure_group(*rounds, async |host, rounds| {
                tls::run(host, rounds, *seconds).await
            });
        }
        Role::Services { rounds } => return measure_group(*rounds, services::run),
        Role::Scale(size) => {
            return measure_group(1, async |host, _| scale::run(host, *size).await);
        }
        Role::Curves { rounds, plot } => {
            return measure_group(*rounds, async |host, rounds| {
                curves::run(host, rounds, plot.as_deref()).await
            });
        }
        // It ends by itself at SIGINT, with a report.
        Role::Soak(size) => {
            return with_runtime(async |host| soak::run(host, *size).await.map(Some));
        }
        Role::Tether {
            parent,
            program,
            arguments,
        } => tether::become_program(*parent, program, arguments),
        Role::Copy(relay) => copy::run(relay.listen, relay.backend, relay.threads),
        Role::Floor(relay) => floor::run(relay.listen, relay.backend, relay.threads),
        Role::HyperAlone { listen } => hyper_alone::run(*listen),
        Role::Uring(relay) => uring::run(relay.listen, relay.backend, relay.threads),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Measures a group of cases that has no peers, unless SIGINT ends it.
fn measure_group(
    rounds: u32,
    group: impl AsyncFn(&Host, usize) -> Outcome<(String, bool)>,
) -> Outcome<ExitCode> {
    let rounds = usize::try_from(rounds).unwrap_or(usize::MAX);
    with_runtime(async |host| {
        let mut interrupt = signal(SignalKind::interrupt()).explain("SIGINT")?;
        tokio::select! {
            measured = group(host, rounds) => measured.map(Some),
            _ = interrupt.recv() => Ok(None),
        }
    })
}

/// Prints what a group gives back, and whether it is whole; nothing if it was interrupted.
fn with_runtime(
    group: impl AsyncFn(&Host) -> Outcome<Option<(String, bool)>>,
) -> Outcome<ExitCode> {
    let bench = env::current_exe().explain("the path of this program")?;
    let host = Host::new(bench)?;
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .explain("the runtime")?;
    let Some((text, is_whole)) = runtime.block_on(group(&host))? else {
        return Ok(ExitCode::from(EXIT_INTERRUPTED));
    };
    print(&text)?;
    if is_whole {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(
        "not everything was measured, or holds: see above",
    ))
}

fn measure(options: &Options) -> Outcome<ExitCode> {
    let bench = env::current_exe().explain("the path of this program")?;
    let mut host = Host::new(bench)?;
    host.kafka.clone_from(&options.kafka);
    if options.list {
        return print(&list(&host)).map(|()| ExitCode::SUCCESS);
    }
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .explain("the runtime")?;
    // On this thread, which lives as long as the process: children are tied to the thread that starts them.
    let report = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).explain("SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).explain("SIGTERM")?;
        tokio::select! {
            report = run::run(&host, options) => report.map(Some),
            _ = interrupt.recv() => Ok(None),
            _ = terminate.recv() => Ok(None),
        }
    })?;
    let Some(report) = report else {
        return Ok(ExitCode::from(EXIT_INTERRUPTED));
    };
    print(&table::render(&report))?;
    if let Some(path) = &options.json {
        let text = format!("{:#}\n", json::render(&report));
        std::fs::write(path, text).explain(&path.display().to_string())?;
    }
    if let Some(dir) = &options.plot {
        for name in plot::write(&report, dir)? {
            eprintln!("drawn: {}", dir.join(name).display());
        }
    }
    if report.is_whole() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new("not everything was measured: see above"))
}

fn list(host: &Host) -> String {
    let mut text = String::from("cases:\n");
    for case in Case::ALL {
        text += &entry(case.name(), case.summary(), case.missing(host));
    }
    text += "peers:\n";
    for peer in Peer::value_variants() {
        let value = peer.to_possible_value();
        let help = value.and_then(|value| value.get_help().map(ToString::to_string));
        text += &entry(peer.name(), &help.unwrap_or_default(), peer.missing(host));
    }
    text
}

fn entry(name: &str, what: &str, missing: Option<String>) -> String {
    let missing = missing.map_or_else(String::new, |why| format!(" (missing: {why})"));
    format!("  {name:<21}{what}{missing}\n")
}

fn print(text: &str) -> Outcome {
    io::stdout()
        .write_all(text.as_bytes())
        .explain("standard output")
}
