//! Which names fit where a command line of `ctl` ends, for the completion of shells: asked of the balancer itself.
//!
//! Owns: at which argument the words end, and that a shell never waits. Does not own: the scripts for shells.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Command;
use netsocket_settings::{Flag, Layers};

use super::answer::{Pool, Sessions, Status};
use super::command::{Action, Arguments};
use super::error::CtlError;
use super::http::{Client, parsed};
use crate::config::DEFAULT_NAME;

/// The key of `--admin`.
pub(super) const ADMIN: &str = "admin";
/// For all of it: a person waits for the letter that was typed.
const LIMIT: Duration = Duration::from_millis(500);

/// What the word that is typed may be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Backend,
    /// A backend, or the pool before it.
    BackendOrPool,
    /// One of this pool; any, where it is the name of a backend.
    BackendOf(String),
    Pool,
    /// One that is not at the top of the file.
    NamedPool,
    Service,
    Session,
}

/// Prints the names that fit behind these words of a command line, one a line. `false`: no names belong there. `client` finds
/// the balancer that is meant.
///
/// # Errors
/// The balancer cannot be asked in time, or standard output cannot be written to.
pub(super) fn complete(
    program: &Command,
    words: &[String],
    client: impl FnOnce(&Layers<'_>, &Arguments) -> Result<Client, CtlError>,
    out: &mut impl Write,
) -> Result<bool, CtlError> {
    let typed = Typed::of(program, words);
    // Not every shell is told of them otherwise.
    for value in &typed.values {
        writeln!(out, "{value}")?;
    }
    if !typed.values.is_empty() {
        return Ok(true);
    }
    let Some(wanted) = typed.wanted() else {
        return Ok(false);
    };
    let client = typed.client(client)?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(names(&client, &wanted));
    });
    let late = |_| CtlError::Unreachable("no answer in time".to_owned());
    for name in receiver.recv_timeout(LIMIT).map_err(late)?? {
        // A name is a line.
        let is_typed = typed.places.contains(&name);
        if !is_typed && !name.contains(char::is_control) {
            writeln!(out, "{name}")?;
        }
    }
    Ok(true)
}

/// The words of a command line, as far as they matter here.
#[derive(Debug, Default)]
struct Typed {
    commands: Vec<String>,
    /// Arguments of the last command.
    places: Vec<String>,
    flags: BTreeMap<String, String>,
    /// The flag whose value comes next.
    flag: Option<String>,
    /// What the next argument may be, where its command line says that.
    values: Vec<String>,
}

impl Typed {
    fn of(program: &Command, words: &[String]) -> Self {
        let mut typed = Self::default();
        let mut chain = vec![program];
        for word in glued(words) {
            if let Some(flag) = typed.flag.take() {
                typed.flags.insert(flag, word);
            } else if let Some(flag) = word.strip_prefix("--") {
                let (name, value) = match flag.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (flag, None),
                };
                let mut known = chain.iter().flat_map(|command| command.get_arguments());
                let takes = known
                    .find(|it| it.get_long() == Some(name))
                    .is_some_and(|it| it.get_action().takes_values());
                match value {
                    Some(value) => {
                        typed.flags.insert(name.to_owned(), value.to_owned());
                    }
                    None => typed.flag = takes.then(|| name.to_owned()),
                }
            } else if let Some(command) = chain.last().and_then(|it| it.find_subcommand(&word)) {
                chain.push(command);
                typed.commands.push(word);
            } else if !word.starts_with('-') {
                typed.places.push(word);
            }
        }
        let next = chain
            .last()
            .and_then(|it| it.get_positionals().nth(typed.places.len()));
        if let Some(next) = next.filter(|_| typed.flag.is_none()) {
            let values = next.get_possible_values().into_iter();
            typed.values = values.map(|value| value.get_name().to_owned()).collect();
        }
        typed
    }

    fn wanted(&self) -> Option<Wanted> {
        let [ctl, action] = self.commands.as_slice() else {
            return None;
        };
        if ctl != "ctl" {
            return None;
        }
        let place = self.places.len();
        match (action.as_str(), self.flag.as_deref(), place) {
            ("sessions" | "kill", Some("backend"), _) => Some(Wanted::Backend),
            (_, Some(_), _) => None,
            ("drain" | "ready" | "maintenance" | "weight", None, _) => Some(Wanted::Backend),
            ("remove", None, 0) => Some(Wanted::BackendOrPool),
            ("remove", None, _) => self.places.first().cloned().map(Wanted::BackendOf),
            ("add", None, 0) => Some(Wanted::Pool),
            ("set-pool", None, 0) | ("remove-pool", None, _) => Some(Wanted::NamedPool),
            ("set-service", None, 0) | ("remove-service", None, _) => Some(Wanted::Service),
            ("kill", None, _) if !self.flags.contains_key("backend") => Some(Wanted::Session),
            _ => None,
        }
    }

    fn client(
        &self,
        client: impl FnOnce(&Layers<'_>, &Arguments) -> Result<Client, CtlError>,
    ) -> Result<Client, CtlError> {
        let path = |flag: &str| self.flags.get(flag).map(Into::into);
        let arguments = Arguments {
            token_file: path("token-file"),
            ca_file: path("ca-file"),
            tls_name: self.flags.get("tls-name").cloned(),
            json: false,
            action: Action::Status,
        };
        let config = self.flags.get("config").map(std::path::PathBuf::from);
        let admin = self.flags.get(ADMIN).cloned();
        let layers = Layers {
            file: config.as_deref(),
            flags: admin.into_iter().map(|it| (ADMIN, Flag::One(it))).collect(),
        };
        client(&layers, &arguments)
    }
}

/// Bash cuts words at these signs.
fn glued(words: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut joins = false;
    for word in words {
        let is_sign = !word.is_empty() && word.bytes().all(|byte| b":=".contains(&byte));
        match all.last_mut() {
            Some(last) if is_sign || joins => last.push_str(word),
            _ => all.push(word.clone()),
        }
        joins = is_sign;
    }
    all
}

fn names(client: &Client, wanted: &Wanted) -> Result<Vec<String>, CtlError> {
    if *wanted == Wanted::Session {
        let list: Sessions = parsed(&client.ask("GET", "/api/v1/sessions", "")?)?;
        return Ok(list.sessions.into_iter().map(|it| it.id).collect());
    }
    let status: Status = parsed(&client.ask("GET", "/api/v1/pools", "")?)?;
    let backends = || status.backends().map(|it| it.full_name());
    let pools = || status.pools.iter().map(|it| it.name.clone());
    Ok(match wanted {
        Wanted::Backend | Wanted::Session => backends().collect(),
        Wanted::BackendOrPool => backends().chain(pools()).collect(),
        Wanted::BackendOf(pool) => {
            let pool = status.pools.iter().find(|it| it.name == *pool);
            pool.map_or_else(|| backends().collect(), Pool::entries)
        }
        Wanted::Pool => pools().collect(),
        Wanted::NamedPool => pools().filter(|name| name != DEFAULT_NAME).collect(),
        Wanted::Service => status.services.iter().map(|it| it.name.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Args as _};

    use super::*;

    fn typed(line: &str) -> Typed {
        let ctl = Arguments::augment_args(Command::new("ctl"));
        let admin = Arg::new("admin").long("admin").global(true);
        let program = Command::new("x").arg(admin).subcommand(ctl);
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Typed::of(&program, &words)
    }

    #[test]
    fn names_belong_where_an_argument_is_one() {
        let of = |pool: &str| Wanted::BackendOf(pool.to_owned());
        for (line, wanted) in [
            ("", None),
            ("ctl", None),
            ("ctl drain", Some(Wanted::Backend)),
            ("ctl drain --wait", Some(Wanted::Backend)),
            ("ctl drain --deadline", None),
            ("ctl drain --deadline 9s", Some(Wanted::Backend)),
            ("ctl drain a", Some(Wanted::Backend)),
            (
                "--admin 127.0.0.1 : 1 ctl --json ready",
                Some(Wanted::Backend),
            ),
            ("ctl --admin = 127.0.0.1 : 1 weight", Some(Wanted::Backend)),
            ("ctl weight a", Some(Wanted::Backend)),
            ("ctl remove", Some(Wanted::BackendOrPool)),
            ("ctl remove files", Some(of("files"))),
            ("ctl remove files a", Some(of("files"))),
            ("ctl add", Some(Wanted::Pool)),
            ("ctl remove-pool", Some(Wanted::NamedPool)),
            ("ctl remove-service", Some(Wanted::Service)),
            ("ctl kill", Some(Wanted::Session)),
            ("ctl kill 0-1-2", Some(Wanted::Session)),
            ("ctl remove-pool p", Some(Wanted::NamedPool)),
            ("ctl set-pool p", None),
            ("ctl kill --backend", Some(Wanted::Backend)),
            ("ctl kill --backend a", None),
            ("ctl sessions", None),
            ("ctl status", None),
        ] {
            assert_eq!(typed(line).wanted(), wanted, "{line}");
        }
    }

    #[test]
    fn what_an_argument_may_be_needs_no_balancer() {
        assert_eq!(typed("ctl relay").values, ["auto", "copy", "splice"]);
        for line in ["ctl relay --admin", "ctl relay auto", "ctl drain"] {
            assert_eq!(typed(line).values, [""; 0], "{line}");
        }
    }

    #[test]
    fn the_address_is_found_in_any_form() {
        for line in [
            "--admin 127.0.0.1:1 ctl drain",
            "ctl drain --admin=127.0.0.1:1",
            "ctl --admin = 127.0.0.1 : 1 drain",
        ] {
            let typed = typed(line);
            assert_eq!(typed.flags.get("admin").unwrap(), "127.0.0.1:1", "{line}");
        }
    }
}
