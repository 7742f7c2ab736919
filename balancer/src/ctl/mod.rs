//! `netsocket-balancer ctl`: controls a running balancer from the command line, through its admin HTTP.
//!
//! Owns the commands, their output and the exit codes. Does not own requests and answers: those belong to the API
//! (`docs/admin.md`). Imports no other folder but `config` (where the balancer is) and `observe::units`.
//!
//! # Examples
//!
//! ```
//! use clap::Parser as _;
//! use netsocket_balancer::{Command, Flags, ctl};
//! use socket2::{Domain, Socket, Type};
//!
//! // An address that is bound, but where nothing listens.
//! let taken = Socket::new(Domain::IPV4, Type::STREAM, None)?;
//! taken.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
//! let admin = taken.local_addr()?.as_socket().expect("an address").to_string();
//!
//! let flags = Flags::parse_from(["netsocket-balancer", "--admin", &admin, "ctl", "backends"]);
//! let Some(Command::Ctl(arguments)) = &flags.command else { unreachable!() };
//! let mut out = Vec::new();
//! let warn = |problem: &str| panic!("{problem}");
//! let error = ctl::run(&flags.layers(), arguments, |_| None, warn, &mut out, false).unwrap_err();
//! assert_eq!(error.exit_code(), 3);
//! assert!(error.to_string().contains(&admin));
//! # Ok::<(), std::io::Error>(())
//! ```

mod answer;
mod backends;
mod command;
mod complete;
mod console;
mod edit;
mod error;
mod http;
mod order;
mod rehearsal;
mod removal;
mod save;
mod secret_input;
mod secure;
mod settings_view;
mod table;
mod top;
mod values;
mod view;

use std::io::{self, Write};
use std::path::PathBuf;

use netsocket_credentials::FileError;
use netsocket_settings::{AdminAddress, AdminTarget, Flag, Layers, Problem, Problems};

use self::answer::{Differences, Reloaded, Sessions, Status, Transitions};
use self::backends::Ask;
pub use self::command::{Action, Arguments};
use self::complete::ADMIN;
use self::console::Console;
pub use self::error::CtlError;
use self::http::{Client, encoded, parsed};
pub use self::secret_input::new_secret;
pub use self::secure::{Connection, Trust, secured};
use self::top::Display;
use crate::config::AdminSettings;
use crate::config::secret_files::token;

/// Runs one command on the balancer that `layers` point to. `variable` reads an environment variable; `warn` receives
/// problems in the settings that do not matter here; `live` is whether `out` is a terminal. Returns what is to be said beside
/// the output, if anything.
///
/// # Errors
/// See [`CtlError`].
pub fn run(
    layers: &Layers<'_>,
    arguments: &Arguments,
    variable: impl Fn(&str) -> Option<String>,
    warn: impl FnOnce(&str),
    out: &mut impl Write,
    live: bool,
) -> Result<Option<String>, CtlError> {
    // https://no-color.org
    let colours = variable("NO_COLOR").is_none_or(|set| set.is_empty());
    let live = live && variable("TERM").is_none_or(|term| term != "dumb");
    let mut warned = None;
    let console = Console {
        client: client(layers, arguments, variable, |said| {
            warned = Some(said.to_owned());
        })?,
        json: arguments.json,
        display: match (arguments.json, live) {
            (true, _) => Display::Json,
            (false, true) => Display::Live { colours },
            (false, false) => Display::Text,
        },
    };
    // The answer of a reload says everything about the same file.
    if let Some(said) = warned.filter(|_| arguments.action != Action::Reload) {
        warn(&said);
    }
    match console.act(&arguments.action, out) {
        // Whoever read it has seen enough.
        Err(CtlError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
        ended => ended,
    }
}

/// For the completion of shells: prints the names that fit behind these words of a command line, one a line. `false`: no names
/// belong there.
///
/// # Errors
/// The balancer cannot be asked in time, or standard output cannot be written to.
pub fn complete(
    program: &clap::Command,
    words: &[String],
    variable: impl Fn(&str) -> Option<String>,
    out: &mut impl Write,
) -> Result<bool, CtlError> {
    let client =
        |layers: &Layers<'_>, arguments: &Arguments| client(layers, arguments, variable, |_| {});
    complete::complete(program, words, client, out)
}

/// The balancer that is meant, and the token for it.
fn client(
    layers: &Layers<'_>,
    arguments: &Arguments,
    variable: impl Fn(&str) -> Option<String>,
    warn: impl FnOnce(&str),
) -> Result<Client, CtlError> {
    let admin = admin_flag(layers);
    let settings = settings(layers, variable, warn)?;
    let place = match (admin, &settings) {
        (Some(given), _) => target(given)?,
        (None, Some(settings)) => AdminTarget::Known(reachable(&settings.address)?),
        (None, None) => {
            return Err(CtlError::Usage(
                "--admin ADDR: say which balancer".to_owned(),
            ));
        }
    };
    // On its own machine a balancer asks for no token, and the one of the settings may be newer than its start.
    let certificates = settings.as_ref().map(|settings| &settings.certificates[..]);
    let trust = trust(arguments, certificates.unwrap_or_default())?;
    let file = settings.and_then(|settings| settings.token_file);
    let token = match (&arguments.token_file, file) {
        (Some(file), _) => Some(token(file).map_err(|problem| {
            CtlError::Usage(format!("--token-file {}: {problem}", file.display()))
        })?),
        // It may be for others to read; the answer will tell.
        (None, Some(file)) if !place.is_local() => token(&file).ok(),
        _ => None,
    };
    Ok(Client::new(place, token, trust))
}

/// Whom to take for the balancer; `None`: it does not use TLS. `certificates` are the files of the settings.
fn trust(arguments: &Arguments, certificates: &[PathBuf]) -> Result<Option<Trust>, CtlError> {
    let usage = |error: FileError| CtlError::Usage(error.to_string());
    match &arguments.ca_file {
        Some(file) => {
            let trust = Trust::by_authorities(file, arguments.tls_name.clone());
            trust.map(Some).map_err(usage)
        }
        None => local_trust(certificates).map_err(usage),
    }
}

/// Whom a command on the balancer's own machine takes for it: whoever has one of the certificates in its settings.
///
/// # Errors
/// A file cannot be used.
pub fn local_trust(certificates: &[PathBuf]) -> Result<Option<Trust>, FileError> {
    if certificates.is_empty() {
        return Ok(None);
    }
    Trust::by_certificates(certificates).map(Some)
}

/// What the settings say of the balancer; `None` where the command line says it all.
fn settings(
    layers: &Layers<'_>,
    variable: impl Fn(&str) -> Option<String>,
    warn: impl FnOnce(&str),
) -> Result<Option<AdminSettings>, CtlError> {
    let is_given = admin_flag(layers).is_some();
    if is_given && layers.file.is_none() {
        return Ok(None);
    }
    let mut flags = layers.flags.clone();
    flags.retain(|(key, _)| *key != ADMIN);
    let others = Layers {
        file: layers.file,
        flags,
    };
    match AdminSettings::load(&others, variable) {
        Ok(settings) => {
            if let Some(ignored) = &settings.ignored {
                warn(&ignored.to_string());
            }
            Ok(Some(settings))
        }
        // It is known where the balancer is; only the token would have been of use.
        Err(Problems(problems)) if is_given => {
            let first = problems.first().map(Problem::line);
            warn(&first.unwrap_or_default());
            Ok(None)
        }
        Err(problems) => Err(CtlError::Usage(problems.to_string())),
    }
}

/// What `--admin` says.
fn admin_flag<'a>(layers: &'a Layers<'_>) -> Option<&'a str> {
    layers.flags.iter().find_map(|flag| match flag {
        (ADMIN, Flag::One(given)) => Some(given.as_str()),
        _ => None,
    })
}

/// What is given by `--admin`: also a name in place of an address.
fn target(given: &str) -> Result<AdminTarget, CtlError> {
    given
        .parse()
        .map_err(|error| CtlError::Usage(format!("--admin {given}: {error}")))
}

/// Where to connect for what listens there.
fn reachable(listens: &AdminAddress) -> Result<AdminAddress, CtlError> {
    if listens.tcp().is_some_and(|address| address.port() == 0) {
        let said = "admin: the system chose the port; pass it with --admin";
        return Err(CtlError::Usage(said.to_owned()));
    }
    Ok(listens.reachable())
}

impl Console {
    /// Shows how the running settings differ; returns from what, where that is no file.
    fn differences(&self, out: &mut impl Write) -> Result<Option<String>, CtlError> {
        let body = self.client.ask("GET", "/api/v1/config/differences", "")?;
        self.show(out, &body, settings_view::differences)?;
        let found: Differences = parsed(&body)?;
        let is_plain = found.settings_file.is_some() || found.differences.is_empty() || self.json;
        Ok((!is_plain).then(|| format!("compared with {}", settings_view::WITHOUT_FILE)))
    }

    /// Returns what is to be said beside the output.
    fn act(&self, action: &Action, out: &mut impl Write) -> Result<Option<String>, CtlError> {
        let done = match action {
            Action::Status => {
                self.read(out, "/api/v1/pools", |status: &Status| view::status(status))
            }
            Action::Backends => self.read(out, "/api/v1/pools", |status: &Status| {
                view::backends(status)
            }),
            Action::Sessions { backend } => {
                let which = backend
                    .as_ref()
                    .map(|name| format!("?backend={}", encoded(name)));
                let path = format!("/api/v1/sessions{}", which.unwrap_or_default());
                self.read(out, &path, |list: &Sessions| view::sessions(&list.sessions))
            }
            Action::Transitions => self.read(out, "/api/v1/transitions", |list: &Transitions| {
                view::transitions(&list.transitions)
            }),
            Action::Drain {
                names,
                deadline,
                spread,
                wait,
            } => self.drain(out, names, deadline.as_deref(), spread.as_deref(), *wait),
            Action::Ready { names } => self.each(out, names, &Ask::post("ready")).map(drop),
            Action::Maintenance { names } => {
                let ask = Ask::post("maintenance");
                self.each(out, names, &ask).map(drop)
            }
            Action::Weight { words } => {
                let (names, weight) = order::weighed(words)?;
                let ask = Ask {
                    method: "PUT",
                    what: "weight",
                    body: format!("{{\"weight\":{weight}}}"),
                };
                self.each(out, names, &ask).map(drop)
            }
            Action::Kill { ids, backend } => self.kill(out, ids, backend.as_deref()),
            Action::Relay { mode: None } => self.said(out, "GET", "/api/v1/relay", ""),
            Action::Relay { mode: Some(mode) } => {
                let body = serde_json::json!({ "mode": mode }).to_string();
                self.said(out, "PUT", "/api/v1/relay", &body)
            }
            Action::Reload => {
                let said = self.client.ask("POST", "/api/v1/reload", "")?;
                self.show(out, &said, |done: &Reloaded| settings_view::reloaded(done))
            }
            Action::Add { .. }
            | Action::Remove { .. }
            | Action::SetPool { .. }
            | Action::RemovePool { .. }
            | Action::SetService { .. }
            | Action::RemoveService { .. } => self.edit(out, action),
            Action::Diff => return self.differences(out),
            Action::Save { output: Some(file) } => {
                return save::replace(file, &self.settings()?).map(Some);
            }
            Action::Save { output: None } => Ok(out.write_all(self.settings()?.as_bytes())?),
            Action::Top { count } => top::top(&self.client, out, self.display, *count),
        };
        done.map(|()| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_met_here() {
        let met = |text: &str| reachable(&text.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(met("0.0.0.0:8404").unwrap(), "127.0.0.1:8404");
        assert_eq!(met("[::]:8404").unwrap(), "[::1]:8404");
        assert_eq!(met("10.0.0.5:1").unwrap(), "10.0.0.5:1");
        assert_eq!(met("unix:/x").unwrap(), "unix:/x");
        assert_eq!(met("127.0.0.1:0").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_balancer_is_given_by_address_name_or_socket() {
        assert!(matches!(
            target("127.0.0.1:1"),
            Ok(AdminTarget::Known(AdminAddress::Tcp(_)))
        ));
        assert!(matches!(
            target("unix:/x"),
            Ok(AdminTarget::Known(AdminAddress::Unix(_)))
        ));
        assert!(matches!(
            target("lb.example:8404"),
            Ok(AdminTarget::Named(_))
        ));
        assert_eq!(target("unix:x").unwrap_err().exit_code(), 2);
    }
}
